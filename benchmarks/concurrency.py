"""Many callers at once: how well they are served, and whether the log stays one gapless order while they write."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from eventsourcing.persistence import StoredEvent

from benchmarks.events import batches, log_events, plain_events
from benchmarks.figure import Figure
from benchmarks.library import library_recorder
from benchmarks.meter import median_ms
from benchmarks.writers import log_recorder
from mnemolog.adapters.postgres.connection import connect
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.recorder import LogRecorder

CALLERS, EACH, ROUNDS = 16, 100, 8
WRITERS, EVENTS, LARGEST, PAGE = 4, 100_000, 50, 500
PAUSE_SECONDS = 0.001


@dataclass(frozen=True)
class Service:
    """The best of some rounds. `p50_ms` is how long a caller waits."""

    events_per_second: float
    p50_ms: float

    def better(self, other: Service) -> Service:
        return Service(max(self.events_per_second, other.events_per_second), min(self.p50_ms, other.p50_ms))


def concurrent_appends(dsn: str) -> Iterator[Figure]:
    """One event to an append, each caller waiting until its own is durable."""
    own = default = Service(0, float("inf"))
    with log_recorder(dsn) as ours, library_recorder(dsn, connections=CALLERS) as library:
        for events in batches(log_events(CALLERS * EACH * ROUNDS), CALLERS * EACH):
            own = own.better(_serve(ours.append, events))
            default = default.better(_serve(library.insert_events, plain_events(events)))
    gain, wait = own.events_per_second / default.events_per_second, own.p50_ms / default.p50_ms
    yield Figure.at_least(
        6, f"16 callers, events/s, best of {ROUNDS} rounds each: mnemolog / the library's recorder", gain, "ratio"
    )
    yield Figure.at_most(
        0.2, f"16 callers, p50, best of {ROUNDS} rounds each: mnemolog / the library's recorder", wait, "ratio"
    )
    for name, service in (("mnemolog", own), ("the library's recorder", default)):
        yield Figure(f"16 callers: {name}", service.events_per_second, "events/s")
        yield Figure(f"16 callers, p50: {name}", service.p50_ms, "ms")


def _serve(append: Callable[[Sequence[StoredEvent]], object], events: Sequence[StoredEvent]) -> Service:
    waits: list[float] = []

    def call(mine: Sequence[StoredEvent]) -> None:
        for event in mine:
            asked = time.perf_counter()
            append([event])
            waits.append(time.perf_counter() - asked)

    with ThreadPoolExecutor(CALLERS) as callers:
        started = time.perf_counter()
        list(callers.map(call, batches(events, EACH)))
        seconds = time.perf_counter() - started
    return Service(len(events) / seconds, median_ms(waits))


def tailing(dsn: str) -> Iterator[Figure]:
    """Four writers over two connections, so that they meet at the lock of the log, and a reader at its end."""
    writing = threading.Event()
    writing.set()
    with log_recorder(dsn) as one, log_recorder(dsn) as two, ThreadPoolExecutor(WRITERS + 1) as threads:
        shares = batches(log_events(EVENTS), EVENTS // WRITERS)
        started = time.perf_counter()
        reader = threads.submit(_tail, two, writing)
        writers = [threads.submit(_write, (one, two)[n % 2], share, n) for n, share in enumerate(shares)]
        for writer in writers:
            writer.result()
        seconds = time.perf_counter() - started
        writing.clear()
        seen = reader.result()
    with connect(dsn) as connection:
        rows = connection.execute("SELECT position FROM mnemolog.event ORDER BY position").fetchall()
    stored = [position for (position,) in rows]
    yield Figure.at_least(EVENTS, "4 writers and a reader: events written", len(stored), "events")
    yield Figure.at_most(0, "4 writers and a reader: missed by the reader", len({*stored} - {*seen}), "events")
    out_of_order = sum(later <= earlier for earlier, later in pairwise(seen))
    yield Figure.at_most(0, "4 writers and a reader: read out of order", out_of_order, "events")
    yield Figure.at_most(0, "4 writers and a reader: gaps in the positions", stored[-1] - len(stored), "positions")
    yield Figure("4 writers and a reader: written", EVENTS / seconds, "events/s")


def _write(recorder: LogRecorder, events: Sequence[LogEvent], seed: int) -> None:
    sizes = random.Random(seed)
    start = 0
    while start < len(events):
        end = start + sizes.randint(1, LARGEST)
        recorder.append(events[start:end])
        start = end


def _tail(recorder: LogRecorder, writing: threading.Event) -> list[int]:
    """The positions as they were read, always from the last one on."""
    seen: list[int] = []
    while True:
        last_look = not writing.is_set()
        page = recorder.page(seen[-1] if seen else 0, PAGE)
        seen += [row[0] for row in page]
        if not page and last_look:
            return seen
        if not page:
            time.sleep(PAUSE_SECONDS)
