"""What an append costs in CPU time, of the client and of the server together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice

import orjson
import psycopg

from benchmarks.events import Lives, Sealer, batches, log_events, plain_events
from benchmarks.figure import Figure
from benchmarks.meter import cpu_seconds, least
from benchmarks.writers import ORIGIN, copy_writer, library_writer, new_key, our_writer, unconfigured_since
from mnemolog.adapters.postgres.append import AppendRequest, parameters
from mnemolog.adapters.postgres.coalescer import APPEND
from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.sql import QUERIES

ROUNDS, BATCH, EVENTS = 7, 500, 5_000  # events of each contender in each round
OLD, CHUNK = 20_000, 250


def append_cpu(dsn: str) -> Iterator[Figure]:
    """From events that are ready to be stored until they are durable."""
    us = _us_per_event(dsn)
    own, floor, default = us.values()
    yield Figure.at_least(0.55, "append CPU: a hand-packed COPY / mnemolog", floor / own, "ratio")
    yield Figure.at_least(3, "append CPU: the library's recorder / mnemolog", default / own, "ratio")
    yield Figure("append CPU: the library's recorder / a hand-packed COPY", default / floor, "ratio")
    for name, value in us.items():
        yield Figure(f"append CPU: {name}", value, "us/event")


def _us_per_event(dsn: str) -> dict[str, float]:
    rounds = [batches(log_events(EVENTS, seed), BATCH) for seed in range(ROUNDS + 1)]
    plain = [[plain_events(batch) for batch in batches] for batches in rounds]
    first, turns, copied, stored = rounds[-1][0], iter(rounds), iter(rounds), iter(plain)
    with ExitStack() as stack:
        ours = stack.enter_context(our_writer(dsn))
        copy = stack.enter_context(copy_writer(dsn))
        library = stack.enter_context(library_writer(dsn))
        ours.write(first)
        copy.write(first)
        library.write(plain[-1][0])
        contenders = {
            "mnemolog": lambda: ours.cpu_seconds(next(turns)),
            "a hand-packed COPY": lambda: copy.cpu_seconds(next(copied)),
            "the library's recorder": lambda: library.cpu_seconds(next(stored)),
        }
        return {name: 1e6 * seconds / EVENTS for name, seconds in least(ROUNDS, contenders).items()}


def sealing_cpu(_: str) -> Iterator[Figure]:
    """What comes before an append, whatever stores the events."""
    lives = iter([Lives(seed).memories(EVENTS // 5) for seed in range(ROUNDS)])
    payloads = [orjson.loads(event.state) for event in log_events(EVENTS)]
    spent = least(
        ROUNDS,
        {
            "sealing and mapping CPU": lambda: _process_seconds(lambda: Sealer().log_events(next(lives))),
            "orjson CPU, a part of that": lambda: _process_seconds(lambda: [orjson.dumps(p) for p in payloads]),
        },
    )
    for name, seconds in spent.items():
        yield Figure(name, 1e6 * seconds / EVENTS, "us/event")


def old_snapshot(dsn: str) -> Iterator[Figure]:
    """Single appends, before and after an analysis has held on to its snapshot through 20,000 of them.

    Only CPU time is looked at, so that they need not wait for the disk.
    """
    events = iter(log_events(OLD + 20 * CHUNK))
    with connect(dsn) as writer, connect(dsn) as analyst:
        writer.execute("SET synchronous_commit TO off")
        _append_each(writer, islice(events, CHUNK))
        young = min(_append_each(writer, islice(events, CHUNK)) for _ in range(9))
        analyst.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        analyst.execute("SELECT count(*) FROM mnemolog.event")
        _append_each(writer, islice(events, OLD))
        old = min(_append_each(writer, islice(events, CHUNK)) for _ in range(9))
    yield Figure.at_most(1.3, "append CPU: under a snapshot 20,000 appends old / before", old / young, "ratio")
    yield Figure("append CPU: one event at a time", 1e6 * young / CHUNK, "us/event")


def _append_each(connection: psycopg.Connection[Row], events: Iterator[LogEvent]) -> float:
    """With a condition and an idempotency key each. Returns the CPU seconds that it took."""
    before = cpu_seconds(connection.info.backend_pid)
    head: int = connection.execute(QUERIES["head"]).fetchall()[0][0]
    for event in events:
        request = AppendRequest([event], unconfigured_since(head), new_key(), ORIGIN)
        asked = parameters([request], resolving=False)
        ((_, _, _, head),) = connection.execute(APPEND, asked, prepare=True, binary=True).fetchall()
    return cpu_seconds(connection.info.backend_pid) - before


def _process_seconds(run: Callable[[], Sequence[object]]) -> float:
    before = time.process_time()
    run()
    return time.process_time() - before
