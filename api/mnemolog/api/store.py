"""The store as a program uses it: a bundle of capabilities for one caller, and nothing of its own."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from mnemolog.api import status as status_of
from mnemolog.api.analytics import Analytics
from mnemolog.api.audit import Audit
from mnemolog.api.bundles import Bundles
from mnemolog.api.credentials import authenticate
from mnemolog.api.cubes import Cubes
from mnemolog.api.erasures import Erasures
from mnemolog.api.evidence import Evidence
from mnemolog.api.grants import Grants
from mnemolog.api.graph import Graph
from mnemolog.api.groups import Groups
from mnemolog.api.imports import Imports
from mnemolog.api.influence import Influence
from mnemolog.api.lineage import Lineage
from mnemolog.api.log import Log
from mnemolog.api.memories import Memories
from mnemolog.api.moments import At, parse_at
from mnemolog.api.parts import Parts
from mnemolog.api.permissions import Permissions
from mnemolog.api.principals import Principals
from mnemolog.api.recall import Recall
from mnemolog.api.replay import Replay
from mnemolog.api.reports import Reports
from mnemolog.api.retract import Retract
from mnemolog.api.segments import Segments
from mnemolog.api.settings import Settings
from mnemolog.api.sweeper import sweep
from mnemolog.api.tenants import Tenants
from mnemolog.api.time_travel import TimeTravel
from mnemolog.api.views import Views
from mnemolog.api.wiring import opened, owner_key
from mnemolog.domain.content import check_label
from mnemolog.domain.log import Clock
from mnemolog.domain.permissions import Caller
from mnemolog.projections.embedding import Embedder


class Store:
    """What `caller` can do. Use it as a context manager, or close it."""

    def __init__(self, parts: Parts, caller: Caller, closing: ExitStack | None = None) -> None:
        self.parts = parts
        self.caller = caller
        self.memories = Memories(parts, caller)
        self.imports = Imports(parts, caller)
        self.recall = Recall(parts, caller)
        self.graph = Graph(parts, caller)
        self.lineage = Lineage(parts, caller)
        self.influence = Influence(parts, caller)
        self.retract = Retract(parts, caller)
        self.cubes = Cubes(parts, caller)
        self.erasures = Erasures(parts, caller)
        self.principals = Principals(parts, caller)
        self.groups = Groups(parts, caller)
        self.grants = Grants(parts, caller)
        self.permissions = Permissions(parts, caller)
        self.tenants = Tenants(parts, caller)
        self.time = TimeTravel(parts, caller)
        self.log = Log(parts, caller)
        self.audit = Audit(parts, caller)
        self.analytics = Analytics(parts, caller)
        self.reports = Reports(parts, caller)
        self.views = Views(parts, caller)
        self.segments = Segments(parts, caller)
        self.replay = Replay(parts, caller)
        self.evidence = Evidence(parts, caller)
        self.bundles = Bundles(parts, caller)
        self._closing = closing or ExitStack()

    def acting_as(self, key: str, *, session_id: UUID | None = None, request_id: UUID | None = None) -> Store:
        """The same store for the holder of another key. Raises NotAuthenticated."""
        return Store(self.parts, authenticate(self.parts, key, session_id=session_id, request_id=request_id))

    def in_session(self, session_id: UUID) -> Store:
        """The same caller within a session: it also recalls what is in quarantine there."""
        return Store(self.parts, replace(self.caller, session_id=session_id))

    def for_purpose(self, purpose: str) -> Store:
        """The same caller, who says what for: a memory with purposes is used for those alone. Raises InvalidText."""
        return Store(self.parts, replace(self.caller, purpose=check_label("The purpose", purpose)))

    def asked_from(self, *, address: str | None = None, app: str | None = None) -> Store:
        """The same caller at a network address or with an app: grants may ask for these. Raises InvalidText."""
        named = None if app is None else check_label("The app", app)
        return Store(self.parts, replace(self.caller, address=address, app=named))

    def at(self, text: str | None) -> At:
        """A moment as people write it: a position, a time with its zone, `-2h`. Raises Invalid."""
        return None if text is None else parse_at(text, self.parts.clock.now())

    def status(self) -> status_of.Status:
        return status_of.status(self.parts, self.caller)

    def sweep(self) -> int:
        """Archive what has expired; returns how many. Reads do not depend on it."""
        return sweep(self.parts)

    def close(self) -> None:
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(
    home: Path | str | None = None,
    dsn: str | None = None,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    embedder: Embedder | None = None,
) -> Store:
    """A store, as its owner: embedded in `home`, or in the database at `dsn`.

    What is not given comes from the environment. At the first start it makes the database, a tenant, the owner's key
    and a cube called `main`. Raises StoreUnreachable, PostgresNotFound, KeyUnavailable, NotAuthenticated.
    """
    chosen = settings or Settings.from_environment()
    chosen = replace(chosen, home=Path(home) if home is not None else chosen.home, dsn=dsn or chosen.dsn)
    closing = ExitStack()
    try:
        parts = closing.enter_context(opened(chosen, clock=clock, embedder=embedder))
        key = owner_key(parts)
        who = authenticate(parts, key)
    except BaseException:
        closing.close()
        raise
    logging.getLogger(__name__).debug("store open at %s", "a DSN" if chosen.dsn else chosen.home)
    return Store(parts, who, closing)
