"""Those that write the same events, each in its own way, into the same database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from benchmarks.copying import CopyWriter
from benchmarks.events import CUBE, OWNER, TENANT
from benchmarks.library import library_backend, library_recorder
from benchmarks.meter import backend_of, cpu_seconds
from mnemolog.adapters.postgres.connection import LogDatastore, connect
from mnemolog.adapters.postgres.envelope import LogEvent, microseconds
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.domain.log import Condition, IdempotencyKey, Origin

ORIGIN = Origin(actor_id=OWNER, request_id=UUID(int=9))
Stored = TypeVar("Stored", bound=StoredEvent)


@dataclass(frozen=True)
class Writer(Generic[Stored]):
    """`write` makes one batch durable; `backend` finds the process that does so in the server."""

    write: Callable[[Sequence[Stored]], object]
    backend: Callable[[], int]

    def cpu_seconds(self, batches: Sequence[Sequence[Stored]]) -> float:
        backend = self.backend()
        before = cpu_seconds(backend)
        for batch in batches:
            self.write(batch)
        return cpu_seconds(backend) - before


def unconfigured_since(position: int) -> Condition:
    return Condition(after=position, types=("cube.configured.v1",), tenant_id=TENANT, cube_id=CUBE)


def new_key() -> IdempotencyKey:
    return IdempotencyKey(uuid4(), bytes(32))


@contextmanager
def log_recorder(dsn: str) -> Iterator[LogRecorder]:
    with closing(LogDatastore(dsn)) as datastore, closing(LogRecorder(datastore)) as recorder:
        yield recorder


@contextmanager
def our_writer(dsn: str) -> Iterator[Writer[LogEvent]]:
    """With every feature on: keys of new streams, a condition, an idempotency key, the chain and a notification."""
    head = 0

    def write(events: Sequence[LogEvent]) -> None:
        nonlocal head
        head = recorder.append(events, ORIGIN, unconfigured_since(head), new_key()).last

    with log_recorder(dsn) as recorder, connect(dsn, role=None) as connection:
        yield Writer(write, lambda: backend_of(connection, "mnemolog-append"))


@contextmanager
def copy_writer(dsn: str) -> Iterator[Writer[LogEvent]]:
    moment = microseconds(datetime.now(UTC))
    with connect(dsn, role=None) as connection:
        copied = CopyWriter(connection)
        yield Writer(lambda events: copied.write(events, ORIGIN, moment), lambda: connection.info.backend_pid)


@contextmanager
def library_writer(dsn: str) -> Iterator[Writer[StoredEvent]]:
    with library_recorder(dsn) as recorder:
        yield Writer(recorder.insert_events, lambda: library_backend(recorder))
