"""The newest events, read once for all the views that are waiting for them.

Views that keep up ask for the same few events at the same moment. The first to ask reads them from the log, whole; the
others are given what they want of that page. A view that is far behind reads for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from mnemolog.domain.log import LAST, Event, EventLog, Selection

PAGE = 500


class SharedTail:
    """Implements `mnemolog.domain.log.EventLog` over another. Holds one page, which the next one replaces."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._turn = threading.Lock()
        self._after = self._until = 0  # the page has every event of (after, until]
        self._page: Sequence[Event] = ()

    def head(self) -> int:
        return self._log.head()

    def at(self, positions: Sequence[int]) -> Mapping[int, Event]:
        return self._log.at(positions)

    def read(self, after: int, limit: int, selection: Selection = Selection(), upto: int = LAST) -> Sequence[Event]:
        """Shared when `upto` is given, which must be a position that the log has reached."""
        if upto == LAST or upto - after > PAGE:
            return self._log.read(after, limit, selection, upto)
        with self._turn:
            if not (self._after <= after and upto <= self._until):
                self._page = self._log.read(after, PAGE, Selection(), upto)
                self._after, self._until = after, upto
            page = self._page
        return [event for event in page if after < event.position <= upto and selection.wants(event)][:limit]
