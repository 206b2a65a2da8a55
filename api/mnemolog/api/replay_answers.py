"""What is told of a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Why(StrEnum):
    """Why a recorded answer proves nothing any more."""

    ERASED = "erased"
    ANOTHER_EMBEDDER = "another_embedder"
    ANOTHER_RERANKER = "another_reranker"
    INDEX = "index"
    UNRECORDED = "unrecorded"


WHY: Mapping[Why, str] = {
    Why.ERASED: "what was asked, or a memory of its cubes, has been erased since",
    Why.ANOTHER_EMBEDDER: "it was answered with another embedding model",
    Why.ANOTHER_RERANKER: "it was ordered by another reranking model",
    Why.INDEX: "an index named what was compared; what it named has the same scores",
    Why.UNRECORDED: "the release that recorded it did not record the whole context",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedAnswer:
    """A recorded answer, asked again. `same` says that ids, order, scores and positions of texts are, to the last bit;
    otherwise `reason` says why that cannot be known. `scores` are `float.hex`.
    """

    position: int
    answered_at: int
    same: bool
    reason: Why | None
    memory_ids: Sequence[UUID]
    scores: Sequence[str]
    text_positions: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenAnswers:
    """The recorded answers up to `position`: how many were the same, and of the others how many for which reason."""

    position: int
    same: int
    not_replayable: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedView:
    """A view as it was at `position`; of one cube, or a table of the tenant. `digest` is a sha256 in hex. `seconds`
    were spent on the reading that it shared with the other views of its cube, and `rate` is in events per second.
    """

    view: str
    cube_id: UUID | None
    position: int
    events: int
    digest: str
    seconds: float
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """`chain` binds all up to `chain_position`, the last end of an append that is not after `position`."""

    position: int
    chain: str
    chain_position: int
    items: Sequence[ReplayedView]
    seconds: float
