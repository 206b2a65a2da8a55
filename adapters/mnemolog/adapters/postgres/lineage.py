"""What was made from what, to whom it was told, and who wrote it: asked of the catalogue and of the audit's view."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.lineage import Derivation
from mnemolog.projections.accesses import READS


class Telling(NamedTuple):
    """An answer, and which of the memories in question it told."""

    position: int
    recorded_at: datetime
    kind: str
    actor_id: UUID | None
    on_behalf_of: UUID | None
    memory_ids: list[UUID]


class Lineages:
    """Of one tenant."""

    def __init__(self, datastore: PostgresDatastore, tenant_id: UUID) -> None:
        self._datastore = datastore
        self._tenant_id = tenant_id

    def derived(self, memory_ids: Sequence[UUID]) -> list[Derivation]:
        """What was made from these, one step away."""
        return [Derivation._make(row) for row in self._rows("derived", {"memory_ids": list(memory_ids)})]

    def origins(self, memory_ids: Sequence[UUID]) -> list[Derivation]:
        """What these were made from, one step away."""
        return [Derivation._make(row) for row in self._rows("origins", {"memory_ids": list(memory_ids)})]

    def told(
        self, since: Mapping[UUID, int], own: Collection[UUID], me: UUID | None, before: int, limit: int
    ) -> list[Telling]:
        """Newest first. `me` is whoever may know only what they asked, and who was told of what is their `own`."""
        facts = {
            "memory_ids": list(since),
            "since": list(since.values()),
            "own": [memory_id in own for memory_id in since],
            "me": me,
            "before": before,
            "limit": limit,
            "kinds": sorted(READS),
        }
        return [Telling._make(row) for row in self._rows("told", facts)]

    def deeds(self, actor_id: UUID, after: int, upto: int, kinds: Collection[str], limit: int) -> list[int]:
        """The positions of after < position <= upto at which somebody wrote something of these kinds."""
        facts = {"actor_id": actor_id, "after": after, "upto": upto, "kinds": sorted(kinds), "limit": limit}
        return [position for (position,) in self._rows("deeds", facts)]

    def _rows(self, name: str, facts: dict[str, Any]) -> list[Row]:
        facts["tenant_id"] = self._tenant_id
        return fetch(self._datastore, QUERIES[name], facts, tenant_id=self._tenant_id)
