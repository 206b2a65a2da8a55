"""Brings indexes up to date in the background, one after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self
from uuid import UUID

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import Mask

Rows = Callable[[], tuple[Vectors, Mask]]  # the array of a cube as it is now, and which of its rows are live

log = logging.getLogger(__name__)


class IndexBuilder:
    """A cube that is asked for again before its turn gets one turn, with what holds by then."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[UUID, tuple[NearestRows, Rows]] = {}
        self._busy, self._stopping = False, False
        self._thread = threading.Thread(target=self._run, name="index builder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Does not wait for a build that is under way: nothing is lost with it."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def ask(self, cube_id: UUID, nearest: NearestRows, rows: Rows) -> None:
        with self._changed:
            self._waiting[cube_id] = (nearest, rows)
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Until all that was asked for is done; False when that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def _run(self) -> None:
        while (cube := self._next()) is not None:
            nearest, rows = cube
            try:
                nearest.refresh(*rows())
            except (RuntimeError, MemoryError, OSError) as error:
                log.warning("an index could not be built, and rows are compared one by one: %s", type(error).__name__)

    def _next(self) -> tuple[NearestRows, Rows] | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: bool(self._waiting) or self._stopping)
            if self._stopping:
                return None
            self._busy = True
            return self._waiting.pop(next(iter(self._waiting)))
