"""Events that a view cannot fold are passed over, one by one, and remembered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mnemolog.domain.log import Event
from mnemolog.domain.refusals import Unavailable

OUTAGES = (Unavailable, OSError, MemoryError)  # never the fault of the event that was being folded
Apply = Callable[[Sequence[Event], int], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that a view could not fold, by what it raised. What the event says is not repeated here."""

    position: int
    error: str


def fold_or_park(view: str, apply: Apply, events: Sequence[Event], upto: int) -> Iterator[Parked]:
    """Apply the events up to `upto`; a batch is halved until the event that cannot be folded is alone.

    Nothing happens before the iterator is read. Raises outages, after which the same batch may be applied again.
    """
    try:
        apply(events, upto)
    except OUTAGES:
        raise
    except Exception as error:
        if not events:
            raise
        if len(events) == 1:
            yield _parked(view, events[0], error)
            apply([], upto)
            return
    else:
        return
    middle = len(events) // 2
    yield from fold_or_park(view, apply, events[:middle], events[middle - 1].position)
    yield from fold_or_park(view, apply, events[middle:], upto)


def _parked(view: str, event: Event, error: Exception) -> Parked:
    log.error("View %s parked position %d: %s", view, event.position, type(error).__name__)
    return Parked(event.position, type(error).__name__)
