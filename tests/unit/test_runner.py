from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.log import LAST, Event, Selection
from mnemolog.domain.refusals import NotFound, ProjectionBehind, StoreUnreachable
from mnemolog.projections.fold import Fold
from mnemolog.projections.parking import Parked
from mnemolog.projections.runner import Runner
from tests.unit.memory_log import MemoryLog

SOON = 10.0  # seconds; never reached unless something is broken
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = UUID(int=1)


def an_event(position: int, kind: str = "fact.noted.v1", secret: str = "") -> Event:
    return Event(position, UUID(int=9), position, kind, TENANT, NOW, NOW, {"secret": secret})


class Tally(Fold):
    """Remembers which positions it folded, and raises what it is told to."""

    version = 1

    def __init__(self, name: str = "tally", types: tuple[str, ...] = ("fact.noted.v1",)) -> None:
        super().__init__()
        self.name, self.types = name, types
        self.folded: list[int] = []
        self.failures: dict[int, list[Exception]] = {}
        self.calls: list[tuple[int, int]] = []

    def apply(self, events: Sequence[Event], upto: int) -> None:
        self.calls.append((len(events), upto))
        super().apply(events, upto)

    def poison(self, position: int) -> None:
        self.failures[position] = [ValueError("my secret")] * 100

    def _fold(self, event: Event) -> None:
        if self.failures.get(event.position):
            raise self.failures[event.position].pop()
        self.folded.append(event.position)

    def _content(self) -> Iterator[bytes]:
        yield str(self.folded).encode()


