"""Questions to the catalogue about who there is: keys, groups, identities and tenants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.directory import Credential, credential_of
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.log import LAST
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.tenant import Limits


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key without its digest. `used_at` is to the hour, None for one that was never used."""

    key_id: UUID
    principal_id: UUID
    expires_at: datetime | None
    revoked: bool
    scopes: list[str] | None
    on_behalf_of: UUID | None
    used_at: datetime | None
    position: int


class MemberRow(NamedTuple):
    member_id: UUID
    kind: PrincipalKind
    position: int


class TenantRow(NamedTuple):
    tenant_id: UUID
    limits: Limits
    position: int


class Registry:
    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore
        self._founder: tuple[UUID, UUID] | None = None

    def founder(self) -> tuple[UUID, UUID] | None:
        """(principal, tenant) of whoever founded this installation; None while there is nobody."""
        if self._founder is None:
            self._founder = next(iter(self._rows("first_principal", {})), None)
        return self._founder

    def keys(self, tenant_id: UUID, principal_id: UUID | None, after: int, limit: int) -> list[KeyRow]:
        bounds = {"tenant_id": tenant_id, "principal_id": principal_id, "after": after, "limit": limit}
        return [KeyRow(*row) for row in self._rows("keys_page", bounds)]

    def key_used(self, key_id: UUID, used_at: datetime) -> None:
        self._rows("key_used", {"key_id": key_id, "used_at": used_at})

    def identified(self, tenant_id: UUID, issuer: str, subject: str) -> Credential | None:
        facts = {"tenant_id": tenant_id, "issuer": issuer, "subject": subject}
        return next((credential_of(None, row) for row in self._rows("identified", facts)), None)

    def members(self, tenant_id: UUID, group_id: UUID, after: int, limit: int, at: int = LAST - 1) -> list[MemberRow]:
        bounds = {"tenant_id": tenant_id, "group_id": group_id, "after": after, "limit": limit, "at": at}
        return [
            MemberRow(member, PrincipalKind(kind), position) for member, kind, position in self._rows("members", bounds)
        ]

    def memberships(self, tenant_id: UUID, at: int = LAST - 1) -> list[tuple[UUID, UUID]]:
        """(member, the group or role that it belongs to directly), as of a position."""
        return [(member, group) for member, group in self._rows("memberships", {"tenant_id": tenant_id, "at": at})]

    def inactive(self, tenant_id: UUID, at: int = LAST - 1) -> frozenset[UUID]:
        """Who was deactivated as of a position."""
        return frozenset(each for (each,) in self._rows("inactive", {"tenant_id": tenant_id, "at": at}))

    def nesting(self, tenant_id: UUID) -> list[tuple[UUID, UUID]]:
        """(group or role, the group that is a member of it), as they are now."""
        return [(group, member) for group, member in self._rows("nesting", {"tenant_id": tenant_id})]

    def limits(self, tenant_id: UUID) -> Limits | None:
        """None for a tenant that nobody has limited."""
        return next((Limits.from_json(limits) for (limits,) in self._rows("limits", {"tenant_id": tenant_id})), None)

    def tenants(self, after: int, limit: int) -> list[TenantRow]:
        rows = self._rows("tenants_page", {"after": after, "limit": limit})
        return [TenantRow(tenant_id, Limits.from_json(limits), position) for tenant_id, limits, position in rows]

    def _rows(self, name: str, facts: dict[str, Any]) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts, tenant_id=facts.get("tenant_id"))
