"""Writes down what time has done: memories that have expired are archived. Erasures that were held up are finished.

Reads need none of this, because they compare the moment of expiry with the clock.
"""

from __future__ import annotations

import logging
import threading
from uuid import UUID

from mnemolog.api.erasing import resume
from mnemolog.api.parts import CATALOGUE, Parts
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Origin
from mnemolog.domain.memory import Memory
from mnemolog.domain.refusals import Refusal, VersionConflict
from mnemolog.domain.retention import has_expired

logger = logging.getLogger(__name__)
BATCH = 200
SWEPT = frozenset({State.GENERATED, State.ACTIVATED, State.MERGED})


def sweep(parts: Parts) -> int:
    """How many memories were archived because their time has passed."""
    parts.wait(CATALOGUE)
    archived = 0
    while ids := parts.directory.expired(parts.clock.now(), BATCH):
        count = sum(_archive(parts, memory_id) for memory_id in ids)
        parts.wait(CATALOGUE)
        archived += count
        if count == 0 or len(ids) < BATCH:
            break
    return archived


def _archive(parts: Parts, memory_id: UUID) -> bool:
    """Decided on the memory's own events: it may have been extended, frozen or archived since the catalogue saw it."""
    memory = parts.application.load(Memory, memory_id)
    if not has_expired(memory.expires_at, parts.clock.now()) or memory.state not in SWEPT:
        return False
    memory.archive(Reason.EXPIRED)
    try:
        appended = parts.application.record(memory, origin=Origin(request_id=new_id()))
    except VersionConflict:
        return False
    if appended is not None:
        parts.written(appended)
    return True


class Sweeper:
    """Sweeps every `seconds` until it is stopped. An outage is said once and waited for."""

    def __init__(self, parts: Parts, seconds: float) -> None:
        self._parts, self._seconds = parts, seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mnemolog-sweep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        failing = False
        while not self._stopping.wait(self._seconds):
            try:
                sweep(self._parts)
                resume(self._parts)
                failing = False
            except Refusal as refusal:
                if not failing:
                    logger.warning("sweeper: %s", refusal.code)
                failing = True
