"""What most routes can answer besides what they are for, and how a page of each kind looks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mnemolog.adapters.postgres.registry import KeyRow
from mnemolog.api.answers import CubeAnswer, EventAnswer, MemberAnswer, MemoryAnswer, PrincipalAnswer, TenantAnswer
from mnemolog.api.audit import AuditEntry, MemoryPattern
from mnemolog.api.permission_answers import GrantAnswer
from mnemolog.api.time_answers import TimelineEntry
from mnemolog.domain.memory import Relation
from mnemolog.domain.refusals import (
    AuditUnavailable,
    BodyTooLarge,
    BodyTooSlow,
    DuplicateJsonKey,
    IdempotencyKeyReused,
    Invalid,
    InvalidCursor,
    InvalidMetadata,
    InvalidPosition,
    InvalidText,
    MalformedJson,
    MemoryErased,
    MemoryNotFound,
    NotAuthenticated,
    ProjectionBehind,
    StaleVersion,
    StoreUnreachable,
    SubjectErased,
    TooManyRequests,
    UnknownField,
    UnsupportedMediaType,
    VersionConflict,
)

READS = (
    NotAuthenticated,
    TooManyRequests,
    Invalid,
    InvalidMetadata,
    InvalidPosition,
    UnknownField,
    ProjectionBehind,
    StoreUnreachable,
    AuditUnavailable,
)
PAGES = (*READS, InvalidCursor)
BODIES = (BodyTooSlow, MalformedJson, DuplicateJsonKey, BodyTooLarge, UnsupportedMediaType, InvalidText)
WRITES = (
    NotAuthenticated,
    TooManyRequests,
    Invalid,
    UnknownField,
    VersionConflict,
    SubjectErased,
    ProjectionBehind,
    StoreUnreachable,
)
ONE_MEMORY = (MemoryNotFound, MemoryErased)
CHANGES = (*WRITES, *ONE_MEMORY, StaleVersion, IdempotencyKeyReused)


@dataclass(frozen=True, slots=True)
class MemoryPage:
    items: list[MemoryAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class CubePage:
    items: list[CubeAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class PrincipalPage:
    items: list[PrincipalAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class KeyPage:
    items: list[KeyRow]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class MemberPage:
    items: list[MemberAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class TenantPage:
    items: list[TenantAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class GrantPage:
    items: list[GrantAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class EventPage:
    items: list[EventAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class TimelinePage:
    items: list[TimelineEntry]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class AuditPage:
    items: list[AuditEntry]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True)
class AccessPatterns:
    items: list[MemoryPattern]


@dataclass(frozen=True, slots=True)
class History:
    items: list[EventAnswer]


@dataclass(frozen=True, slots=True)
class Link:
    target_id: UUID
    relation: Relation
    weight: float


@dataclass(frozen=True, slots=True)
class Links:
    items: list[Link]


@dataclass(frozen=True, slots=True)
class Appended:
    position: int
