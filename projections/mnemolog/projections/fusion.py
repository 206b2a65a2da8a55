"""Several scores into one ranking.

Scores of different kinds are made comparable by their mean and deviation over what the caller may see, per question;
ranks alone (reciprocal rank fusion) would throw away how much better one text fits than the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, sqrt

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.wordings import Numbers, Positions, Rows, Scores

NOBODY = -1
Beside = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Spread:
    """Of the scores over all that the caller may see."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, scores: Scores) -> Spread:
        if not len(scores) or scores.min() == scores.max():
            return cls(0.0, 0.0)
        return cls(float(scores.mean()), float(scores.std()))

    @classmethod
    def weighed(cls, scores: Scores, counts: Numbers) -> Spread:
        """Of scores of which each occurs so many times."""
        present = counts > 0
        held, times = scores[present], counts[present]
        if not len(held) or held.min() == held.max():
            return cls(0.0, 0.0)
        # Exact sums: they must not depend on the order, which tells of contexts that are hidden.
        size = int(times.sum())
        mean = fsum(held * times) / size
        return cls(mean, sqrt(fsum((held - mean) ** 2 * times) / size))

    def z(self, scores: Scores, weight: float = 1.0) -> Scores:
        """Times `weight`. Zeros where all are equal, for then they tell nothing."""
        normal: Scores = (scores - self.mean) * (weight / self.deviation) if self.deviation else np.zeros(len(scores))
        return normal


def beside(contexts: Numbers) -> Beside:
    """(4, n) the places of those in the same context (-1 for none) that come one before, one after, two before and two
    after each place, in the order given; NOBODY where there is none.
    """
    order = np.argsort(contexts, kind="stable")
    context = contexts[order]
    found = np.full((4, len(contexts)), NOBODY, np.intp)
    for distance, before, after in ((1, 0, 1), (2, 2, 3)):
        together = np.flatnonzero((context[distance:] == context[:-distance]) & (context[distance:] >= 0))
        found[before, order[together + distance]] = order[together]
        found[after, order[together]] = order[together + distance]
    return found


def lent(scores: Scores, neighbours: Beside, previous: float, following: float, near: float) -> Scores:
    """(m,) what m places are lent by the (n,) scores of those `beside` them, a (4, m) part of it or all: `previous` of
    the one before, `following` of the one after, `near` of those two away.
    """
    total = np.zeros(neighbours.shape[1])
    padded = np.append(scores, 0.0)  # the last, which is where NOBODY points
    for places, share in zip(neighbours, (previous, following, near, near), strict=True):
        total += share * padded[places]
    return total


def best(scores: Scores, positions: Positions, k: int) -> Rows:
    """The places of the k highest scores, highest first; of equals the one that was written first."""
    places = np.arange(len(scores))
    if k < len(scores):
        places = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    ranked: Rows = places[np.lexsort((positions[places], -scores[places]))[:k]]
    return ranked
