"""An index that compares all its rows, and is quickly built."""

from __future__ import annotations

import numpy as np

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.vector_index import VectorIndex
from mnemolog.projections.wordings import Rows


class PlainIndex:
    def __init__(self, rows: Rows, cells: Vectors) -> None:
        self.rows, self.removed, self._cells = rows, 0, cells

    def add(self, rows: Rows, cells: Vectors) -> None:
        self.rows, self._cells = np.concatenate([self.rows, rows]), np.concatenate([self._cells, cells])

    def remove(self, rows: Rows) -> None:
        kept = ~np.isin(self.rows, rows)
        self.rows, self._cells, self.removed = self.rows[kept], self._cells[kept], self.removed + len(rows)

    def search(self, query: Vectors, k: int) -> Rows:
        found: Rows = self.rows[np.argsort(-(self._cells @ query), kind="stable")[:k]]
        return found


class PlainIndexes:
    """Remembers how many rows each was to have room for."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def empty(self, dimensions: int, room: int) -> VectorIndex:
        self.sizes.append(room)
        return PlainIndex(np.zeros(0, np.intp), np.zeros((0, dimensions), np.float32))
