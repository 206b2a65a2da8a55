"""Lets go of cubes that nobody asks about, and keeps files of those that changed, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from mnemolog.projections.residence import Residence

TURN_SECONDS = 5.0
BUSY_SECONDS = 10.0  # a cube that was asked about so lately is not let go
WORTH_KEEPING = 500  # changes of a cube, below which the log is read about as fast as a file
KEPT_SHARE = 0.1  # of a cube that may be new before its file is written again

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resident:
    """A cube in memory: about how many memories it has, and how many seconds ago somebody asked about it."""

    cube_id: UUID
    memories: int
    idle: float


def leaving(residents: list[Resident], idle_seconds: float, most_memories: int) -> Iterator[UUID]:
    """Those that are idle; and of the others, while there are too many memories, the one that waits longest."""
    total = sum(each.memories for each in residents)
    for each in sorted(residents, key=lambda resident: (-resident.idle, resident.cube_id)):
        if each.idle > idle_seconds or (total > most_memories and each.idle > BUSY_SECONDS):
            total -= each.memories
            yield each.cube_id


class Caretaker:
    """A cube is let go `idle_seconds` after the last question, and before that when there are too many memories."""

    def __init__(self, residence: Residence, idle_seconds: float, most_memories: int) -> None:
        self._residence, self._idle_seconds, self._most_memories = residence, idle_seconds, most_memories
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caretaker", daemon=True)
        self._failed = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Files of what has changed much are written first."""
        self._stopping.set()
        self._thread.join()
        self.tend(time.monotonic())

    def tend(self, now: float) -> None:
        """One turn. What cannot be written is not: it is said once, and the log has everything."""
        try:
            self._keep()
            for cube_id in leaving(self.residents(now), self._idle_seconds, self._most_memories):
                for view in self._residence.views:
                    view.release(cube_id)
            self._residence.reach()
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("views are not kept: %s", type(error).__name__)
            self._failed = True

    def _run(self) -> None:
        while not self._stopping.wait(TURN_SECONDS):
            self.tend(time.monotonic())

    def _keep(self) -> None:
        for view in self._residence.views:
            for cube_id, (rows, _, changes) in view.held().items():
                if changes >= max(WORTH_KEEPING, KEPT_SHARE * rows):
                    self._residence.keep(view, cube_id)

    def residents(self, now: float) -> list[Resident]:
        """Rows of a view are the wordings of memories, or more."""
        memories, asked = dict[UUID, int](), dict[UUID, float]()
        for view in self._residence.views:
            for cube_id, (rows, last, _) in view.held().items():
                memories[cube_id] = min(memories.get(cube_id, rows), rows)
                asked[cube_id] = max(asked.get(cube_id, last), last)
        return [Resident(cube_id, size, now - asked[cube_id]) for cube_id, size in memories.items()]
