"""How far views are behind the log, and how fast they catch up with it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice

from benchmarks.events import KEY_ENCRYPTION_KEY, SUBJECT, TENANT, Lives, Sealer, batches
from benchmarks.figure import Figure
from benchmarks.meter import least, median_ms
from benchmarks.writers import log_recorder
from mnemolog.adapters.keyring import Keyring
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.keys import PostgresKeys
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.domain.log import Event
from mnemolog.projections.projection import Projection
from mnemolog.projections.runner import Runner

APPENDS, IN_A_ROW, IDLE_SECONDS = 400, 50, 0.01
EVENTS, SINGLY, BATCH, ROUNDS = 10_000, 500, 2000, 3
LONGEST_WAIT_SECONDS = 60.0


class Watcher:
    """A view that holds nothing but when what was recorded, and when it saw that."""

    name = "watcher"
    version = 1
    types: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.position = 0
        self.seen: dict[int, tuple[float, float]] = {}

    def apply(self, events: Sequence[Event], upto: int) -> None:
        now = time.time()
        self.seen.update((event.position, (event.recorded_at.timestamp(), now)) for event in events)
        self.position = upto

    def digest(self) -> str:
        return hashlib.sha256(b"%d" % self.position).hexdigest()


@dataclass(frozen=True)
class Store:
    recorder: LogRecorder
    keys: PostgresKeys
    log: PostgresLog
    catalogue: PostgresCatalogue
    wakeups: LogWakeups

    def sealed(self, n: int) -> list[LogEvent]:
        """`n` events that this store can open."""
        sealer = Sealer()
        sealer.keys.subjects |= self.keys.subject_keys([SUBJECT])
        events = sealer.log_events(Lives(0).memories(-(-n // 5)))
        for subject, wrapped in sealer.keys.subjects.items():
            self.keys.add_subject_key(TENANT, subject, wrapped)
        return events[:n]

    @contextmanager
    def running(self, view: Projection) -> Iterator[Runner]:
        runner = Runner(self.log, self.wakeups, [view])
        runner.start()
        try:
            yield runner
        finally:
            runner.stop()


@contextmanager
def open_store(dsn: str) -> Iterator[Store]:
    with log_recorder(dsn) as recorder, closing(LogWakeups(dsn)) as wakeups:
        keys = PostgresKeys(recorder.datastore)
        keyring = Keyring(KEY_ENCRYPTION_KEY, keys)
        catalogue = PostgresCatalogue(recorder.datastore, keyring.token)
        yield Store(recorder, keys, PostgresLog(recorder, keyring), catalogue, wakeups)


def seen_and_waited_for(dsn: str) -> Iterator[Figure]:
    """One append at a time, each after a pause. The bars hold for the p50 of all; neighbours are in it."""
    with open_store(dsn) as store:
        events = iter(store.sealed(2 * APPENDS))
        told, recorded = zip(*_seen(store, islice(events, APPENDS)), strict=True)
        waited = list(_waited(store, islice(events, APPENDS)))
    seen, own = "idle: writer told of the commit until a view has seen it", "idle: read your writes, at_least"
    yield Figure.at_most(1.5, f"{seen}, p50", median_ms(told), "ms")
    yield Figure("idle: recorded until seen, so with the commit itself, p50", median_ms(recorded), "ms")
    yield Figure.at_most(5, f"{own}, p50", median_ms(waited), "ms")
    for name, seconds in ((seen, told), (own, waited)):
        yield Figure(f"{name}, p50 of the calmest {IN_A_ROW} in a row", _calmest(seconds), "ms")


def _calmest(seconds: Sequence[float]) -> float:
    return min(median_ms(row) for row in batches(seconds, IN_A_ROW))


def _seen(store: Store, events: Iterator[LogEvent]) -> Iterator[tuple[float, float]]:
    """Seconds since the writer was told, below zero when the view was faster, and since the store recorded it."""
    watcher = Watcher()
    with store.running(watcher) as runner:
        for event in events:
            position = store.recorder.append([event]).last
            told = time.time()
            runner.wait(watcher.name, position, LONGEST_WAIT_SECONDS)
            recorded, seen = watcher.seen[position]
            yield seen - told, seen - recorded
            time.sleep(IDLE_SECONDS)


def _waited(store: Store, events: Iterator[LogEvent]) -> Iterator[float]:
    with store.running(store.catalogue) as runner:
        runner.wait(store.catalogue.name, store.log.head(), LONGEST_WAIT_SECONDS)
        for event in events:
            position = store.recorder.append([event]).last
            committed = time.perf_counter()
            runner.wait(store.catalogue.name, position, LONGEST_WAIT_SECONDS)
            yield time.perf_counter() - committed
            time.sleep(IDLE_SECONDS)


def catch_up(dsn: str) -> Iterator[Figure]:
    """The catalogue, from nothing: as the runner does it, and with a transaction for each event."""
    with open_store(dsn) as store:
        for batch in batches(store.sealed(EVENTS), BATCH):
            store.recorder.append(batch)
        spent = least(ROUNDS, {"batched": lambda: _batched(store), "singly": lambda: _singly(store)})
    batched, singly = EVENTS / spent["batched"], SINGLY / spent["singly"]
    yield Figure.at_least(50, "catch-up, events/s: batched / one transaction each", batched / singly, "ratio")
    yield Figure("catch-up: batched", batched, "events/s")
    yield Figure("catch-up: one transaction each", singly, "events/s")


def _batched(store: Store) -> float:
    store.catalogue.rebuild((), 0)
    started = time.perf_counter()
    Runner(store.log, store.wakeups, [store.catalogue]).catch_up()
    return time.perf_counter() - started


def _singly(store: Store) -> float:
    store.catalogue.rebuild((), 0)
    started = time.perf_counter()
    for event in store.log.read(0, SINGLY):
        store.catalogue.apply([event], event.position)
    return time.perf_counter() - started
