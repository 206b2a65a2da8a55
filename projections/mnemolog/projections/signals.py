"""Reasons to rank a memory high: each gives a raw score, and the part that it adds to the final one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.fusion import from_neighbours, z
from mnemolog.projections.intents import Intent, closeness
from mnemolog.projections.language import terms
from mnemolog.projections.recipes import Recipe
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Spoken
from mnemolog.projections.vectors import VectorView
from mnemolog.projections.wordings import Positions, Scores


@dataclass(frozen=True, slots=True)
class Signal:
    """(n,) each, for the n wordings that may be seen. `part` is what it adds to the final score."""

    raw: Scores
    z: Scores
    part: Scores


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what it is asked of: the wordings at `positions`, of which the caller may see every one."""

    text: str
    intent: Intent
    embed: Callable[[str], Vectors]
    recipe: Recipe
    cube_id: UUID
    positions: Positions
    spoken: Spoken
    at: int
    terms: Terms
    vectors: VectorView


def signals(asked: Asked) -> dict[str, Signal]:
    """Those that weigh something and have something to say, in the order in which they are added up."""
    found: dict[str, Signal] = {}
    recipe, words = asked.recipe, terms(asked.text)
    if recipe.vector:
        vector = asked.embed(asked.intent.meaning).reshape(-1)
        raw = asked.vectors.scores(asked.cube_id, vector, asked.positions, asked.at)
        found["vector"] = _normalised(raw, recipe.vector)
    if recipe.terms:
        raw = asked.terms.scores(asked.cube_id, words, asked.positions, asked.at)
        found["terms"] = _normalised(raw, recipe.terms)
    _add_neighbours(asked, found)
    if recipe.context and (asked.spoken.contexts >= 0).any():
        contexts = asked.spoken.contexts
        raw = asked.terms.group_scores(asked.cube_id, words, asked.positions, asked.at, contexts)
        found["context"] = _normalised(raw, recipe.context)
    if recipe.subject and len(asked.intent.subjects) == 1:
        named = asked.spoken.names[asked.intent.subjects[0]]
        found["subject"] = _plain((asked.spoken.speakers == named).astype(np.float64), recipe.subject)
    if recipe.date and asked.intent.dates:
        found["date"] = _plain(closeness(asked.spoken.days, asked.intent.dates), recipe.date)
    return found


def total(found: dict[str, Signal], size: int) -> Scores:
    """(size,) the sum of all parts, always added in the same order."""
    score = np.zeros(size)
    for signal in found.values():
        score += signal.part
    return score


def _add_neighbours(asked: Asked, found: dict[str, Signal]) -> None:
    recipe = asked.recipe
    if not (recipe.previous or recipe.following or recipe.near) or not (asked.spoken.contexts >= 0).any():
        return
    base = total(found, len(asked.positions))
    lent = from_neighbours(base, asked.spoken.contexts, recipe.previous, recipe.following, recipe.near)
    found["neighbours"] = _plain(lent, 1.0)


def _normalised(raw: Scores, weight: float) -> Signal:
    normal = z(raw)
    return Signal(raw, normal, weight * normal)


def _plain(raw: Scores, weight: float) -> Signal:
    return Signal(raw, raw, weight * raw)
