"""Vectors that lie in clusters, as those of texts do."""

from __future__ import annotations

import numpy as np

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import Mask
from mnemolog.projections.vectors import whole_numbers
from mnemolog.projections.wordings import Rows

DIMENSIONS, CLUSTERS = 64, 50


def cloud(seed: int, size: int) -> tuple[Vectors, Rows]:
    """(size, DIMENSIONS) whole numbers, and the cluster of each."""
    centres = np.random.default_rng(0).normal(size=(CLUSTERS, DIMENSIONS))
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, CLUSTERS, size)
    return whole_numbers((centres[clusters] + rng.normal(size=(size, DIMENSIONS))).astype(np.float32)), clusters


def all_of(cells: Vectors) -> Mask:
    return np.ones(len(cells), np.bool_)


def compared(cells: Vectors, permitted: Mask, query: Vectors, k: int) -> Rows:
    """The k nearest by comparing all, of equals the first."""
    rows = np.flatnonzero(permitted)
    products = cells[rows] @ query
    return rows[np.lexsort((rows, -products))[:k]]


def answered(rows: NearestRows, cells: Vectors, permitted: Mask, query: Vectors, k: int) -> Rows:
    """The k nearest as a question gets them: of the candidates, or of all where there are none."""
    candidates = rows.candidates(cells, permitted, query, k)
    if candidates is None:
        return compared(cells, permitted, query, k)
    worth = np.zeros(len(cells), np.bool_)
    worth[candidates.rows] = True
    return compared(cells, worth, query, k)


def recall(found: Rows, wanted: Rows) -> float:
    return len(set(found) & set(wanted)) / len(wanted)
