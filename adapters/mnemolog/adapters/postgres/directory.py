"""Questions to the catalogue: cubes, memories, principals and keys as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.catalogue import memory_row
from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.commands import CubeRules
from mnemolog.domain.cube import CubeConfig
from mnemolog.domain.principal import Key, PrincipalKind
from mnemolog.projections.catalogue import MemoryRow, Token


@dataclass(frozen=True, slots=True)
class CubeRow:
    cube_id: UUID
    tenant_id: UUID
    name: str
    owner_id: UUID
    subject_id: UUID
    config: CubeConfig
    version: int
    founded_at: datetime
    position: int

    @property
    def rules(self) -> CubeRules:
        return CubeRules(self.tenant_id, self.cube_id, self.owner_id, self.subject_id, self.config)


@dataclass(frozen=True, slots=True)
class PrincipalRow:
    principal_id: UUID
    tenant_id: UUID
    kind: PrincipalKind
    administrator: bool
    subject_id: UUID
    position: int
    active: bool = True


@dataclass(frozen=True, slots=True)
class Credential:
    """Who holds a key or an identity. `key` is None for an identity that another system vouches for."""

    key: Key | None
    principal_id: UUID
    tenant_id: UUID
    subject_id: UUID
    administrator: bool
    kind: PrincipalKind
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFilter:
    """What a list is narrowed to; None is no condition. `key` and `tags` are compared by their tokens."""

    states: tuple[str, ...] | None = None
    memory_types: tuple[str, ...] | None = None
    semantic_types: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    owner_id: UUID | None = None
    session_id: UUID | None = None
    context_id: UUID | None = None
    min_priority: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    key: str | None = None
    tags: tuple[str, ...] | None = None


class ListedRow(NamedTuple):
    """What a memory can be chosen by in a list; its personal labels are known by `text_position`."""

    memory_id: UUID
    created_position: int
    text_position: int
    memory_type: str
    semantic_type: str
    source: str
    priority: int
    occurred_at: datetime
    owner_id: UUID
    context_id: UUID | None


class Directory:
    def __init__(self, datastore: PostgresDatastore, token: Token) -> None:
        self._datastore = datastore
        self._token = token

    def cube(self, tenant_id: UUID, cube: str | UUID) -> CubeRow | None:
        """By name or by id, never of another tenant."""
        column, name = ("cube_id", "cube_by_id") if isinstance(cube, UUID) else ("name", "cube_by_name")
        rows = self._rows(name, {"tenant_id": tenant_id, column: cube})
        return _cube(rows[0]) if rows else None

    def cubes(self, tenant_id: UUID, owner_id: UUID | None, after: int, limit: int) -> list[CubeRow]:
        bounds = {"tenant_id": tenant_id, "owner_id": owner_id, "after": after, "limit": limit}
        return [_cube(row) for row in self._rows("cubes_page", bounds)]

    def memories(self, memory_ids: Sequence[UUID], tenant_id: UUID | None = None) -> Mapping[UUID, MemoryRow]:
        """With a `tenant_id`, those of other tenants are missing."""
        rows = self._rows("memories_now", {"memory_ids": list(memory_ids), "tenant_id": tenant_id})
        return {row.memory_id: row for row in map(memory_row, rows)}

    def memories_at(
        self, memory_ids: Sequence[UUID], at: int, tenant_id: UUID | None = None
    ) -> Mapping[UUID, MemoryRow]:
        """As they were at a position; those that did not exist yet are missing."""
        rows = self._rows("memories_at", {"memory_ids": list(memory_ids), "at": at, "tenant_id": tenant_id})
        return {row.memory_id: row for row in map(memory_row, rows)}

    def memory_page(
        self, cube_id: UUID, wanted: MemoryFilter, now: datetime, after: int, limit: int, at: int
    ) -> list[ListedRow]:
        """As of position `at`, what has not expired at `now`, in the order it was made."""
        facts = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(wanted).items()}
        key, tags = facts.pop("key"), facts.pop("tags")
        tokens = {
            "key_token": None if key is None else self._token(f"key:{key}"),
            "tag_tokens": None if tags is None else [self._token(f"tag:{tag}") for tag in tags],
        }
        bounds = {"cube_id": cube_id, "unexpired_at": now, "after": after, "limit": limit, "at": at}
        return [ListedRow._make(row) for row in self._rows("memories_page", facts | tokens | bounds)]

    def credential(self, key_id: UUID) -> Credential | None:
        for digest, expires_at, revoked, scopes, on_behalf_of, *holder in self._rows("credential", {"key_id": key_id}):
            key = Key(bytes(digest), expires_at, revoked, None if scopes is None else tuple(scopes), on_behalf_of)
            return credential_of(key, holder)
        return None

    def principal(self, tenant_id: UUID, principal_id: UUID) -> PrincipalRow | None:
        rows = self._rows("principal", {"tenant_id": tenant_id, "principal_id": principal_id})
        return _principal(rows[0]) if rows else None

    def principals(
        self, tenant_id: UUID, after: int, limit: int, kind: PrincipalKind | None = None
    ) -> list[PrincipalRow]:
        bounds = {"tenant_id": tenant_id, "after": after, "limit": limit, "kind": kind and kind.value}
        rows = self._rows("principals_page", bounds)
        return [_principal(row) for row in rows]

    def has_subject(self, tenant_id: UUID, subject_id: UUID) -> bool:
        return bool(self._rows("subject", {"tenant_id": tenant_id, "subject_id": subject_id}))

    def known_principals(self, tenant_id: UUID, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Which of these are principals of the tenant."""
        rows = self._rows("known_principals", {"tenant_id": tenant_id, "ids": sorted(ids)})
        return frozenset(principal_id for (principal_id,) in rows)

    def known_subjects(self, tenant_id: UUID, ids: Iterable[UUID]) -> frozenset[UUID]:
        rows = self._rows("known_subjects", {"tenant_id": tenant_id, "ids": sorted(ids)})
        return frozenset(subject_id for (subject_id,) in rows)

    def memory_counts(self, tenant_id: UUID) -> dict[str, int]:
        return {state: count for state, count in self._rows("memory_counts", {"tenant_id": tenant_id})}

    def expired(self, now: datetime, limit: int) -> list[UUID]:
        return [memory_id for (memory_id,) in self._rows("expired", {"now": now, "limit": limit})]

    def is_new(self) -> bool:
        return bool(self._rows("is_new", {})[0][0])

    def _rows(self, name: str, facts: dict[str, Any]) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts, tenant_id=facts.get("tenant_id"))


def credential_of(key: Key | None, holder: Sequence[Any]) -> Credential:
    """`holder` is principal, tenant, subject, administrator, kind, and whether it is deactivated."""
    principal_id, tenant_id, subject_id, administrator, kind, inactive = holder
    return Credential(key, principal_id, tenant_id, subject_id, administrator, PrincipalKind(kind), not inactive)


def _cube(row: Row) -> CubeRow:
    return CubeRow(
        cube_id=row[0],
        tenant_id=row[1],
        name=row[2],
        owner_id=row[3],
        subject_id=row[4],
        config=CubeConfig.from_json(row[5]),
        version=row[6],
        founded_at=row[7],
        position=row[8],
    )


def _principal(row: Row) -> PrincipalRow:
    return PrincipalRow(row[0], row[1], PrincipalKind(row[2]), *row[3:])
