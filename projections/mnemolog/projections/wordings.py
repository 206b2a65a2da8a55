"""Which wording of a memory held at which position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.growing import Growing
from mnemolog.projections.ids import Ids
from mnemolog.projections.saved import Arrays

FOREVER = int(np.iinfo(np.int64).max)
FIRST = -1
Positions = NDArray[np.int64]
Rows = NDArray[np.intp]
Numbers = NDArray[np.int64]
Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Wordings:
    """One row for each wording of the memories of a cube, in the order of the log.

    A row is known by the position of the event that holds the text, and holds over the positions [since, until).
    """

    def __init__(self) -> None:
        self.memories = Ids()
        self._since, self._until = Growing(np.int64), Growing(np.int64)
        self._memory, self._previous = Growing(np.int32), Growing(np.int32)  # of each row
        self._last = Growing(np.int32)  # the last row of each memory

    def __len__(self) -> int:
        return len(self._since)

    def add(self, memory_id: UUID, position: int, *, readable: bool) -> int:
        """The row of a new wording, which ends the one before. One that is not readable holds nowhere."""
        known = len(self._last)
        memory = self.memories.of(memory_id)
        row = self._since.append(position)
        self._until.append(FOREVER if readable else position)
        self._memory.append(memory)
        if memory == known:
            self._previous.append(FIRST)
            self._last.append(row)
        else:
            self._previous.append(self._end(memory, position))
            self._last.rows[memory] = row
        return row

    def forget(self, memory_id: UUID) -> list[int]:
        """The rows of a memory, which from now on hold nowhere, not even in the past."""
        memory = self.memories.find(memory_id)
        rows = [] if memory is None else sorted(self._rows_of(memory))
        self._until.rows[rows] = self._since.rows[rows]
        return rows

    def rows_at(self, positions: Positions, at: int) -> Rows:
        """(n,) the rows of the wordings at these positions, and -1 for those that did not hold at position `at`."""
        since = self._since.rows
        if not len(since):
            return np.full(len(positions), -1, np.intp)
        rows = np.minimum(np.searchsorted(since, positions), len(since) - 1)
        held = (since[rows] == positions) & (positions <= at) & (self._until.rows[rows] > at)
        return np.where(held, rows, -1)

    def live(self) -> Mask:
        """(len(self),) which rows hold now."""
        mask: Mask = self._until.rows == FOREVER
        return mask

    def content(self) -> list[bytes]:
        owners = self.memories.cells[self._memory.rows]
        return [self._since.rows.astype("<i8").tobytes(), self._until.rows.astype("<i8").tobytes(), owners.tobytes()]

    def saved(self) -> Arrays:
        return {
            "memories": self.memories.cells.copy(),
            "since": self._since.rows.copy(),
            "until": self._until.rows.copy(),
            "memory": self._memory.rows.copy(),
            "previous": self._previous.rows.copy(),
            "last": self._last.rows.copy(),
        }

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        wordings = cls()
        wordings.memories = Ids(arrays["memories"])
        wordings._since, wordings._until = (
            Growing(np.int64, (), arrays["since"]),
            Growing(np.int64, (), arrays["until"]),
        )
        wordings._memory = Growing(np.int32, (), arrays["memory"])
        wordings._previous = Growing(np.int32, (), arrays["previous"])
        wordings._last = Growing(np.int32, (), arrays["last"])
        return wordings

    def _end(self, memory: int, position: int) -> int:
        last = int(self._last.rows[memory])
        if self._until.rows[last] == FOREVER:
            self._until.rows[last] = position
        return last

    def _rows_of(self, memory: int) -> Iterator[int]:
        row = int(self._last.rows[memory])
        while row != FIRST:
            yield row
            row = int(self._previous.rows[row])
