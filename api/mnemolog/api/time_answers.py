"""What questions about the past are answered with: differences, origins, what happened, what an undo did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemolog.api.answers import CubeAnswer
from mnemolog.domain.log import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsAnswer:
    """`kind` is kept, gone or new."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """Weights; null is where there was, or is, no such link."""

    target_id: UUID
    relation: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadersChange:
    """Principals who could read the memory, by the rules of each moment."""

    before: Sequence[UUID]
    after: Sequence[UUID]
    gained: Sequence[UUID]
    lost: Sequence[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffAnswer:
    """Of all the fields, those that differ. `text` has the whole text, changed or not; kept and gone are the former.

    `readers` is null for a caller who may not ask what others may do.
    """

    memory_id: UUID
    from_position: int
    to_position: int
    rewritten: bool
    text: Sequence[WordsAnswer]
    fields: Mapping[str, FieldChange]
    links: Sequence[LinkChange]
    readers: ReadersChange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginAnswer:
    """An event that put something there."""

    position: int
    type: str
    recorded_at: datetime
    actor_id: UUID | None
    on_behalf_of: UUID | None

    @classmethod
    def of(cls, event: Event) -> OriginAnswer:
        return cls(
            position=event.position,
            type=event.type,
            recorded_at=event.recorded_at,
            actor_id=event.actor_id,
            on_behalf_of=event.on_behalf_of,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamedPart:
    text: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamedField:
    value: Any
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamedLink:
    target_id: UUID
    relation: str
    weight: float
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlameAnswer:
    """`text` joined is the text. Every position in it is that of one of `events`.

    `copied_from` is the memory that this one was copied from, when its cube was forked.
    """

    memory_id: UUID
    position: int
    copied_from: UUID | None
    text: Sequence[BlamedPart]
    fields: Mapping[str, BlamedField]
    links: Sequence[BlamedLink]
    events: Sequence[OriginAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """`text` is what the memory says now; `facts` are what the event says besides."""

    position: int
    type: str
    recorded_at: datetime
    actor_id: UUID | None
    on_behalf_of: UUID | None
    memory_id: UUID | None
    grant_id: UUID | None
    text: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswer:
    """An event by which something was undone. `stream_id` is the memory, the grant or the cube."""

    type: str
    stream_id: UUID
    memory_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoAnswer:
    """`undone` are the positions of the append that was undone, `steps` what that took, in one append of its own."""

    position: int
    memory_ids: tuple[UUID, ...]
    undone: Sequence[int]
    steps: Sequence[StepAnswer]
    dry_run: bool
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkAnswer:
    """`left_out` counts what was there and was not copied, by why."""

    cube: CubeAnswer
    memories: int
    left_out: Mapping[str, int]
    position: int
    replayed: bool = False
