"""What the capabilities are built from: the log, the views, the model, the clock. Wired once for each open store."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from uuid import UUID

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.directory import CubeRow, Directory
from mnemolog.adapters.postgres.embeddings import CachedEmbeddings
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.api.settings import Settings
from mnemolog.domain.cube import NAME
from mnemolog.domain.log import Appended, Clock, Origin
from mnemolog.domain.permissions import Caller, CubeLabel, may_use_cube
from mnemolog.domain.refusals import CubeNotFound, Denied, InvalidPosition
from mnemolog.projections.compiled import Graphs
from mnemolog.projections.recall import Views
from mnemolog.projections.reranking import Reranker
from mnemolog.projections.runner import Runner

CATALOGUE = ("catalogue",)
RECALL = ("catalogue", "labels", "scopes", "terms", "turns", "vectors")
GRAPH = ("catalogue", "edges", "scopes")
EVERY = tuple(sorted({*RECALL, *GRAPH}))


@dataclass
class Parts:
    settings: Settings
    clock: Clock
    application: LogApplication
    log: PostgresLog
    wakeups: LogWakeups
    catalogue: PostgresCatalogue
    directory: Directory
    embeddings: CachedEmbeddings
    views: Views
    graphs: Graphs
    runner: Runner
    reranker: Reranker | None = None
    appended_events: int = 0
    _written: int = 0
    _ruled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin_at(self, head: int) -> None:
        """What was in the log when the store was opened is read like its own writes, never half of it."""
        with self._lock:
            self._written = self._ruled = max(self._written, head)

    def written(self, appended: Appended, *, rules: bool = False) -> Appended:
        """Remember how far this process has written, so that its own reads see it.

        `rules` are changes of cubes, principals and data subjects: what decides about later writes.
        """
        with self._lock:
            self._written = max(self._written, appended.last)
            self._ruled = max(self._ruled, appended.last) if rules else self._ruled
            self.appended_events += 0 if appended.replayed else appended.last - appended.first + 1
        return appended

    def wait(self, views: tuple[str, ...], at_least: int | None = None) -> None:
        """Until the views have reached `at_least`, by default what this process wrote last.

        Raises InvalidPosition for one that the log has not reached, ProjectionBehind when the views take too long.
        """
        if at_least is None:
            at_least = self._written
        elif at_least < 0:
            raise InvalidPosition(value=at_least, reason="positions start at 1, and 0 is before the first")
        elif at_least > self._written and at_least > (head := self.log.head()):
            raise InvalidPosition(value=at_least, reason=f"the log ends at {head}")
        self.runner.wait(views, at_least, self.settings.wait_seconds)

    def wait_for_rules(self) -> None:
        """Until the catalogue knows the rules that this process has made: memories alone are not waited for."""
        self.runner.wait(CATALOGUE, self._ruled, self.settings.wait_seconds)

    def cube(self, caller: Caller, cube: str | UUID) -> CubeRow:
        """A cube that this caller may read and write. Raises CubeNotFound, also for one that is not its own."""
        known = isinstance(cube, UUID) or NAME.fullmatch(cube)
        row = self.directory.cube(caller.tenant_id, cube) if known else None
        if row is None or not may_use_cube(caller, CubeLabel(row.tenant_id, row.owner_id)):
            raise CubeNotFound(cube=cube)
        return row


def origin(caller: Caller) -> Origin:
    return Origin(actor_id=caller.principal_id, request_id=caller.request_id)


def require_administrator(caller: Caller, action: str) -> None:
    if not caller.administrator:
        raise Denied(action=action)
