"""The grants and groups of a tenant, as the catalogue has them: read when they have changed, and kept until then."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.grants import Terms
from mnemolog.domain.policy import Policy, Rule


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant as it was issued, also when it was revoked at `to_position`."""

    grant_id: UUID
    granted_by: UUID
    cube_id: UUID | None
    terms: Terms
    from_position: int
    to_position: int | None


class Policies:
    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore
        self._lock = threading.Lock()
        self._kept: dict[UUID, Policy] = {}

    def now(self, tenant_id: UUID) -> tuple[Policy, int]:
        """What holds, and the position of the log up to which it is known to hold. Raises StoreUnreachable."""
        ((reached, epoch),) = self._rows("rules_epoch", {"tenant_id": tenant_id})
        with self._lock:
            kept = self._kept.get(tenant_id)
        if kept is None or kept.position != epoch:
            kept = self._read(tenant_id, epoch, reached)
            with self._lock:
                self._kept[tenant_id] = kept
        return kept, reached

    def at(self, tenant_id: UUID, position: int) -> Policy:
        """What held at a position."""
        return self._read(tenant_id, position, position)

    def grant(self, tenant_id: UUID, grant_id: UUID) -> GrantRow | None:
        rows = self._rows("grant", {"tenant_id": tenant_id, "grant_id": grant_id})
        return _grant(rows[0]) if rows else None

    def grants(
        self,
        tenant_id: UUID,
        after: int,
        limit: int,
        *,
        knower_id: UUID | None = None,
        belongs: Collection[UUID] = (),
        subject_id: UUID | None = None,
        resource_id: UUID | None = None,
        revoked: bool = False,
    ) -> list[GrantRow]:
        """`knower_id` is who asks, and `belongs` the groups it belongs to and itself; None may know of all."""
        facts = {
            "tenant_id": tenant_id,
            "after": after,
            "limit": limit,
            "knower_id": knower_id,
            "belongs": [str(each) for each in belongs],
            "subject_id": subject_id,
            "resource_id": resource_id,
            "revoked": revoked,
        }
        return [_grant(row) for row in self._rows("grants_page", facts)]

    def _read(self, tenant_id: UUID, epoch: int, at: int) -> Policy:
        """Every statement tells of position `at`, whatever the catalogue reaches between two of them."""
        facts = {"tenant_id": tenant_id, "at": at}
        rules = tuple(
            Rule(grant_id, Terms.from_json(terms), granted_by, cube_id)
            for grant_id, granted_by, cube_id, terms in self._rows("rules", facts)
        )
        groups: dict[UUID, set[UUID]] = {}
        for member, group in self._rows("memberships", facts):
            groups.setdefault(member, set()).add(group)
        return Policy(
            tenant_id,
            epoch,
            rules,
            groups={member: frozenset(found) for member, found in groups.items()},
            administrators=frozenset(each for (each,) in self._rows("administrators", facts)),
            inactive=frozenset(each for (each,) in self._rows("inactive", facts)),
        )

    def _rows(self, name: str, facts: dict[str, Any]) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts, tenant_id=facts.get("tenant_id"))


def _grant(row: Row) -> GrantRow:
    return GrantRow(row[0], row[1], row[2], Terms.from_json(row[3]), row[4], row[5])
