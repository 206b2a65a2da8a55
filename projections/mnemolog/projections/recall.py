"""What a caller is told when it asks cubes: the permitted memories, ranked by several signals together.

The permission mask comes before any statistic, so that what is hidden can neither be seen nor inferred from scores.
No text is read here, and what is said at one position is said again whenever it is asked as of that position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from mnemolog.domain.content import check_text
from mnemolog.domain.metadata import MemoryType
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, InvalidPosition, ProjectionBehind
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.filters import Condition, Filter
from mnemolog.projections.fusion import best
from mnemolog.projections.intents import intent
from mnemolog.projections.labels import Labels
from mnemolog.projections.recipes import Recipe, recipe, weighed
from mnemolog.projections.scopes import Permitted, Scopes, Wanted
from mnemolog.projections.signals import Asked, signals, total
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import VectorView
from mnemolog.projections.wordings import Mask, Positions

MAX_HITS = 1000
MAX_CUBES = 100


@dataclass(frozen=True, slots=True)
class Question:
    """Ranked by a named recipe, or by `weights` in its place; `memory_types` empty means all.

    Raises InvalidText or Invalid.
    """

    text: str
    k: int = 10
    recipe: str = "dialogue"
    weights: Mapping[str, float] | None = None
    memory_types: frozenset[MemoryType] = frozenset()
    filter: Filter | None = None

    def __post_init__(self) -> None:
        check_text("query", self.text)
        if not 1 <= self.k <= MAX_HITS:
            raise Invalid(reason=f"k is {self.k}, and must be between 1 and {MAX_HITS}.")
        self.weighing()

    def weighing(self) -> Recipe:
        return recipe(self.recipe) if self.weights is None else weighed(self.weights)


@dataclass(frozen=True, slots=True)
class Hit:
    """`position` is that of the event that holds the text; `signals` has `raw`, `z` and `part` of each by name."""

    memory_id: UUID
    cube_id: UUID
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
    turns: Turns
    labels: Labels

    def position_for(self, at: int | None) -> int:
        """Raises InvalidPosition or ProjectionBehind."""
        every = (self.scopes, self.terms, self.vectors, self.turns, self.labels)
        view = min(every, key=lambda view: view.position)
        reached = view.position
        if at is not None and at < 0:
            raise InvalidPosition(value=at, reason="positions start at 1, and 0 is before the first")
        if at is not None and at > reached:
            raise ProjectionBehind(view=view.name, position=reached, wanted=at)
        return reached if at is None else at

    def wanted(self, cube_id: UUID, question: Question, at: int) -> Wanted | None:
        def personal(condition: Condition, positions: Positions) -> Mask:
            return self.labels.holds(cube_id, condition, positions, at)

        return None if question.filter is None else Wanted(question.filter, personal)


def recall(
    views: Views,
    cube_id: UUID,
    question: Question,
    embed: Callable[[str], Vectors],
    caller: Caller,
    now: datetime,
    at: int | None = None,
) -> Ranking:
    """`embed` gives the vector of the question, (dimensions,) or (1, dimensions); it is not called in vain.

    Raises Invalid, InvalidPosition, ProjectionBehind when `at` is further than the views are, and what `embed` raises.
    """
    position = views.position_for(at)
    wanted = views.wanted(cube_id, question, position)
    permitted = views.scopes.permitted(cube_id, caller, now, position, question.memory_types, wanted)
    hits = _rank(views, cube_id, question, embed, permitted, position) if len(permitted.positions) else ()
    return Ranking(hits, position, len(permitted.positions), permitted.dropped)


def recall_several(
    views: Views,
    cube_ids: Sequence[UUID],
    question: Question,
    embed: Callable[[str], Vectors],
    caller: Caller,
    now: datetime,
    at: int | None = None,
) -> Ranking:
    """All cubes as of the same position, each by its own statistics: only the final scores meet. A cube counts once.

    Raises as `recall` does, and Invalid for no cube or for more than a hundred.
    """
    different = tuple(dict.fromkeys(cube_ids))
    if not 1 <= len(different) <= MAX_CUBES:
        raise Invalid(reason=f"Between 1 and {MAX_CUBES} cubes can be asked at once, not {len(different)}.")
    position, embed_once = views.position_for(at), cache(embed)
    asked = [recall(views, cube_id, question, embed_once, caller, now, position) for cube_id in different]
    hits = sorted((hit for each in asked for hit in each.hits), key=lambda hit: (-hit.score, hit.position))
    dropped = sum((Counter(each.dropped) for each in asked), Counter())
    return Ranking(tuple(hits[: question.k]), position, sum(each.considered for each in asked), dict(dropped))


def _rank(
    views: Views,
    cube_id: UUID,
    question: Question,
    embed: Callable[[str], Vectors],
    permitted: Permitted,
    at: int,
) -> tuple[Hit, ...]:
    positions = permitted.positions
    spoken = views.turns.spoken(cube_id, positions, at)
    wanted = intent(question.text, spoken.names)
    weights, text = question.weighing(), question.text
    found = signals(Asked(text, wanted, embed, weights, cube_id, positions, spoken, at, views.terms, views.vectors))
    scores = total(found, len(positions))
    return tuple(
        Hit(
            permitted.memory_id(place),
            cube_id,
            int(positions[place]),
            float(scores[place]),
            {
                name: {"raw": float(signal.raw[place]), "z": float(signal.z[place]), "part": float(signal.part[place])}
                for name, signal in found.items()
            },
        )
        for place in best(scores, positions, question.k)
    )
