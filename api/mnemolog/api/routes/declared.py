"""What most routes can answer besides what they are for, and how a page of each kind looks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mnemolog.api.answers import CubeAnswer, EventAnswer, MemoryAnswer, PrincipalAnswer
from mnemolog.domain.memory import Relation
from mnemolog.domain.refusals import (
    BodyTooLarge,
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
    UnknownField,
    UnsupportedMediaType,
    VersionConflict,
)

READS = (NotAuthenticated, Invalid, InvalidMetadata, InvalidPosition, UnknownField, ProjectionBehind, StoreUnreachable)
PAGES = (*READS, InvalidCursor)
BODIES = (MalformedJson, DuplicateJsonKey, BodyTooLarge, UnsupportedMediaType, InvalidText)
WRITES = (NotAuthenticated, Invalid, UnknownField, VersionConflict, ProjectionBehind, StoreUnreachable)
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
class EventPage:
    items: list[EventAnswer]
    next: str | None
    position: int


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
