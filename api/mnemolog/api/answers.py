"""What the capabilities answer: plain data, the same in Python, in REST and on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.api.disclosure import Disclosed
from mnemolog.domain.cube import CubeConfig
from mnemolog.domain.log import Event
from mnemolog.domain.metadata import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An accepted change. `position` is the last event of the append, or the log's last when nothing had to change."""

    position: int
    memory_ids: tuple[UUID, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAnswer:
    memory_id: UUID
    cube_id: UUID
    version: int
    state: str
    text: str
    key: str | None
    tags: tuple[str, ...]
    background: str | None
    sources: tuple[str, ...]
    speaker: str | None
    governance: Mapping[str, Any]
    trust: float
    corroborations: int
    legal_hold: bool
    occurred_at: datetime
    created_at: datetime
    changed_at: datetime
    expires_at: datetime | None
    subject_ids: tuple[UUID, ...]
    parents: tuple[UUID, ...]
    merged_into: UUID | None
    position: int

    @classmethod
    def of(cls, disclosed: Disclosed) -> MemoryAnswer:
        row, description = disclosed.row, disclosed.description
        return cls(
            memory_id=row.memory_id,
            cube_id=row.cube_id,
            version=row.version,
            state=row.state.value,
            text=disclosed.text,
            **_described(description),
            governance=row.governance.to_json(),
            trust=row.standing.trust,
            corroborations=row.standing.corroborations,
            legal_hold=row.legal_hold,
            occurred_at=row.occurred_at,
            created_at=row.created_at,
            changed_at=row.changed_at,
            expires_at=row.expires_at,
            subject_ids=row.subject_ids,
            parents=row.parents,
            merged_into=row.merged_into,
            position=row.from_position,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`next` asks for the page after this one; None when this is the last."""

    items: Sequence[Any]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnswer:
    """An event without its envelope's hashes. `data` has the personal part only where the reader may see it."""

    position: int
    type: str
    stream_id: UUID
    version: int
    tenant_id: UUID
    cube_id: UUID | None
    memory_id: UUID | None
    actor_id: UUID | None
    on_behalf_of: UUID | None
    request_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    data: Mapping[str, Any]
    erased: bool

    @classmethod
    def of(cls, event: Event, hidden: frozenset[str] = frozenset()) -> EventAnswer:
        return cls(
            position=event.position,
            type=event.type,
            stream_id=event.stream_id,
            version=event.version,
            tenant_id=event.tenant_id,
            cube_id=event.cube_id,
            memory_id=event.memory_id,
            actor_id=event.actor_id,
            on_behalf_of=event.on_behalf_of,
            request_id=event.request_id,
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            data={name: value for name, value in event.data.items() if name not in hidden},
            erased=event.erased,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallHit:
    memory_id: UUID
    cube_id: UUID
    text: str
    speaker: str | None
    key: str | None
    tags: tuple[str, ...]
    score: float
    signals: Mapping[str, Mapping[str, float]]
    state: str
    memory_type: str
    trust: float
    occurred_at: datetime
    context_id: UUID | None
    version: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallAnswer:
    """`position` is the moment that the answer holds for; `dropped` counts what was left out, by why.

    `exact` is false when an index of vectors chose whom the question was compared with: a memory that is near may be
    missing then, the scores of the others are what they would be. `estimated_tokens` are those of all texts.
    """

    hits: Sequence[RecallHit]
    position: int
    exact: bool
    considered: int
    dropped: Mapping[str, int]
    estimated_tokens: int
    embedder: str
    reranker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeAnswer:
    """`forked_from` is the cube of which it is a copy, as that was at position `forked_at`."""

    cube_id: UUID
    name: str
    owner_id: UUID
    subject_id: UUID
    config: Mapping[str, Any]
    version: int
    founded_at: datetime
    forked_from: UUID | None
    forked_at: int | None
    position: int

    @classmethod
    def of(cls, row: CubeRow, founded: Event) -> CubeAnswer:
        """`founded` is the event that began it."""
        return replace(cls.founded(founded), config=row.config.to_json(), version=row.version)

    @classmethod
    def founded(cls, event: Event) -> CubeAnswer:
        """As it began."""
        data, forked_from = event.data, event.data.get("forked_from")
        return cls(
            cube_id=event.stream_id,
            name=data["name"],
            owner_id=UUID(data["owner_id"]),
            subject_id=UUID(data["subject_ids"][0]),
            config=CubeConfig.from_json(data["config"]).to_json(),
            version=event.version,
            founded_at=event.recorded_at,
            forked_from=None if forked_from is None else UUID(forked_from),
            forked_at=data.get("forked_at"),
            position=event.position,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalAnswer:
    principal_id: UUID
    kind: str
    administrator: bool
    active: bool
    subject_id: UUID
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectAnswer:
    subject_id: UUID
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAnswer:
    """`key` is shown this once and cannot be shown again."""

    key_id: UUID
    principal_id: UUID
    key: str
    expires_at: datetime | None
    scopes: tuple[str, ...] | None
    on_behalf_of: UUID | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAnswer:
    """Who belongs to a group or role, since which position."""

    member_id: UUID
    kind: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantAnswer:
    """Null is what the installation is set to."""

    tenant_id: UUID
    requests_per_second: float | None
    concurrent_requests: int | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundedTenant:
    """`key` is the owner's. It is shown this once and cannot be shown again."""

    tenant_id: UUID
    owner_id: UUID
    key_id: UUID
    key: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureAnswer:
    """`memories` are those that a dry run found, and `shared` those of them that are about others too.

    `receipt` is a signed note: everything has forgotten. Null until then. `verifier_key` checks its signature.
    """

    erasure_id: UUID | None
    kind: str
    target_id: UUID
    basis: str
    requested_by: UUID | None
    dry_run: bool
    memories: int | None
    shared: int | None
    begun_at: datetime | None
    completed: bool
    receipt: str | None
    verifier_key: str | None
    position: int


def _described(description: Description) -> dict[str, Any]:
    return {name: getattr(description, name) for name in ("key", "tags", "background", "sources", "speaker")}
