"""Ids under numbers, in the order of their first appearance."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.growing import Growing

Cells = NDArray[np.uint8]


class Ids:
    """16 bytes for each; the index that finds a number is made when one is first looked for."""

    def __init__(self, cells: Cells | None = None) -> None:
        self._cells = Growing(np.uint8, (16,), cells)
        self._index: dict[int, int] | None = None

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, number: int) -> UUID:
        return UUID(bytes=self._cells.rows[number].tobytes())

    @property
    def cells(self) -> Cells:
        """(n, 16) their bytes."""
        return self._cells.rows

    def of(self, each: UUID) -> int:
        """Its number, a new one at its first appearance."""
        size = len(self)
        number = self._numbers.setdefault(each.int, size)
        if number == size:
            self._cells.append(list(each.bytes))
        return number

    def known(self, each: UUID) -> int:
        """Raises KeyError."""
        return self._numbers[each.int]

    def find(self, each: UUID) -> int | None:
        return self._numbers.get(each.int)

    @property
    def _numbers(self) -> dict[int, int]:
        if self._index is None:
            whole = self._cells.rows.tobytes()
            self._index = {int.from_bytes(whole[16 * n : 16 * n + 16], "big"): n for n in range(len(self))}
        return self._index
