"""Group commit: many callers, one connection, and whatever can happen to it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError

from mnemolog.adapters.postgres.append import AppendRequest
from mnemolog.adapters.postgres.coalescer import APPEND, Coalescer
from mnemolog.adapters.postgres.connection import Row, connect, prepare
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Appended, Condition, IdempotencyKey
from mnemolog.domain.refusals import ConditionFailed, StoreUnreachable
from tests.appends import request, stored
from tests.databases import superuser
from tests.factories import log_event

APPEND_LOCK = "SELECT pg_advisory_lock(7105809, 1)"
WAITING = "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
KILL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'mnemolog-append' AND datname = current_database()"""


@pytest.fixture
def coalescer(dsn: str) -> Iterator[Coalescer]:
    coalescer = Coalescer(lambda: connect(dsn, application_name="mnemolog-append"))
    yield coalescer
    coalescer.close()


@contextmanager
def appends_held(dsn: str, coalescer: Coalescer) -> Iterator[Callable[..., list[Future[Appended]]]]:
    """What is asked in here is asked in one call: an append that waits for the lock keeps the coalescer's thread."""
    with ThreadPoolExecutor(32) as callers, superuser(dsn) as holder:
        holder.execute(APPEND_LOCK)
        first = callers.submit(coalescer.append, request(log_event()))
        while not holder.execute(WAITING).fetchall():
            time.sleep(0.001)

        def ask(*requests: AppendRequest) -> list[Future[Appended]]:
            asked = []
            for number, each in enumerate(requests, 1):
                asked.append(callers.submit(coalescer.append, each))
                while coalescer._requests.qsize() < number:
                    time.sleep(0.001)
            return asked

        yield ask
        holder.execute("SELECT pg_advisory_unlock_all()")
        assert first.result() == Appended(1, 1)


def answers(futures: Sequence[Future[Appended]]) -> list[Any]:
    return [future.exception() or future.result() for future in futures]


def in_log(dsn: str) -> list[Row]:
    with superuser(dsn) as connection:
        return stored(connection)


def test_many_threads_are_each_told_where_their_own_events_are(coalescer: Coalescer, dsn: str) -> None:
    def write(stream: UUID) -> list[tuple[int, UUID, int]]:
        told = []
        for version in range(1, 20, 2):
            answer = coalescer.append(request(log_event(stream, version), log_event(stream, version + 1)))
            told += [(answer.first, stream, version), (answer.last, stream, version + 1)]
        return told

    with ThreadPoolExecutor(16) as writers:
        told = [place for places in writers.map(write, [new_id() for _ in range(16)]) for place in places]
    assert sorted(told) == in_log(dsn)
    assert [position for position, *_ in sorted(told)] == list(range(1, 321))


def test_what_waits_together_is_written_in_one_transaction(coalescer: Coalescer, dsn: str) -> None:
    with appends_held(dsn, coalescer) as ask:
        asked = ask(*(request(log_event()) for _ in range(5)))
    assert answers(asked) == [Appended(n, n) for n in range(2, 7)]
    with superuser(dsn) as connection:
        transactions = connection.execute("SELECT count(DISTINCT xmin::text) FROM mnemolog.event").fetchall()
        links = connection.execute("SELECT count(chain) FROM mnemolog.event").fetchall()
    assert (transactions, links) == ([(2,)], [(2,)])


def test_refusals_in_one_call_reach_only_those_whom_they_concern(coalescer: Coalescer, dsn: str) -> None:
    stream = new_id()
    with appends_held(dsn, coalescer) as ask:
        asked = ask(
            request(log_event(stream)),
            request(log_event(stream)),
            request(log_event(), condition=Condition(after=0, streams=(stream,))),
            request(log_event()),
        )
    first, conflict, failed, last = answers(asked)
    assert (first, last) == (Appended(2, 2), Appended(3, 3))
    assert isinstance(conflict, IntegrityError)
    assert isinstance(failed, ConditionFailed)


def test_twins_in_one_call_are_written_once_and_both_told_where(coalescer: Coalescer, dsn: str) -> None:
    key = IdempotencyKey(new_id(), b"x" * 32)
    with appends_held(dsn, coalescer) as ask:
        asked = ask(*(request(log_event(), idempotency=key) for _ in range(4)))
    assert answers(asked) == [Appended(2, 2), *[Appended(2, 2, replayed=True)] * 3]


DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BROKEN = {"invalid UTF-8": b'{"a": "\xff"}', "invalid JSON": b"{oops}", "JSON too deep to parse": DEEP}


@pytest.mark.parametrize("state", BROKEN.values(), ids=BROKEN.keys())
def test_an_event_that_cannot_be_stored_does_not_fail_its_neighbours(
    coalescer: Coalescer, dsn: str, state: bytes
) -> None:
    broken = LogEvent(new_id(), 1, "test.broken.v1", state, log_event().row)
    with appends_held(dsn, coalescer) as ask:
        asked = ask(request(log_event()), request(log_event(), broken), request(log_event()))
    first, refused, last = answers(asked)
    assert (first, last) == (Appended(2, 2), Appended(3, 3))
    assert isinstance(refused, psycopg.DataError | psycopg.OperationalError)
    assert coalescer.append(request(log_event())) == Appended(4, 4)


class LosesOneAnswer(psycopg.Connection[Row]):
    """A connection that breaks after the server has committed, before anybody knows."""

    armed = threading.Event()

    def execute(self, query: Any, *args: Any, **options: Any) -> psycopg.Cursor[Row]:
        cursor = super().execute(query, *args, **options)
        if query == APPEND and self.armed.is_set():
            self.armed.clear()
            self.close()
            raise psycopg.OperationalError("the answer was lost")
        return cursor


@pytest.fixture
def forgetful(dsn: str) -> Iterator[Coalescer]:
    def connect_forgetful() -> psycopg.Connection[Row]:
        connection = LosesOneAnswer.connect(dsn)
        prepare(connection)
        return connection

    coalescer = Coalescer(connect_forgetful)
    yield coalescer
    coalescer.close()


def test_a_commit_whose_answer_was_lost_is_found_and_acknowledged(forgetful: Coalescer, dsn: str) -> None:
    stream = new_id()
    asked = (
        request(log_event(stream), log_event(stream, 2)),
        request(log_event(), condition=Condition(after=2, types=("test.happened.v1",))),
        request(log_event(), idempotency=IdempotencyKey(new_id(), b"x" * 32)),
    )
    told = []
    for each in asked:
        LosesOneAnswer.armed.set()
        told.append(forgetful.append(each))
    assert told == [Appended(1, 2, replayed=True), Appended(3, 3, replayed=True), Appended(4, 4, replayed=True)]
    assert len(in_log(dsn)) == 4


def test_killed_connections_lose_no_acknowledged_event_and_write_none_twice(coalescer: Coalescer, dsn: str) -> None:
    stop = threading.Event()

    def write(_: int) -> list[tuple[int, UUID, int]]:
        told, stream, version = [], new_id(), 0
        while not stop.is_set():
            version += 1
            told.append((coalescer.append(request(log_event(stream, version))).first, stream, version))
        return told

    rng = random.Random(7)
    with ThreadPoolExecutor(8) as writers, superuser(dsn) as killer:
        written = writers.map(write, range(8))
        killed = 0
        while killed < 20:
            time.sleep(rng.uniform(0, 0.03))
            killed += len(killer.execute(KILL).fetchall())
        stop.set()
        told = [place for places in written for place in places]
    assert sorted(told) == in_log(dsn)


def test_a_server_that_does_not_come_back_is_told_to_the_caller() -> None:
    coalescer = Coalescer(lambda: connect("host=/nowhere"), patience=0.0)
    with pytest.raises(StoreUnreachable):
        coalescer.append(request(log_event()))
    coalescer.close()


def test_closing_writes_what_waits_and_refuses_what_comes_later(coalescer: Coalescer, dsn: str) -> None:
    with appends_held(dsn, coalescer) as ask:
        asked = ask(*(request(log_event()) for _ in range(5)))
        closing = threading.Thread(target=coalescer.close)
        closing.start()
    closing.join()
    assert answers(asked) == [Appended(n, n) for n in range(2, 7)]
    with pytest.raises(StoreUnreachable):
        coalescer.append(request(log_event()))
    assert len(in_log(dsn)) == 6
