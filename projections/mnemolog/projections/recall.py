"""What a caller is told when it asks a cube: the permitted memories, ranked by several signals together.

The permission mask comes before any statistic, so that what is hidden can neither be seen nor inferred from scores.
Pure: no text is read here, and what is said at one position is said again whenever it is asked as of that position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Protocol
from uuid import UUID

from mnemolog.domain.content import check_text
from mnemolog.domain.metadata import MemoryType
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, InvalidPosition, ProjectionBehind
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.fusion import best, fuse, z
from mnemolog.projections.language import terms
from mnemolog.projections.scopes import Permitted, Scopes
from mnemolog.projections.terms import Terms
from mnemolog.projections.vectors import VectorView
from mnemolog.projections.wordings import Positions, Scores

MAX_HITS = 1000
WEIGHTS: Mapping[str, float] = {"vector": 0.5, "terms": 0.5}


@dataclass(frozen=True, slots=True)
class Question:
    """`weights` name the signals to rank by; `memory_types` empty means all. Raises InvalidText or Invalid."""

    text: str
    k: int = 10
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    memory_types: frozenset[MemoryType] = frozenset()

    def __post_init__(self) -> None:
        check_text("query", self.text)
        if not 1 <= self.k <= MAX_HITS:
            raise Invalid(reason=f"k is {self.k}, and must be between 1 and {MAX_HITS}.")
        if unknown := sorted(set(self.weights) - set(WEIGHTS)):
            raise Invalid(reason=f"There is no signal {unknown[0]!r}; there are {', '.join(WEIGHTS)}.")
        if not all(isfinite(weight) and weight >= 0 for weight in self.weights.values()):
            raise Invalid(reason="A weight must be a number of at least 0.")


@dataclass(frozen=True, slots=True)
class Hit:
    """`position` is that of the event that holds the text; `signals` has `raw` and `z` of each signal by name."""

    memory_id: UUID
    position: int
    score: float
    signals: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Ranking:
    """`position` is the one that it holds for; `considered` memories were ranked, the others `dropped`, by code."""

    hits: tuple[Hit, ...]
    position: int
    considered: int
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Views:
    """What recall reads. They may be at different positions: it answers for one that all of them have reached."""

    scopes: Scopes
    terms: Terms
    vectors: VectorView

    def position_for(self, at: int | None) -> int:
        """Raises InvalidPosition or ProjectionBehind."""
        view = min((self.scopes, self.terms, self.vectors), key=lambda view: view.position)
        reached = view.position
        if at is not None and at < 0:
            raise InvalidPosition(value=at, reason="positions start at 1, and 0 is before the first")
        if at is not None and at > reached:
            raise ProjectionBehind(view=view.name, position=reached, wanted=at)
        return reached if at is None else at


class Signal(Protocol):
    """One reason to rank a text high."""

    def scores(self, cube_id: UUID, positions: Positions, at: int) -> Scores:
        """(n,) one score for each of the texts at `positions`, of which the caller may see every one."""
        ...


@dataclass(frozen=True, slots=True)
class Wording:
    """The text says the words of the question."""

    view: Terms
    text: str

    def scores(self, cube_id: UUID, positions: Positions, at: int) -> Scores:
        return self.view.scores(cube_id, terms(self.text), positions, at)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The text means what the question means."""

    view: VectorView
    vector: Vectors | None

    def scores(self, cube_id: UUID, positions: Positions, at: int) -> Scores:
        if self.vector is None:
            raise Invalid(reason="The signal 'vector' needs the vector of the question.")
        return self.view.scores(cube_id, self.vector.reshape(-1), positions, at)


def recall(
    views: Views,
    cube_id: UUID,
    question: Question,
    query_vector: Vectors | None,
    caller: Caller,
    now: datetime,
    at: int | None = None,
) -> Ranking:
    """`query_vector` is (dimensions,) or (1, dimensions), and None when the question gives no weight to `vector`.

    Raises Invalid, InvalidPosition, or ProjectionBehind when `at` is further than the views are.
    """
    position = views.position_for(at)
    permitted = views.scopes.permitted(cube_id, caller, now, position, question.memory_types)
    signals = _signals(views, question, query_vector)
    hits = _rank(cube_id, question, permitted, signals, position)
    return Ranking(hits, position, len(permitted.positions), permitted.dropped)


def _signals(views: Views, question: Question, query_vector: Vectors | None) -> dict[str, Signal]:
    """Those that have a weight; the others are not even computed."""
    every: dict[str, Signal] = {
        "vector": Meaning(views.vectors, query_vector),
        "terms": Wording(views.terms, question.text),
    }
    return {name: signal for name, signal in every.items() if question.weights.get(name)}


def _rank(
    cube_id: UUID, question: Question, permitted: Permitted, signals: Mapping[str, Signal], at: int
) -> tuple[Hit, ...]:
    positions = permitted.positions
    raw = {name: signal.scores(cube_id, positions, at) for name, signal in signals.items()}
    normal = {name: z(scores) for name, scores in raw.items()}
    fused = fuse({name: question.weights[name] for name in normal}, normal, len(positions))
    return tuple(
        Hit(
            permitted.memory_id(place),
            int(positions[place]),
            float(fused[place]),
            {name: {"raw": float(raw[name][place]), "z": float(normal[name][place])} for name in raw},
        )
        for place in best(fused, positions, question.k)
    )
