"""Keeps the views up with the log, each in a thread of its own.

One thread listens for the head of the log; a lane for each view applies what is new. Nothing polls: lanes and waiting
callers sleep on one condition. A view is behind for one of two reasons, and both are shown in its status: something
that it needs does not answer, which is waited for, or an event that it cannot fold, which is parked and passed over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mnemolog.domain.log import EventLog, Selection, Wakeups
from mnemolog.domain.refusals import NotFound, ProjectionBehind, Refusal
from mnemolog.projections.parking import Parked, fold_or_park
from mnemolog.projections.projection import Projection

LISTEN_SECONDS = 1.0  # a listener that is cut off without noticing asks again after this long
FIRST_BATCH = 256
SLOW_SECONDS, FAST_SECONDS = 1.0, 0.25  # batches shrink above and grow below, so that positions keep moving
FIRST_DELAY, LAST_DELAY = 0.1, 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """`lag` is in positions of the log; `last_error_code` is None unless an outage lasts."""

    name: str
    version: int
    position: int
    lag: int
    parked: tuple[Parked, ...]
    last_error_code: str | None


class Outage:
    """The present failure of one thread: said once, waited for ever longer, forgotten when it is over."""

    def __init__(self, who: str, pause: Callable[[float], object]) -> None:
        self._who, self._pause = who, pause
        self.code: str | None = None
        self._delay = FIRST_DELAY

    def met(self, error: Exception) -> None:
        if self.code is None:
            log.warning("%s waits: %s", self._who, code_of(error))
        self.code = code_of(error)
        self._pause(self._delay)
        self._delay = min(self._delay * 2, LAST_DELAY)

    def over(self) -> None:
        if self.code is not None:
            log.warning("%s goes on after: %s", self._who, self.code)
        self.code, self._delay = None, FIRST_DELAY


class Lane:
    """One view on its way along the log. One thread at a time advances it."""

    def __init__(self, projection: Projection, events: EventLog, batch: int, moved: Callable[[], None]) -> None:
        self.projection = projection
        self.parked: list[Parked] = []
        self._events, self._moved = events, moved
        self._limit, self._batch = batch, min(batch, FIRST_BATCH)
        self._selection = Selection(types=projection.types)
        self._turn = threading.Lock()

    def advance(self, head: int, stopping: Callable[[], bool] = lambda: False) -> None:
        """Fold all that is in (position, head]; `head` must be a position that the log has reached."""
        with self._turn:
            while self.projection.position < head and not stopping():
                self._step(head)
                self._moved()

    def _step(self, head: int) -> None:
        size = self._batch
        page = self._events.read(self.projection.position, size, self._selection, head)
        upto = head if len(page) < size else page[-1].position
        started = time.monotonic()
        for parked in fold_or_park(self.projection.name, self.projection.apply, page, upto):
            self.park(parked)
        self._adapt(time.monotonic() - started)

    def _adapt(self, seconds: float) -> None:
        if seconds > SLOW_SECONDS:
            self._batch = max(1, self._batch // 2)
        elif seconds < FAST_SECONDS:
            self._batch = min(self._limit, self._batch * 2)

    def park(self, parked: Parked) -> None:
        if parked not in self.parked:
            self.parked.append(parked)


class Runner:
    """Raises nothing from its threads: `status` tells how they are. `pause` takes the seconds to back off."""

    def __init__(
        self,
        events: EventLog,
        wakeups: Wakeups,
        projections: Iterable[Projection],
        batch: int = 2000,
        *,
        pause: Callable[[float], object] | None = None,
        listen_seconds: float = LISTEN_SECONDS,
    ) -> None:
        self._events, self._wakeups = events, wakeups
        self._listen_seconds = listen_seconds
        self._stopping = threading.Event()
        pause = pause or self._stopping.wait
        self._changed = threading.Condition()
        self._head = 0
        self._lanes = {each.name: Lane(each, events, batch, self._wake) for each in projections}
        self._listening = Outage("The listener of the log", pause)
        self._outages = {name: Outage(f"View {name}", pause) for name in self._lanes}
        self._threads: list[threading.Thread] = []

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._lanes)

    def start(self) -> None:
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._listen, name="log-listener", daemon=True),
            *(
                threading.Thread(target=self._follow, args=(name,), name=f"view-{name}", daemon=True)
                for name in self._lanes
            ),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when all threads have ended; whoever waits for a view is told that it is behind."""
        self._stopping.set()
        self._wake()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def wait(self, names: str | Iterable[str], position: int, timeout: float) -> None:
        """Until the named views have applied `position`. Raises ProjectionBehind, or NotFound for an unknown name."""
        lanes = [self._lane(name) for name in ([names] if isinstance(names, str) else names)]

        def behind() -> list[Lane]:
            return [lane for lane in lanes if lane.projection.position < position]

        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or not behind(), timeout)
        if late := behind():
            view = min(late, key=lambda lane: lane.projection.position).projection
            raise ProjectionBehind(view=view.name, position=view.position, wanted=position)

    def catch_up(self, position: int | None = None) -> None:
        """Bring every view to `position`, or to the head, in the calling thread. Outages are raised."""
        head = self._events.head()
        self._hear(head)
        for lane in self._lanes.values():
            lane.advance(head if position is None else min(position, head))

    def park(self, name: str, parked: Parked) -> None:
        """Show in the status of a view what was passed over elsewhere. Raises NotFound for an unknown name."""
        self._lane(name).park(parked)

    def status(self) -> list[ViewStatus]:
        return [self._status(lane) for lane in self._lanes.values()]

    def _status(self, lane: Lane) -> ViewStatus:
        view = lane.projection
        position = view.position
        return ViewStatus(
            name=view.name,
            version=view.version,
            position=position,
            lag=max(0, self._head - position),
            parked=tuple(lane.parked),
            last_error_code=self._outages[view.name].code or self._listening.code,
        )

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hear(self._wakeups.listen(self._head, self._listen_seconds))
                self._listening.over()
            except Exception as error:  # noqa: BLE001 - a thread's edge: it has no caller, and must outlive any fault
                self._listening.met(error)

    def _follow(self, name: str) -> None:
        lane, outage = self._lanes[name], self._outages[name]
        while self._news(lane):
            try:
                lane.advance(self._head, self._stopping.is_set)
                outage.over()
            except Exception as error:  # noqa: BLE001 - a thread's edge, as above; folds park what is their own fault
                outage.met(error)

    def _news(self, lane: Lane) -> bool:
        """Sleeps until the log is ahead of the view; False when the runner stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or lane.projection.position < self._head)
        return not self._stopping.is_set()

    def _hear(self, head: int) -> None:
        with self._changed:
            if head > self._head:
                self._head = head
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _lane(self, name: str) -> Lane:
        if name not in self._lanes:
            raise NotFound(kind="view", id=name)
        return self._lanes[name]


def code_of(error: Exception) -> str:
    return error.code if isinstance(error, Refusal) else type(error).__name__
