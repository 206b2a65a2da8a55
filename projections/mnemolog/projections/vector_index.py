"""Approximate search over vectors, and when it is worth it.

An index only says which rows are near; how near they are is read from the array, which is the truth.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.wordings import Rows

Mask = NDArray[np.bool_]
Way = Literal["exact", "gather", "index"]
GATHER_SHARE = 0.2  # below this share of the rows, copying them together is quicker than scanning all
EXACT_UP_TO = 10_000  # rows; a scan of so few takes less than a millisecond, and an index costs thousands of scans


class VectorIndex(Protocol):
    """A replaceable copy of some rows of an array. Implementations are thread-safe.

    Any of the methods may raise RuntimeError; the index is worth nothing after that.
    """

    @property
    def rows(self) -> Rows:
        """Those that are in it and have not been removed, in ascending order."""
        ...

    @property
    def removed(self) -> int:
        """How many rows it still carries around although they have been removed."""
        ...

    def add(self, rows: Rows, cells: Vectors) -> None:
        """`cells` is (len(rows), dimensions). The same rows in the same order make the same index."""
        ...

    def remove(self, rows: Rows) -> None: ...

    def search(self, query: Vectors, k: int) -> Rows:
        """Up to k rows with the highest dot products, highest first; fewer when no more can be found."""
        ...


class VectorIndexes(Protocol):
    def empty(self, dimensions: int, room: int) -> VectorIndex:
        """With room for so many rows, and for more when they come."""
        ...


class IndexFiles(Protocol):
    """Where the index of one array is kept between two runs. What cannot be kept or read is built again."""

    def keep(self, index: VectorIndex, cells: Vectors) -> None:
        """`cells` is the whole array that the index was built from."""
        ...

    def read(self, cells: Vectors) -> VectorIndex | None:
        """None unless there is an undamaged index of rows of `cells`, with just these numbers in them."""
        ...

    def drop(self) -> None:
        """Raises OSError when something is left."""
        ...


class NoFiles:
    def keep(self, index: VectorIndex, cells: Vectors) -> None:
        pass

    def read(self, cells: Vectors) -> VectorIndex | None:
        return None

    def drop(self) -> None:
        pass


def choose(rows: int, permitted: int) -> Way:
    """How to compare `permitted` of the `rows` of an array: all rows, those rows copied together, or by an index.

    A question about the past is no matter of choice: an index knows only what holds now.
    """
    if permitted <= GATHER_SHARE * rows:
        return "gather"
    return "exact" if permitted <= EXACT_UP_TO else "index"
