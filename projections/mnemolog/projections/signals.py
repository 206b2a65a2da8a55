"""Reasons to rank a memory high: each gives a raw score, and the part that it adds to the final one.

Where the cube is large, an index may say which memories are worth comparing. That decides who is compared and nothing
else: mean, deviation, neighbours and so every score are those of a comparison with all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from mnemolog.projections.audience import Audience
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.fusion import Beside, Spread, lent
from mnemolog.projections.intents import Intent, closeness
from mnemolog.projections.language import terms
from mnemolog.projections.moments import sums_of
from mnemolog.projections.recipes import Recipe
from mnemolog.projections.terms import Terms
from mnemolog.projections.vectors import LENGTH, Near, VectorView
from mnemolog.projections.wordings import Rows, Scores

NEAR_LEAST, NEAR_PER_HIT = 400, 20  # how many an index is asked for
FINAL_LEAST, FINAL_PER_HIT = 100, 10  # how many of those are compared together with what is beside them
MOST_ABOUT = 1000  # said by or on what a question is about; of more than that, those with the best words are compared
ALL = slice(None)
Places = Rows | slice


@dataclass(frozen=True, slots=True)
class Signal:
    """(m,) for those that were compared. `part` is what it adds to the final score; `spread` None is not normalised."""

    raw: Scores
    part: Scores
    spread: Spread | None = None

    @property
    def z(self) -> Scores:
        return self.raw if self.spread is None else self.spread.z(self.raw)

    def at(self, places: Places) -> Signal:
        return Signal(self.raw[places], self.part[places], self.spread)

    def explained(self, places: Rows) -> list[Mapping[str, float]]:
        """For each of a few places."""
        few = self.at(places)
        columns = zip(few.raw.tolist(), few.z.tolist(), few.part.tolist(), strict=True)
        return [{"raw": raw, "z": z, "part": part} for raw, z, part in columns]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what it is asked of. With `exact`, no index is used; `related` takes the (n,) scores so far."""

    intent: Intent
    embed: Callable[[str], Vectors]
    recipe: Recipe
    k: int
    exact: bool
    cube_id: UUID
    audience: Audience
    subject: int | None
    terms: Terms
    vectors: VectorView
    related: Callable[[Scores], Scores] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`signals` are those that weigh something and have something to say, in the order in which they are added up, for
    the (m,) `places` of the audience that were compared; `exact` when those are all.
    """

    places: Rows
    signals: Mapping[str, Signal]
    exact: bool

    @property
    def scores(self) -> Scores:
        return total(self.signals, len(self.places))


def total(signals: Mapping[str, Signal], size: int) -> Scores:
    """(size,) the sum of all parts, always added in the same order."""
    score = np.zeros(size)
    for signal in signals.values():
        score += signal.part
    return score


def find(asked: Asked) -> Found:
    comparison = Comparison(asked)
    compared = comparison.compared()
    signals = comparison.signals(compared)
    if asked.recipe.related and asked.related is not None:
        raw = asked.related(total(signals, asked.audience.size))
        signals["related"] = _normalised(raw, Spread.of(raw), asked.recipe.related)
    return Found(np.arange(asked.audience.size)[compared], signals, isinstance(compared, slice))


class Comparison:
    """Of one question with the memories of an audience: with those at some places of it, or with all."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        audience, recipe = asked.audience, asked.recipe
        words = terms(asked.intent.text)
        self._told = asked.terms.scores(asked.cube_id, words, audience.words) if recipe.terms else None
        self._told_spread = Spread(0, 0) if self._told is None else Spread.of(self._told)
        self._talks = None
        if recipe.context and audience.talks is not None:
            self._talks = np.append(asked.terms.group_scores(asked.cube_id, words, audience.talks), 0.0)
        self._query = None
        if recipe.vector:
            self._query = asked.vectors.query(asked.embed(asked.intent.meaning).reshape(-1))
        everyone = asked.exact or bool(recipe.related)
        self._near = None if self._query is None or everyone else self._nearest(self._query)

    def compared(self) -> Places:
        """All, or those that an index and their words name, the best of them and of those whom or when the question
        is about, and all that come beside them.
        """
        near = self._near
        if near is None:
            return ALL
        worth = np.zeros(self._asked.audience.size, np.bool_)
        worth[near.places] = True
        worth[self._telling(ALL, len(near.places))] = True
        for signal in self._plain(ALL).values():
            about: Rows = np.flatnonzero(signal.raw)
            worth[about if len(about) <= MOST_ABOUT else about[self._telling(about, len(near.places))]] = True
        places = np.flatnonzero(worth)
        worths = total(self._base(places) | self._rest(places), len(places))
        finalists = max(FINAL_LEAST, FINAL_PER_HIT * self._asked.k)
        return self._with_neighbours(places[highest(worths, finalists)])

    def signals(self, compared: Places) -> dict[str, Signal]:
        around = self._with_neighbours(compared)
        base = self._base(around)
        found = dict(base)
        if not isinstance(around, slice):
            here = np.searchsorted(around, np.arange(self._asked.audience.size)[compared])
            found = {name: signal.at(here) for name, signal in base.items()}
        if (beside := self._beside()) is not None:
            recipe, worth = self._asked.recipe, np.zeros(self._asked.audience.size)
            worth[around] = total(base, len(worth[around]))
            raw = lent(worth, beside[:, compared], recipe.previous, recipe.following, recipe.near)
            found["neighbours"] = Signal(raw, raw)
        return found | self._rest(compared)

    def _telling(self, places: Places, k: int) -> Rows:
        """Which of `places` have the best words."""
        return np.zeros(0, np.intp) if self._told is None else highest(self._told[places], k)

    def _base(self, places: Places) -> dict[str, Signal]:
        """What a memory says itself: this is what it lends to its neighbours."""
        found, recipe = dict[str, Signal](), self._asked.recipe
        if self._query is not None:
            found["vector"] = self._meaning(self._query, places)
        if self._told is not None:
            found["terms"] = _normalised(self._told[places], self._told_spread, recipe.terms)
        return found

    def _rest(self, places: Places) -> dict[str, Signal]:
        context = {} if self._talks is None else {"context": self._context(self._talks, places)}
        return context | self._plain(places)

    def _plain(self, places: Places) -> dict[str, Signal]:
        audience, recipe, intent = self._asked.audience, self._asked.recipe, self._asked.intent
        found: dict[str, Signal] = {}
        if recipe.subject and self._asked.subject is not None:
            raw = (audience.speakers[places] == self._asked.subject).astype(np.float64)
            found["subject"] = Signal(raw, recipe.subject * raw)
        if recipe.date and (intent.dates or intent.spans):
            raw = closeness(audience.days, intent.dates, intent.spans)[audience.day_of[places]]
            found["date"] = Signal(raw, recipe.date * raw)
        return found

    def _meaning(self, query: Vectors, places: Places) -> Signal:
        asked = self._asked
        products = asked.vectors.products(asked.cube_id, query, asked.audience.rows[places])
        sums = sums_of(products) if self._near is None else self._near.sums
        spread = Spread(sums.mean / LENGTH**2, sums.deviation / LENGTH**2)
        return _normalised(products.astype(np.float64) / LENGTH**2, spread, asked.recipe.vector)

    def _context(self, talks: Scores, places: Places) -> Signal:
        """By its context, of which the last is that of those in none: it is where NOBODY points."""
        audience = self._asked.audience
        spread = Spread.weighed(talks, np.append(audience.talk_sizes, audience.alone))
        context = audience.contexts[places]
        return Signal(talks[context], spread.z(talks, self._asked.recipe.context)[context], spread)

    def _nearest(self, query: Vectors) -> Near | None:
        asked = self._asked
        wanted = max(NEAR_LEAST, NEAR_PER_HIT * asked.k)
        return asked.vectors.near(asked.cube_id, query, asked.audience.rows, wanted)

    def _beside(self) -> Beside | None:
        return self._asked.audience.beside if self._asked.recipe.lends else None

    def _with_neighbours(self, places: Places) -> Places:
        beside = self._beside()
        if isinstance(places, slice) or beside is None:
            return places
        around = np.zeros(self._asked.audience.size + 1, np.bool_)  # and one where NOBODY points
        around[places] = True
        around[beside[:, places]] = True
        found: Rows = np.flatnonzero(around[:-1])
        return found


def highest(scores: Scores, k: int) -> Rows:
    """The places of the k highest scores but 0, in ascending order."""
    places: Rows = np.flatnonzero(scores)
    if k < len(places):
        places = np.sort(places[np.argpartition(scores[places], len(places) - k)[len(places) - k :]])
    return places


def _normalised(raw: Scores, spread: Spread, weight: float) -> Signal:
    return Signal(raw, spread.z(raw, weight), spread)
