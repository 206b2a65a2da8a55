"""Questions to the catalogue about erasures: what they reach, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.erasure import Doomed, Kind


@dataclass(frozen=True, slots=True)
class ErasureRow:
    erasure_id: UUID
    tenant_id: UUID
    kind: Kind
    target_id: UUID
    basis: str
    requested_by: UUID | None
    begun_at: datetime
    position: int
    completed_position: int | None
    receipt: str | None


class Reach(NamedTuple):
    """How many memories an erasure would reach, and of those: under legal hold, about other subjects too."""

    memories: int
    held: int
    shared: int


class PostgresErasures:
    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore

    def one(self, tenant_id: UUID, erasure_id: UUID) -> ErasureRow | None:
        rows = self._erasures("erasure", {"tenant_id": tenant_id, "erasure_id": erasure_id}, tenant_id)
        return rows[0] if rows else None

    def of(self, target_id: UUID) -> ErasureRow | None:
        """The first of a memory or a data subject."""
        rows = self._erasures("erasure_of", {"target_id": target_id})
        return rows[0] if rows else None

    def page(self, tenant_id: UUID, after: int, limit: int) -> list[ErasureRow]:
        return self._erasures("erasures_page", {"tenant_id": tenant_id, "after": after, "limit": limit}, tenant_id)

    def unfinished(self) -> list[ErasureRow]:
        """Of all tenants, oldest first."""
        return self._erasures("erasures_unfinished", {})

    def reach(self, subject_id: UUID) -> Reach:
        return Reach._make(self._rows("doomed_counts", {"subject_id": subject_id})[0])

    def doomed(self, subject_id: UUID) -> list[Doomed]:
        """The memories of a data subject that are not erased yet."""
        return [_doomed(row) for row in self._rows("doomed_memories", {"subject_id": subject_id})]

    def doomed_memory(self, memory_id: UUID) -> list[Doomed]:
        """None when it is erased."""
        return [_doomed(row) for row in self._rows("doomed_memory", {"memory_id": memory_id})]

    def erased_subjects(self, subject_ids: Sequence[UUID]) -> list[UUID]:
        """Which of these were erased."""
        return [subject_id for (subject_id,) in self._rows("erased_subjects", {"subject_ids": list(subject_ids)})]

    def _erasures(self, name: str, facts: dict[str, Any], tenant_id: UUID | None = None) -> list[ErasureRow]:
        return [ErasureRow(row[0], row[1], Kind(row[2]), *row[3:]) for row in self._rows(name, facts, tenant_id)]

    def _rows(self, name: str, facts: dict[str, Any], tenant_id: UUID | None = None) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts, tenant_id=tenant_id)


def _doomed(row: Row) -> Doomed:
    return Doomed(row[0], row[1], row[2], row[3], tuple(row[4]))
