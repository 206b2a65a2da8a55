"""Several scores into one ranking.

Scores of different kinds are made comparable by their mean and deviation over what the caller may see, per question;
ranks alone (reciprocal rank fusion) would throw away how much better one text fits than the next.
"""

from __future__ import annotations

import numpy as np

from mnemolog.projections.wordings import Numbers, Positions, Rows, Scores


def z(scores: Scores) -> Scores:
    """(n,) with mean 0 and standard deviation 1; zeros where all are equal, for then they tell nothing."""
    if not len(scores) or scores.min() == scores.max():
        return np.zeros(len(scores))
    centred = scores - scores.mean()
    deviation = centred.std()
    fused: Scores = centred / deviation if deviation > 0 else np.zeros(len(scores))
    return fused


def from_neighbours(scores: Scores, contexts: Numbers, previous: float, following: float, near: float) -> Scores:
    """(n,) what each place is lent by the scores around it in its own context (-1 for none), in the order given:
    `previous` of the one before, `following` of the one after, `near` of those two away.
    """
    order = np.argsort(contexts, kind="stable")
    along, context = scores[order], contexts[order]
    lent = np.zeros(len(scores))
    for distance, back, ahead in ((1, previous, following), (2, near, near)):
        together = (context[distance:] == context[:-distance]) & (context[distance:] >= 0)
        lent[distance:] += back * along[:-distance] * together
        lent[:-distance] += ahead * along[distance:] * together
    scattered = np.zeros(len(scores))
    scattered[order] = lent
    return scattered


def best(scores: Scores, positions: Positions, k: int) -> Rows:
    """The places of the k highest scores, highest first; of equals the one that was written first."""
    places = np.arange(len(scores))
    if k < len(scores):
        places = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    ranked: Rows = places[np.lexsort((positions[places], -scores[places]))[:k]]
    return ranked
