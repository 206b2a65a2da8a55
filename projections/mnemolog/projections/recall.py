"""What a caller is told when it asks cubes: the permitted memories, ranked by several signals together.

The permission mask comes before any statistic, so that what is hidden can neither be seen nor inferred from scores.
No text is read here, and what is said at one position is said again whenever it is asked as of that position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from mnemolog.domain.content import check_text
from mnemolog.domain.metadata import MemoryType
from mnemolog.domain.permissions import Caller, Reading
from mnemolog.domain.refusals import Invalid, InvalidPosition, ProjectionBehind
from mnemolog.projections.audience import Audience, Audiences, audience
from mnemolog.projections.compiled import Graphs
from mnemolog.projections.cube_fold import AnyCubeFold
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.filters import AllOf, Condition, Filter
from mnemolog.projections.fusion import best
from mnemolog.projections.intents import intent
from mnemolog.projections.labels import Labels
from mnemolog.projections.operators import read_operators
from mnemolog.projections.projection import Projection
from mnemolog.projections.recipes import Recipe, recipe, weighed
from mnemolog.projections.scopes import Scopes, Wanted, microseconds
from mnemolog.projections.signals import Asked, Found, find
from mnemolog.projections.terms import Terms
from mnemolog.projections.traversal import related
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import VectorView
from mnemolog.projections.wordings import Mask, Positions, Scores

MAX_HITS = 1000
MAX_CUBES = 100


@dataclass(frozen=True, slots=True)
class Question:
    """Ranked by a named recipe, or by `weights` in its place; `memory_types` empty means all. Operators in the text are
    further filters. With `exact`, every permitted memory is compared, however many there are.

    Raises InvalidText or Invalid.
    """

    text: str
    k: int = 10
    recipe: str = "dialogue"
    weights: Mapping[str, float] | None = None
    memory_types: frozenset[MemoryType] = frozenset()
    filter: Filter | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        check_text("query", self.text)
        if not 1 <= self.k <= MAX_HITS:
            raise Invalid(reason=f"k is {self.k}, and must be between 1 and {MAX_HITS}.")
        self.weighing()

    def weighing(self) -> Recipe:
        return recipe(self.recipe) if self.weights is None else weighed(self.weights)

    def filters(self) -> Filter | None:
        """The given one and what operators in the text say."""
        given = [each for each in (self.filter, read_operators(self.text)[1]) if each is not None]
        return AllOf(tuple(given)) if len(given) > 1 else given[0] if given else None


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
    """`position` is the one that it holds for; `considered` memories may be seen, the others were `dropped`, by code.

    `exact` says that all of the considered were compared, and not only those that an index of vectors named. Scores are
    exact either way. `labelled_at` has for each cube the last change of the labels that permission was decided by.
    """

    hits: tuple[Hit, ...]
    position: int
    considered: int
    dropped: Mapping[str, int]
    exact: bool
    labelled_at: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Views:
    """What recall reads. They may be at different positions: it answers for one that all of them have reached."""

    scopes: Scopes
    terms: Terms
    vectors: VectorView
    turns: Turns
    labels: Labels
    graphs: Graphs | None = None
    audiences: Audiences = field(default_factory=Audiences)

    def position_for(self, at: int | None, weighed: Recipe) -> int:
        """Raises InvalidPosition or ProjectionBehind."""
        every: list[Projection] = [self.scopes, self.terms, self.vectors, self.turns, self.labels]
        if weighed.related and self.graphs is not None:
            every.append(self.graphs.edges)
        view = min(every, key=lambda view: view.position)
        reached = view.position
        if at is not None and at < 0:
            raise InvalidPosition(value=at, reason="positions start at 1, and 0 is before the first")
        if at is not None and at > reached:
            raise ProjectionBehind(view=view.name, position=reached, wanted=at)
        return reached if at is None else at

    def audience(
        self,
        cube_id: UUID,
        question: Question,
        caller: Caller | Reading,
        now: datetime,
        at: int,
        labelled_at: int | None = None,
    ) -> Audience:
        """Kept for the next question of the same caller, unless a filter makes it one of its own, or the labels by
        which permission is decided are those of a former position.
        """
        wanted = question.filters()

        def make() -> Audience:
            return self._audience(cube_id, question, wanted, caller, now, at, labelled_at)

        if wanted is not None or labelled_at is not None:
            return make()
        views: tuple[AnyCubeFold, ...] = (self.scopes, self.terms, self.vectors, self.turns)
        versions = [view.reached(cube_id) for view in views]
        key = (cube_id, Reading.of(caller).key, question.memory_types)
        return self.audiences.get(key, (min(at, max(versions)), *versions), microseconds(now), make)

    def _audience(
        self,
        cube_id: UUID,
        question: Question,
        wanted: Filter | None,
        caller: Caller | Reading,
        now: datetime,
        at: int,
        labelled_at: int | None,
    ) -> Audience:
        def personal(condition: Condition, positions: Positions) -> Mask:
            return self.labels.holds(cube_id, condition, positions, at)

        conditions = None if wanted is None else Wanted(wanted, personal)
        labels = None if labelled_at is None else max(labelled_at, at)
        permitted = self.scopes.permitted(
            cube_id, caller, now, at, question.memory_types, conditions, labelled_at=labels
        )
        positions = permitted.positions
        spoken = self.turns.spoken(cube_id, positions, at)
        words = self.terms.statistics(cube_id, positions, at)
        in_context = (spoken.contexts >= 0).any()
        talks = self.terms.group_statistics(cube_id, positions, at, spoken.contexts) if in_context else None
        return audience(permitted, spoken, words, talks, self.vectors.rows(cube_id, positions, at))


def recall(
    views: Views,
    cube_id: UUID,
    question: Question,
    embed: Callable[[str], Vectors],
    caller: Caller | Reading,
    now: datetime,
    at: int | None = None,
) -> Ranking:
    """`embed` gives the vector of the question, (dimensions,) or (1, dimensions); it is not called in vain.

    Raises Invalid, InvalidPosition, ProjectionBehind when `at` is further than the views are, and what `embed` raises.
    """
    return _recall(
        views,
        cube_id,
        question,
        embed,
        caller,
        now,
        views.position_for(at, question.weighing()),
        question.exact or at is not None,
    )


def _recall(
    views: Views,
    cube_id: UUID,
    question: Question,
    embed: Callable[[str], Vectors],
    caller: Caller | Reading,
    now: datetime,
    position: int,
    exact: bool,
    labelled_at: int | None = None,
) -> Ranking:
    audience = views.audience(cube_id, question, caller, now, position, labelled_at)
    dropped, labelled = audience.permitted.dropped, (audience.permitted.labelled_at,)
    if not audience.size:
        return Ranking((), position, 0, dropped, True, labelled)
    names = views.turns.names(cube_id, audience.heard)
    wanted = intent(question.text, names, today=now.astimezone(UTC).date())
    subject = names[wanted.subjects[0]] if len(wanted.subjects) == 1 else None

    def related_to(scores: Scores) -> Scores:
        assert views.graphs is not None
        return related(views.graphs.seen(cube_id, audience.permitted, position), scores, audience.positions)

    asked = Asked(
        wanted,
        embed,
        question.weighing(),
        question.k,
        exact,
        cube_id,
        audience,
        subject,
        views.terms,
        views.vectors,
        None if views.graphs is None else related_to,
    )
    found = find(asked)
    return Ranking(_hits(asked, found), position, audience.size, dropped, found.exact, labelled)


def recall_several(
    views: Views,
    cube_ids: Sequence[UUID],
    question: Question,
    embed: Callable[[str], Vectors],
    caller: Caller,
    now: datetime,
    at: int | None = None,
    reading: Callable[[UUID], Reading] | None = None,
    labelled_at: Mapping[UUID, int] | None = None,
) -> Ranking:
    """All cubes as of the same position, each by its own statistics: only the final scores meet. A cube counts once.

    `reading` tells what grants give the caller in a cube, which is nothing without it. `labelled_at` has for each cube
    the position whose labels decide who may see what: without it, those of now.
    Raises as `recall` does, and Invalid for no cube or for more than a hundred.
    """
    different = tuple(dict.fromkeys(cube_ids))
    if not 1 <= len(different) <= MAX_CUBES:
        raise Invalid(reason=f"Between 1 and {MAX_CUBES} cubes can be asked at once, not {len(different)}.")
    position, embed_once, exact = (
        views.position_for(at, question.weighing()),
        cache(embed),
        question.exact or at is not None,
    )
    labels: Mapping[UUID, int] = labelled_at or {}

    def ask(cube_id: UUID) -> Ranking:
        reads = caller if reading is None else reading(cube_id)
        return _recall(views, cube_id, question, embed_once, reads, now, position, exact, labels.get(cube_id))

    asked = [ask(each) for each in different]
    hits = sorted((hit for each in asked for hit in each.hits), key=lambda hit: (-hit.score, hit.position))
    dropped = sum((Counter(each.dropped) for each in asked), Counter())
    considered, compared = sum(each.considered for each in asked), all(each.exact for each in asked)
    labelled = tuple(at for each in asked for at in each.labelled_at)
    return Ranking(tuple(hits[: question.k]), position, considered, dict(dropped), compared, labelled)


def _hits(asked: Asked, found: Found) -> tuple[Hit, ...]:
    audience, scores = asked.audience, found.scores
    chosen = best(scores, audience.positions[found.places], asked.k)
    explained = {name: signal.explained(chosen) for name, signal in found.signals.items()}
    return tuple(
        Hit(
            audience.permitted.memory_id(place),
            asked.cube_id,
            int(audience.positions[place]),
            score,
            {name: each[number] for name, each in explained.items()},
        )
        for number, (place, score) in enumerate(
            zip(found.places[chosen].tolist(), scores[chosen].tolist(), strict=True)
        )
    )
