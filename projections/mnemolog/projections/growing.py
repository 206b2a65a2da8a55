"""An append-only array whose memory doubles when it is full."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Growing:
    """Rows of `dtype`, each of shape `shape`."""

    def __init__(self, dtype: DTypeLike, shape: tuple[int, ...] = ()) -> None:
        self._cells: NDArray[Any] = np.zeros((16, *shape), dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> NDArray[Any]:
        """Writable, and still the rows of this moment after the array has grown into new memory."""
        return self._cells[: self._size]

    def append(self, row: Any) -> int:
        """The number of the new row."""
        if self._size == len(self._cells):
            self._cells = np.concatenate([self._cells, np.zeros_like(self._cells)])
        self._cells[self._size] = row
        self._size += 1
        return self._size - 1
