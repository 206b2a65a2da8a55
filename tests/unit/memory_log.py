"""The log as a list: what the runner reads when no database is needed to see how it behaves."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from mnemolog.domain.log import LAST, Event, Selection


class MemoryLog:
    """Implements EventLog and Wakeups. Events must be appended with gapless positions."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self._events: list[Event] = []
        self._grown = threading.Condition()
        self.reads = 0
        self.append(events)

    def append(self, events: Sequence[Event]) -> None:
        with self._grown:
            for event in events:
                assert event.position == len(self._events) + 1
                self._events.append(event)
            self._grown.notify_all()

    def head(self) -> int:
        return len(self._events)

    def read(self, after: int, limit: int, selection: Selection = Selection(), upto: int = LAST) -> Sequence[Event]:
        self.reads += 1
        return [event for event in self._events[after:] if event.position <= upto and selection.wants(event)][:limit]

    def at(self, positions: Sequence[int]) -> Mapping[int, Event]:
        return {position: self._events[position - 1] for position in positions}

    def listen(self, after: int, timeout: float) -> int:
        with self._grown:
            self._grown.wait_for(lambda: len(self._events) > after, timeout)
            return len(self._events)
