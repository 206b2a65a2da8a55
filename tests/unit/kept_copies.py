"""Copies of states in memory, for those who want to see what becomes of them without a disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from uuid import UUID

import numpy as np

from mnemolog.projections.saved import Saved


class KeptCopies:
    """Implements `CubeFiles`. What is kept is bytes, so that nothing is shared with the state that it was made from."""

    def __init__(self) -> None:
        self.copies: dict[tuple[str, UUID], tuple[str, int, str, bytes]] = {}
        self.position: int | None = None
        self.failures: list[OSError] = []

    def keep(self, view: str, version: str, cube_id: UUID, saved: Saved, is_current: Callable[[], bool]) -> bool:
        if self.failures:
            raise self.failures.pop()
        if not is_current():
            return False
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **saved.arrays)
        self.copies[view, cube_id] = version, saved.position, saved.stamp, buffer.getvalue()
        return True

    def read(self, view: str, version: str, cube_id: UUID) -> Saved | None:
        if (view, cube_id) not in self.copies:
            return None
        made_by, position, stamp, content = self.copies[view, cube_id]
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return Saved(position, stamp, dict(arrays)) if made_by == version else None

    def drop(self, view: str, cube_id: UUID) -> None:
        self.copies.pop((view, cube_id), None)

    def reach(self, position: int) -> None:
        self.position = position

    def reached(self) -> int | None:
        return self.position

    def clear(self) -> None:
        self.copies.clear()
        self.position = None
