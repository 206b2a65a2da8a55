"""An append-only array whose memory grows by half when it is full.

New rows wait in a list until somebody looks: to append to a list is several times as fast as to write into an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Growing:
    """Rows of `dtype`, each of shape `shape`; it begins with a copy of `rows`."""

    def __init__(self, dtype: DTypeLike, shape: tuple[int, ...] = (), rows: NDArray[Any] | None = None) -> None:
        self._cells: NDArray[Any] = np.zeros((16, *shape), dtype) if rows is None else np.array(rows, dtype)
        self._size = 0 if rows is None else len(rows)
        self._new: list[Any] = []

    def __len__(self) -> int:
        return self._size + len(self._new)

    @property
    def rows(self) -> NDArray[Any]:
        """Writable, and still the rows of this moment after the array has grown into new memory."""
        if self._new:
            self._settle()
        return self._cells[: self._size]

    def append(self, row: Any) -> int:
        """The number of the new row."""
        self._new.append(row)
        return self._size + len(self._new) - 1

    def _settle(self) -> None:
        size = self._size + len(self._new)
        if size > len(self._cells):
            self._grow(size + max(16, size // 2))
        self._cells[self._size : size] = self._new
        self._size, self._new = size, []

    def _grow(self, size: int) -> None:
        """What is not written yet costs no memory: the system gives zeros when they are touched."""
        cells = np.zeros((size, *self._cells.shape[1:]), self._cells.dtype)
        cells[: self._size] = self._cells[: self._size]
        self._cells = cells
