"""Which wording of a memory held at which position."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.growing import Growing

FOREVER = int(np.iinfo(np.int64).max)
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
        self._since, self._until = Growing(np.int64), Growing(np.int64)
        self._rows: dict[UUID, list[int]] = {}

    def __len__(self) -> int:
        return len(self._since)

    def add(self, memory_id: UUID, position: int, *, readable: bool) -> int:
        """The row of a new wording, which ends the one before. One that is not readable holds nowhere."""
        rows = self._rows.setdefault(memory_id, [])
        if rows and self._until.rows[rows[-1]] == FOREVER:
            self._until.rows[rows[-1]] = position
        self._until.append(FOREVER if readable else position)
        rows.append(self._since.append(position))
        return rows[-1]

    def forget(self, memory_id: UUID) -> list[int]:
        """The rows of a memory, which from now on hold nowhere, not even in the past."""
        rows = self._rows.get(memory_id, [])
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

    def content(self) -> list[bytes]:
        owners = sorted((rows, memory_id.bytes) for memory_id, rows in self._rows.items())
        named = b"".join(memory_id + np.array(rows, "<i8").tobytes() for rows, memory_id in owners)
        return [self._since.rows.astype("<i8").tobytes(), self._until.rows.astype("<i8").tobytes(), named]
