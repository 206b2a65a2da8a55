"""The mean and the deviation of a query's dot products with many vectors, without comparing it with each.

With n vectors x, s = sum of x and S = sum of x xᵀ, the products p = q·x sum up to q·s, and their squares to qᵀSq. All
numbers are whole and nothing is rounded: what is added and taken away again leaves no trace, in whatever order.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.wordings import Scores

HALF_BITS = 24
BLOCK = 16_384  # rows; their products, below 2**24 each, add up to less than 2**53, and the squares to less than 2**63


@dataclass(frozen=True, slots=True)
class Sums:
    """Of dot products: how many, their sum, and the sum of their squares."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.count - other.count, self.total - other.total, self.squares - other.squares)

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    @property
    def deviation(self) -> float:
        return sqrt(self.count * self.squares - self.total**2) / self.count if self.count else 0.0


def sums_of(products: Vectors | Scores) -> Sums:
    """Of products that are given, each a whole number below 2**24."""
    whole, sums = products.astype(np.int64), Sums()
    for start in range(0, len(whole), BLOCK):
        part = whole[start : start + BLOCK]
        sums += Sums(len(part), int(part.sum()), int((part**2).sum()))
    return sums


@dataclass(frozen=True, slots=True)
class Moments:
    """Of vectors of whole numbers as `vectors.whole_numbers` makes them; `first` is s (d,), `second` is S (d, d)."""

    count: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    @classmethod
    def of(cls, cells: Vectors) -> Moments:
        """(n, d). The multiplication is done in float64, which BLAS is fast at and whose whole numbers end at 2**53."""
        dimensions = cells.shape[1]
        first, second = np.zeros(dimensions, np.int64), np.zeros((dimensions, dimensions), np.int64)
        for start in range(0, len(cells), BLOCK):
            part = cells[start : start + BLOCK].astype(np.float64)
            first += part.sum(axis=0).astype(np.int64)
            second += (part.T @ part).astype(np.int64)
        return cls(len(cells), first, second)

    def changed(self, added: Vectors, removed: Vectors) -> Moments:
        more, less = Moments.of(added), Moments.of(removed)
        count = self.count + more.count - less.count
        return Moments(count, self.first + more.first - less.first, self.second + more.second - less.second)

    def sums(self, query: Vectors) -> Sums:
        """For a query (d,) of whole numbers of the same length as the vectors."""
        whole = query.astype(np.int64)
        half = self.second @ whole  # below n * 2**36: |x| * |q·x| for each of the n vectors
        high, low = half >> HALF_BITS, half & (2**HALF_BITS - 1)  # together they would not fit into 63 bits
        squares = (int(whole @ high) << HALF_BITS) + int(whole @ low)
        return Sums(self.count, int(self.first @ whole), squares)
