"""What the capabilities are built from: the log, the views, the model, the clock. Wired once for each open store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from mnemolog.adapters.analytics.queries import QueryProcesses
from mnemolog.adapters.openid import TokenVerifier
from mnemolog.adapters.postgres.accesses import PostgresAccesses
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.directory import CubeRow, Directory
from mnemolog.adapters.postgres.embeddings import CachedEmbeddings
from mnemolog.adapters.postgres.erasures import PostgresErasures
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.adapters.postgres.policies import Policies
from mnemolog.adapters.postgres.registry import Registry
from mnemolog.adapters.tombstones import Tombstones, tombstones_of
from mnemolog.api.key_uses import KeyUses
from mnemolog.api.settings import Settings
from mnemolog.api.trail import Trail
from mnemolog.domain.cube import NAME
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Appended, Clock, Origin
from mnemolog.domain.permissions import Action, Caller, CubeLabel, Reading
from mnemolog.domain.policy import Policy
from mnemolog.domain.refusals import CubeNotFound, Denied, InvalidPosition
from mnemolog.projections.compiled import Graphs
from mnemolog.projections.forgetting import Forgetting
from mnemolog.projections.recall import Views
from mnemolog.projections.reranking import Reranker
from mnemolog.projections.residence import Residence
from mnemolog.projections.runner import Runner

CATALOGUE = ("catalogue",)
RECALL = ("catalogue", "labels", "scopes", "terms", "turns", "vectors")
ACCESS = ("access",)
GRAPH = ("catalogue", "edges", "scopes")
EVERY = tuple(sorted({*RECALL, *GRAPH}))


def never(view: str, cube_id: UUID) -> bool:
    return False


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
    residence: Residence
    policies: Policies
    accesses: PostgresAccesses
    trail: Trail
    reranker: Reranker | None = None
    tokens: TokenVerifier | None = None
    is_kept: Callable[[str, UUID], bool] = never  # whether a view has a file of a cube
    registry: Registry = field(init=False)
    key_uses: KeyUses = field(init=False)
    erasures: PostgresErasures = field(init=False)
    tombstones: Tombstones = field(init=False)
    queries: QueryProcesses = field(init=False)
    forgetting: list[Forgetting] = field(default_factory=list)  # besides the views that the runner keeps up
    appended_events: int = 0
    _written: int = 0
    _ruled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.registry = Registry(self.application.datastore)
        self.key_uses = KeyUses(self.registry)
        self.erasures = PostgresErasures(self.application.datastore)
        self.tombstones = tombstones_of(self.settings.home, self.application.keyring.derived)
        self.queries = QueryProcesses(self.settings.queries_at_once)

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

    def cube(self, caller: Caller, cube: str | UUID, action: Action = Action.READ) -> CubeRow:
        """A cube of which this caller may read something, or into which it may write.

        Raises CubeNotFound, also for one that is not its own, and Denied for one that it may read and not write.
        """
        known = isinstance(cube, UUID) or NAME.fullmatch(cube)
        row = self.directory.cube(caller.tenant_id, cube) if known else None
        if row is None or not self._may_use(caller, Action.READ, row):
            raise CubeNotFound(cube=cube)
        if action is not Action.READ and not self._may_use(caller, action, row):
            raise Denied(action=f"{action} in this cube")
        return row

    def policy(self, caller: Caller) -> tuple[Policy, int]:
        """The grants of the caller's tenant, and the position of the log up to which they are known."""
        return self.policies.now(caller.tenant_id)

    def reading(self, caller: Caller, cube_id: UUID) -> Reading:
        """What grants let this caller read in a cube, and whoever it acts on behalf of."""
        return self.policy(caller)[0].reading(caller, cube_id, self.clock.now())

    def _may_use(self, caller: Caller, action: Action, row: CubeRow) -> bool:
        label = CubeLabel(row.tenant_id, row.owner_id)
        return self.policy(caller)[0].may_use_cube(caller, action, label, row.cube_id, self.clock.now())


def origin(caller: Caller) -> Origin:
    """Of one append. Where no request has an id, each append gets one of its own: it says what belongs together."""
    return Origin(caller.principal_id, caller.on_behalf_of, caller.request_id or new_id())


def require_administrator(caller: Caller, action: str) -> None:
    """Raises Denied for others, and for a key of one that does not reach so far."""
    if not is_administrator(caller):
        raise Denied(action=action)


def require_operator(parts: Parts, caller: Caller, action: str) -> None:
    """An administrator of the tenant that founded the installation: for what is of all tenants. Raises Denied."""
    founder = parts.registry.founder()
    if not is_administrator(caller) or founder is None or founder[1] != caller.tenant_id:
        raise Denied(action=action)


def is_administrator(caller: Caller) -> bool:
    """An agent administers for itself alone: what it does on behalf of somebody is bounded by that one's rights."""
    return caller.administrator and caller.on_behalf_of is None and reaches(caller, Action.ADMINISTER)


def reaches(caller: Caller, action: Action) -> bool:
    """Whether the caller's key may be used for this; what the caller itself may do is another question."""
    return caller.scopes is None or action in caller.scopes