class FlakyLog(MemoryLog):
    """Fails the next reads and listens with what it is told to."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        super().__init__(events)
        self.read_failures: list[Exception] = []
        self.listen_failures: list[Exception] = []

    def read(self, after: int, limit: int, selection: Selection = Selection(), upto: int = LAST) -> Sequence[Event]:
        if self.read_failures:
            raise self.read_failures.pop(0)
        return super().read(after, limit, selection, upto)

    def listen(self, after: int, timeout: float) -> int:
        if self.listen_failures:
            raise self.listen_failures.pop(0)
        return super().listen(after, timeout)


class Gate:
    """A pause that lasts until it is opened."""

    def __init__(self) -> None:
        self.reached, self._open = threading.Event(), threading.Event()

    def __call__(self, seconds: float) -> None:
        assert seconds > 0
        self.reached.set()
        self._open.wait(SOON)

    def open(self) -> None:
        self._open.set()


@contextmanager
def running(
    log: MemoryLog, *views: Fold, batch: int = 2000, pause: Callable[[float], object] | None = None
) -> Iterator[Runner]:
    runner = Runner(log, log, views, batch, pause=pause, listen_seconds=0.02)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def test_a_view_follows_the_log_as_it_grows() -> None:
    log, view = MemoryLog([an_event(1)]), Tally()
    with running(log, view) as runner:
        runner.wait("tally", 1, SOON)
        log.append([an_event(2), an_event(3)])
        runner.wait("tally", 3, SOON)
    assert view.folded == [1, 2, 3]


def test_a_view_moves_to_the_head_although_no_event_is_for_it() -> None:
    log, view = MemoryLog([an_event(1, "other.thing.v1"), an_event(2, "other.thing.v1")]), Tally()
    with running(log, view) as runner:
        runner.wait("tally", 2, SOON)
    assert (view.position, view.folded) == (2, [])


def test_every_view_is_waited_for_when_several_are_named() -> None:
    log, first, second = MemoryLog([an_event(1)]), Tally("first"), Tally("second")
    with running(log, first, second) as runner:
        runner.wait(["first", "second"], 1, SOON)
    assert (first.position, second.position) == (1, 1)


def test_whoever_waits_too_long_learns_which_view_is_behind_and_how_far() -> None:
    with running(MemoryLog([an_event(1)]), Tally()) as runner:
        runner.wait("tally", 1, SOON)
        with pytest.raises(ProjectionBehind) as refusal:
            runner.wait("tally", 2, timeout=0)
    assert refusal.value.facts == {"view": "tally", "position": 1, "wanted": 2}


def test_waiting_for_a_view_that_does_not_exist_is_refused() -> None:
    with pytest.raises(NotFound):
        Runner(MemoryLog(), MemoryLog(), [Tally()]).wait("nothing", 0, timeout=0)


def test_whoever_waits_is_told_at_once_when_the_runner_stops() -> None:
    log = MemoryLog()
    runner = Runner(log, log, [Tally()], listen_seconds=0.02)
    runner.start()
    refused: list[ProjectionBehind] = []

    def waiting() -> None:
        with pytest.raises(ProjectionBehind) as refusal:
            runner.wait("tally", 1, timeout=1000 * SOON)
        refused.append(refusal.value)

    thread = threading.Thread(target=waiting)
    thread.start()
    runner.stop()
    thread.join(SOON)
    assert len(refused) == 1


def test_a_stopped_runner_can_be_started_again() -> None:
    log, view = MemoryLog([an_event(1)]), Tally()
    runner = Runner(log, log, [view], listen_seconds=0.02)
    for position in (1, 2):
        runner.start()
        runner.wait("tally", position, SOON)
        runner.stop()
        log.append([an_event(position + 1)])
    assert view.folded == [1, 2]


@given(poisoned=st.sets(st.integers(1, 40)), batch=st.integers(1, 50))
def test_events_that_cannot_be_folded_are_parked_and_all_others_are_folded_once(poisoned: set[int], batch: int) -> None:
    log, view = MemoryLog([an_event(position) for position in range(1, 41)]), Tally()
    for position in poisoned:
        view.poison(position)
    runner = Runner(log, log, [view], batch)
    runner.catch_up()
    assert view.folded == [position for position in range(1, 41) if position not in poisoned]
    assert view.position == 40
    (status,) = runner.status()
    assert status.parked == tuple(Parked(position, "ValueError") for position in sorted(poisoned))


def test_a_parked_event_is_logged_once_and_without_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    log, view = MemoryLog([an_event(1, secret="my secret")]), Tally()
    view.poison(1)
    with running(log, view) as runner:
        runner.wait("tally", 1, SOON)
    assert caplog.messages == ["View tally parked position 1: ValueError"]
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnreachable(reason="it restarts"), "store_unreachable"),
        (ConnectionResetError("gone"), "ConnectionResetError"),
        (RuntimeError("a driver's own"), "RuntimeError"),
    ],
)
def test_a_log_that_does_not_answer_is_waited_for_and_shown_meanwhile(error: Exception, code: str) -> None:
    log, view, gate = FlakyLog([an_event(1)]), Tally(), Gate()
    log.read_failures = [error]
    with running(log, view, pause=gate) as runner:
        assert gate.reached.wait(SOON)
        (during,) = runner.status()
        gate.open()
        runner.wait("tally", 1, SOON)
    (after,) = runner.status()
    assert (during.last_error_code, during.position, during.lag) == (code, 0, 1)
    assert (after.last_error_code, after.position, after.lag, after.parked) == (None, 1, 0, ())


@pytest.mark.parametrize("error", [StoreUnreachable(reason="it restarts"), TimeoutError(), MemoryError()])
def test_an_outage_of_what_a_fold_needs_parks_nothing(error: Exception) -> None:
    log, view = MemoryLog([an_event(1)]), Tally()
    view.failures[1] = [error]
    with running(log, view, pause=lambda seconds: None) as runner:
        runner.wait("tally", 1, SOON)
    assert view.folded == [1]
    assert runner.status()[0].parked == ()


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    log, view = FlakyLog([an_event(1)]), Tally()
    log.read_failures = [ConnectionResetError(), ConnectionResetError(), ConnectionResetError()]
    with running(log, view, pause=lambda seconds: None) as runner:
        runner.wait("tally", 1, SOON)
    assert caplog.messages == [
        "View tally waits: ConnectionResetError",
        "View tally goes on after: ConnectionResetError",
    ]


def test_pauses_grow_during_an_outage_and_start_small_in_the_next() -> None:
    log, view = FlakyLog([an_event(1)]), Tally()
    pauses: list[float] = []
    with running(log, view, pause=pauses.append) as runner:
        for position, failures in ((2, 9), (3, 2)):
            log.read_failures = [OSError() for _ in range(failures)]
            log.append([an_event(position)])
            runner.wait("tally", position, SOON)
    first, second = pauses[:-2], pauses[-2:]
    assert first == sorted(first)
    assert (first[0], first[-1]) == (0.1, 5.0)
    assert second == [0.1, 0.2]


def test_a_listener_that_is_cut_off_is_shown_on_every_view_and_recovers() -> None:
    log, view, gate = FlakyLog([an_event(1)]), Tally(), Gate()
    log.listen_failures = [OSError()]
    with running(log, view, pause=gate) as runner:
        assert gate.reached.wait(SOON)
        assert runner.status()[0].last_error_code == "OSError"
        gate.open()
        runner.wait("tally", 1, SOON)


def test_batches_grow_while_folding_is_quick_and_never_beyond_the_limit() -> None:
    log, view = MemoryLog([an_event(position) for position in range(1, 3001)]), Tally()
    Runner(log, log, [view], batch=600).catch_up()
    sizes = [size for size, _ in view.calls]
    assert sizes[0] == 256
    assert max(sizes) <= 600
    assert sum(sizes) == 3000


def test_catching_up_stops_at_the_position_that_is_asked_for() -> None:
    log, view = MemoryLog([an_event(position) for position in range(1, 11)]), Tally()
    runner = Runner(log, log, [view], batch=4)
    runner.catch_up(7)
    assert (view.position, view.folded) == (7, list(range(1, 8)))
    runner.catch_up()
    assert view.folded == list(range(1, 11))


def test_a_batch_that_is_applied_again_after_a_failure_changes_nothing() -> None:
    view, events = Tally(), [an_event(position) for position in range(1, 6)]
    view.failures[3] = [ConnectionResetError()]
    with pytest.raises(ConnectionResetError):
        view.apply(events, 5)
    assert view.position == 2
    view.apply(events, 5)
    view.apply(events, 5)
    assert view.folded == [1, 2, 3, 4, 5]


def test_the_runner_logs_nothing_while_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), running(MemoryLog([an_event(1)]), Tally()) as runner:
        runner.wait("tally", 1, SOON)
    assert caplog.messages == []
