"""A projection that is held in memory."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from uuid import UUID

from mnemolog.domain.log import Event


class Fold(ABC):
    """Folds events one by one under one lock, which reads take too: a reader sees the state after some whole event.

    A batch that fails midway stays folded up to the event that failed, and goes on there when it is applied again.
    For that, `_fold` must find everything that can be wrong with an event before it changes anything.
    """

    name: str
    version: int
    types: tuple[str, ...]

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._position = 0

    @property
    def position(self) -> int:
        return self._position

    def apply(self, events: Sequence[Event], upto: int) -> None:
        for event in self._new(events):
            with self._lock:
                self._fold(event)
                self._position = event.position
        self._position = max(self._position, upto)

    def digest(self) -> str:
        """Of what is held, not of how far the log was read: positions without events for this view leave it alone."""
        sha256 = hashlib.sha256(f"{self.name} {self.version}".encode())
        with self._lock:
            for part in self._content():
                sha256.update(len(part).to_bytes(8, "big"))
                sha256.update(part)
        return sha256.hexdigest()

    def _new(self, events: Sequence[Event]) -> list[Event]:
        """Those that are for this view and not in it yet."""
        unseen = [event for event in events if event.position > self._position]
        return [event for event in unseen if event.type in self.types] if self.types else unseen

    @abstractmethod
    def _fold(self, event: Event) -> None: ...

    @abstractmethod
    def _content(self) -> Iterable[bytes]:
        """The whole state in an order that does not depend on how it was reached."""


def place_of(event: Event) -> tuple[UUID, UUID]:
    """The cube and the memory that an event is about."""
    assert event.cube_id is not None
    assert event.memory_id is not None
    return event.cube_id, event.memory_id
