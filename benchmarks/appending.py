"""What an append costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from benchmarks.copying import CopyWriter
from benchmarks.events import CUBE, OWNER, TENANT, Lives, Sealer, log_events, plain_events
from benchmarks.figure import Figure
from benchmarks.library import library_backend, library_recorder
from benchmarks.meter import backend_of, least_cpu
from mnemolog.adapters.postgres.connection import LogDatastore, connect
from mnemolog.adapters.postgres.envelope import LogEvent, microseconds
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.domain.log import Condition, IdempotencyKey, Origin

BATCH = 500
EVENTS = 5_000  # of each contender in each round
ROUNDS = 7
ORIGIN = Origin(actor_id=OWNER, request_id=UUID(int=9))
DIGEST = bytes(32)


def batches(events: Sequence[LogEvent]) -> Iterator[Sequence[LogEvent]]:
    return (events[start : start + BATCH] for start in range(0, len(events), BATCH))


def fresh(seeds: Iterator[int]) -> list[LogEvent]:
    return log_events(EVENTS, next(seeds))


class Append:
    """Ours, with every feature on: keys of new streams, a condition, an idempotency key, chain and notification."""

    def __init__(self, recorder: LogRecorder, head: int = 0) -> None:
        self._recorder = recorder
        self._head = head

    def write(self, events: Sequence[LogEvent]) -> None:
        condition = Condition(after=self._head, types=("cube.configured.v1",), tenant_id=TENANT, cube_id=CUBE)
        idempotency = IdempotencyKey(uuid4(), DIGEST)
        self._head = self._recorder.append(events, ORIGIN, condition, idempotency).last


def appending_cpu(dsn: str) -> Iterator[Figure]:
    datastore = LogDatastore(dsn)
    with closing(LogRecorder(datastore)) as ours, library_recorder(dsn) as library, connect(dsn, role=None) as raw:
        append, copy, us = Append(ours), CopyWriter(raw), microseconds(datetime.now(UTC))
        log_batches = [list(batches(log_events(EVENTS, seed))) for seed in range(ROUNDS + 1)]
        append.write(log_events(BATCH, -1))
        turns = {name: iter(log_batches) for name in ("append", "copy", "library")}
        ...
