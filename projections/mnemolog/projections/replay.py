"""Views made from nothing, up to any position, beside those that the store lives by.

The views of a cube are made from one reading of the log. What they have come to can be kept on the way, so that whoever
is interrupted goes on from there; the end is the same to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from mnemolog.domain.log import Event, EventLog, Selection
from mnemolog.projections.cube_fold import AnyCubeFold, Held, digest
from mnemolog.projections.parking import fold_or_park
from mnemolog.projections.saved import Saved, packed, unpacked

PAGE = 2000
KEEP_SECONDS = 5.0
SHARE = 10  # as long as it took to keep something, ten times as long nothing more is kept
COUNT = "replay.events"  # among the arrays that are kept


@dataclass(frozen=True, slots=True)
class Made:
    """A view as it is at the end: how many events it was made from, and a sha256 over all of it, in hex."""

    view: str
    events: int
    digest: str


class Part(Protocol):
    """What is made from one reading of the log, from `after` on."""

    @property
    def selection(self) -> Selection: ...

    @property
    def after(self) -> int: ...

    def extend(self, events: Sequence[Event]) -> None: ...

    def saved(self) -> Mapping[str, Saved]:
        """What it takes to go on from here, for each view. Whatever lies elsewhere is safe first. Raises OSError."""
        ...

    def made(self) -> Sequence[Made]:
        """At the end. Raises OSError."""
        ...


class CubePart:
    """The views of one cube. `saved` is what was kept of them; nothing of a cube that was founded is no state at all.

    Raises KeyError, ValueError, TypeError or IndexError for what was kept and makes no sense.
    """

    def __init__(self, cube_id: UUID, views: Sequence[AnyCubeFold], saved: Mapping[str, Saved]) -> None:
        self._cube_id, self._views = cube_id, views
        self._held: dict[str, Held[Any]] = {view.name: view.draft(saved.get(view.name)) for view in views}
        self._before = {name: int(unpacked(each.arrays[COUNT])) for name, each in saved.items()}

    @property
    def selection(self) -> Selection:
        types = {kind for view in self._views for kind in view.types}
        return Selection(types=tuple(sorted(types)), cube_id=self._cube_id)

    @property
    def after(self) -> int:
        return min(held.position for held in self._held.values())

    def extend(self, events: Sequence[Event]) -> None:
        for view in self._views:
            for _ in fold_or_park(view.name, self._extending(view), events, events[-1].position):
                pass  # as the view itself passes over it

    def saved(self) -> dict[str, Saved]:
        return {view.name: self._saved(view) for view in self._views}

    def made(self) -> list[Made]:
        return [Made(view.name, self._events(view), digest(self._held[view.name].state)) for view in self._views]

    def _extending(self, view: AnyCubeFold) -> Callable[[Sequence[Event], int], None]:
        held = self._held[view.name]
        return lambda events, upto: view.extend(held, events)

    def _saved(self, view: AnyCubeFold) -> Saved:
        saved = view.saved_draft(self._held[view.name])
        return Saved(saved.position, saved.stamp, {**saved.arrays, COUNT: packed(self._events(view))})

    def _events(self, view: AnyCubeFold) -> int:
        return self._before.get(view.name, 0) + self._held[view.name].changes


class Due:
    """Whether it is time to keep something again."""

    def __init__(self, seconds: float = KEEP_SECONDS) -> None:
        self._seconds, self._wait, self._since = seconds, seconds, time.monotonic()

    def __bool__(self) -> bool:
        return time.monotonic() - self._since >= self._wait

    def kept(self, seconds: float) -> None:
        self._wait, self._since = max(self._seconds, SHARE * seconds), time.monotonic()


def follow(
    log: EventLog,
    part: Part,
    upto: int,
    moved: Callable[[int], None],
    keep: Callable[[Part], None] | None = None,
    size: int = PAGE,
    seconds: float = KEEP_SECONDS,
) -> None:
    """Extend a part by all that is in the log up to a position; `keep` is called with it now and then."""
    due = Due(seconds)
    for page in _pages(log, part.selection, part.after, upto, size):
        part.extend(page)
        moved(page[-1].position)
        if keep is not None and due:
            began = time.monotonic()
            keep(part)
            due.kept(time.monotonic() - began)


def _pages(log: EventLog, selection: Selection, after: int, upto: int, size: int) -> Iterator[Sequence[Event]]:
    """The next page is read while the last one is folded."""
    if after >= upto:
        return
    with ThreadPoolExecutor(1, thread_name_prefix="reading the log") as reader:
        reading = reader.submit(log.read, after, size, selection, upto)
        while page := reading.result():
            reading = reader.submit(log.read, page[-1].position, size, selection, upto)
            yield page
