"""Named ways to weigh the signals of recall. All numbers are visible, and any of them can be given with a question.

`dialogue` was chosen by its results on seven LoCoMo conversations (arXiv:2402.17753), which are an optimistic estimate
of others. What it adds to `documents` is silent where memories share no context, speaker or date with the question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from mnemolog.domain.refusals import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Weights. `vector`, `terms`, `context` and `related` weigh z-scores, `subject` and `date` what is between 0 and 1;
    `previous`, `following` and `near` are the shares that a memory is lent by its neighbours in the same context.
    """

    vector: float = 0.0
    terms: float = 0.0
    previous: float = 0.0
    following: float = 0.0
    near: float = 0.0
    context: float = 0.0
    subject: float = 0.0
    date: float = 0.0
    related: float = 0.0

    @property
    def lends(self) -> bool:
        return bool(self.previous or self.following or self.near)


RECIPES: Mapping[str, Recipe] = {
    "dialogue": Recipe(
        vector=0.6, terms=0.4, previous=0.4, following=0.3, near=0.2, context=0.4, subject=2.0, date=1.0
    ),
    "documents": Recipe(vector=0.6, terms=0.4),
    "graph": Recipe(vector=0.6, terms=0.4, subject=2.0, date=1.0, related=1.0),
    "keyword": Recipe(terms=1.0),
    "meaning": Recipe(vector=1.0),
}
MAX_WEIGHT = 1000.0
SIGNALS = tuple(field.name for field in fields(Recipe))


def recipe(name: str) -> Recipe:
    """Raises Invalid."""
    if name not in RECIPES:
        raise Invalid(reason=f"There is no recipe {name!r}; there are {', '.join(RECIPES)}.")
    return RECIPES[name]


def weighed(weights: Mapping[str, float]) -> Recipe:
    """What is not named weighs nothing. Raises Invalid."""
    if unknown := sorted(set(weights) - set(SIGNALS)):
        raise Invalid(reason=f"There is no signal {unknown[0]!r}; there are {', '.join(SIGNALS)}.")
    if not all(0 <= weight <= MAX_WEIGHT for weight in weights.values()):
        raise Invalid(reason=f"A weight must be a number between 0 and {MAX_WEIGHT:g}.")
    return Recipe(**weights)
