"""Several scores into one ranking.

Scores of different kinds are made comparable by their mean and deviation over what the caller may see, per question;
ranks alone (reciprocal rank fusion) would throw away how much better one text fits than the next.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mnemolog.projections.wordings import Positions, Rows, Scores


def z(scores: Scores) -> Scores:
    """(n,) with mean 0 and standard deviation 1; zeros where all are equal, for then they tell nothing."""
    if not len(scores) or scores.min() == scores.max():
        return np.zeros(len(scores))
    centred = scores - scores.mean()
    deviation = centred.std()
    fused: Scores = centred / deviation if deviation > 0 else np.zeros(len(scores))
    return fused


def fuse(weights: Mapping[str, float], signals: Mapping[str, Scores], size: int) -> Scores:
    """(size,) the weighted sum of `signals`, added in the order of their names."""
    fused = np.zeros(size)
    for name in sorted(weights):
        fused += weights[name] * signals[name]
    return fused


def best(scores: Scores, positions: Positions, k: int) -> Rows:
    """The places of the k highest scores, highest first; of equals the one that was written first."""
    places = np.arange(len(scores))
    if k < len(scores):
        places = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    ranked: Rows = places[np.lexsort((positions[places], -scores[places]))[:k]]
    return ranked
