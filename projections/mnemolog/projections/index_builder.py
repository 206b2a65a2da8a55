"""Brings indexes up to date in the background, one after the other."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self
from uuid import UUID

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import Mask

LEAVING_SECONDS = 5.0  # a step takes much less; what may take longer can be left alone

Rows = Callable[[], tuple[Vectors, Mask]]  # the array of a cube as it is now, and which of its rows are live

log = logging.getLogger(__name__)


class IndexBuilder:
    """A cube that is asked for again before its turn gets one turn, with what holds by then.

    Nothing begins in the first seconds (`patience`): a process that asks one question has no use for an index.
    """

    def __init__(self, patience: float = 0.0) -> None:
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting: dict[UUID, tuple[NearestRows, Rows]] = {}
        self._current: NearestRows | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="index builder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        atexit.register(self.close)  # hnswlib ends the process when Python stops a thread that is inside of it
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """A build that is under way gives up: nothing is lost with it."""
        atexit.unregister(self.close)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            current = self._current
        if current is not None:
            current.retire()
        self._thread.join(LEAVING_SECONDS)

    def ask(self, cube_id: UUID, nearest: NearestRows, rows: Rows) -> None:
        with self._changed:
            self._waiting[cube_id] = (nearest, rows)
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Until all that was asked for is done; False when that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and self._current is None, seconds)

    def _run(self) -> None:
        while (cube := self._next()) is not None:
            nearest, rows = cube
            try:
                nearest.refresh(*rows())
            except (RuntimeError, MemoryError, OSError) as error:
                log.warning("an index could not be built, and rows are compared one by one: %s", type(error).__name__)

    def _next(self) -> tuple[NearestRows, Rows] | None:
        with self._changed:
            self._current = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: bool(self._waiting) or self._stopping)
            self._changed.wait_for(lambda: self._stopping, self._patience)
            self._patience = 0.0
            if self._stopping:
                return None
            cube = self._waiting.pop(next(iter(self._waiting)))
            self._current = cube[0]
            return cube
