"""The view of who did, saw and was refused what, in Postgres, and the questions to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from mnemolog.adapters.postgres.connection import fetch
from mnemolog.adapters.postgres.rows import as_json
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tracked import Cursor, TrackedView
from mnemolog.domain.access import Access
from mnemolog.domain.log import LAST, Event
from mnemolog.projections.accesses import Folded, Owners, fold, memories_named

TABLES = ("access", "access_pattern", "access_process")
# The columns of the table `access`, in the order of its rows.
ACCESS = [
    "position",
    "tenant_id",
    "kind",
    "code",
    "actor_id",
    "on_behalf_of",
    "session_id",
    "cube_ids",
    "memory_ids",
    "involved",
    "recorded_at",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFilter:
    """What an audit is narrowed to; None is no condition. `actor_id` also finds what was done for that principal."""

    actor_id: UUID | None = None
    memory_id: UUID | None = None
    cube_id: UUID | None = None
    session_id: UUID | None = None
    kinds: tuple[str, ...] | None = None
    code: str | None = None
    refused: bool | None = None


class AccessFound(NamedTuple):
    position: int
    kind: str
    code: str | None
    actor_id: UUID | None
    on_behalf_of: UUID | None
    session_id: UUID | None
    cube_ids: list[UUID]
    memory_ids: list[UUID]
    recorded_at: datetime


class AccessPattern(NamedTuple):
    """How often a memory was told to somebody, and when last."""

    memory_id: UUID
    owner_id: UUID
    reads: int
    last_position: int | None
    last_read_at: datetime | None


class Unclosed(NamedTuple):
    """A process that has not said that it ended. `version` is that of the last event of its stream."""

    process_id: UUID
    tenant_id: UUID
    stream_id: UUID
    version: int
    last_position: int


class PostgresAccesses(TrackedView):
    name = "access"
    version = 1
    CLEAR = "clear_access"

    def page(
        self,
        tenant_id: UUID,
        wanted: AccessFilter,
        involving: UUID | None,
        before: int = LAST,
        after: int = 0,
        limit: int = 50,
    ) -> list[AccessFound]:
        """Newest first, of after < position < before; only what involves a principal when one is given."""
        facts = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(wanted).items()}
        bounds = {"tenant_id": tenant_id, "involving": involving, "before": before, "after": after, "limit": limit}
        return [AccessFound._make(row) for row in self._rows("accesses_page", facts | bounds)]

    def patterns(self, tenant_id: UUID, memory_ids: Sequence[UUID]) -> dict[UUID, AccessPattern]:
        facts = {"tenant_id": tenant_id, "memory_ids": list(memory_ids)}
        return {row[0]: AccessPattern._make(row) for row in self._rows("access_patterns", facts)}

    def unclosed(self) -> list[Unclosed]:
        return [Unclosed._make(row) for row in self._rows("unclosed_processes", {})]

    def digest(self) -> str:
        with self.cursor() as cursor:
            return _digest(cursor)

    def compared(self, pages: Callable[[int], Iterable[Sequence[Event]]]) -> tuple[int, bool]:
        """The position, and whether the view is what `pages` up to there make. Nothing is changed."""
        with self.cursor() as cursor, cursor.connection.transaction():
            position = self._take_turn(cursor)
            held = _digest(cursor)
            with cursor.connection.transaction(force_rollback=True):
                self._made_anew(cursor, pages(position), position)
                made = _digest(cursor)
        return position, made == held

    def fold(self, cursor: Cursor, events: Sequence[Event]) -> None:
        found = fold(events, self._owners(cursor, memories_named(events)))
        if found.owners:
            columns = [(memory_id, *owner) for memory_id, owner in found.owners.items()]
            cursor.execute(QUERIES["begin_patterns"], _arrays(columns, "memory_ids", "tenant_ids", "owner_ids"))
        cursor.execute(QUERIES["begin_accesses"], {"rows": as_json(ACCESS, found.rows)})
        _count(cursor, found)
        for event in found.processes:
            cursor.execute(QUERIES[_STATEMENTS[event.type]], _process(event))
        if found.reached:
            columns_of = [(*process, position) for process, position in found.reached.items()]
            cursor.execute(QUERIES["reach_process"], _arrays(columns_of, "process_ids", "tenant_ids", "positions"))

    def _owners(self, cursor: Cursor, memory_ids: list[UUID]) -> Owners:
        if not memory_ids:
            return {}
        rows = cursor.execute(QUERIES["memory_owners"], {"memory_ids": memory_ids})
        return {memory_id: (tenant_id, owner_id) for memory_id, tenant_id, owner_id in rows}

    def _rows(self, name: str, facts: dict[str, Any]) -> list[tuple[Any, ...]]:
        return fetch(self._datastore, QUERIES[name], facts)


_STATEMENTS: Mapping[str, str] = {
    Access.Opened.TOPIC: "open_process",
    Access.Closed.TOPIC: "end_process",
    Access.GapDeclared.TOPIC: "end_process",
}


def _count(cursor: Cursor, found: Folded) -> None:
    if found.reads:
        columns = [(memory_id, each.count, each.position, each.moment) for memory_id, each in found.reads.items()]
        cursor.execute(QUERIES["count_reads"], _arrays(columns, "memory_ids", "reads", "positions", "moments"))


def _process(event: Event) -> dict[str, Any]:
    return {
        "process_id": UUID(event.data["process_id"]),
        "tenant_id": event.tenant_id,
        "stream_id": event.stream_id,
        "version": event.version,
        "position": event.position,
    }


def _arrays(rows: Sequence[tuple[Any, ...]], *names: str) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _digest(cursor: Cursor) -> str:
    digest = hashlib.sha256()
    for table in TABLES:
        for (line,) in cursor.execute(QUERIES["digest_" + table]):
            digest.update(line.encode())
    return digest.hexdigest()
