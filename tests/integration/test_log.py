from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Appended, Event, IdempotencyKey, Origin, Selection
from mnemolog.domain.refusals import IdempotencyKeyReused
from tests.appends import request
from tests.databases import superuser
from tests.factories import KEY_ENCRYPTION_KEY, NOW, House, log_event

WITHOUT_POLLING = 3600.0
WAIT = 60.0  # seconds, only so that a failure ends
KILL_LISTENER = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE application_name = 'mnemolog-listen' AND datname = current_database()"""


@pytest.fixture
def log(application: LogApplication) -> PostgresLog:
    return PostgresLog(application.log_recorder, application.keyring)


def append(application: LogApplication, *events: object) -> Appended:
    return application.log_recorder.coalescer.append(request(*(events or (log_event(),))))  # type: ignore[arg-type]


def positions(events: object) -> list[int]:
    return [event.position for event in events]  # type: ignore[attr-defined]


def test_an_empty_log_ends_at_position_0(log: PostgresLog) -> None:
    assert (log.head(), log.read(0, 10), log.at([1])) == (0, [], {})


def test_it_is_read_in_order_from_after_a_position_a_page_at_a_time(
    application: LogApplication, log: PostgresLog
) -> None:
    append(application, *(log_event() for _ in range(7)))
    assert log.head() == 7
    assert [positions(log.read(after, 3)) for after in (0, 3, 6, 7)] == [[1, 2, 3], [4, 5, 6], [7], []]
    assert positions(log.read(1, 10, upto=4)) == [2, 3, 4]
    assert sorted(log.at([6, 2, 99])) == [2, 6]


def test_an_event_says_who_what_where_and_when(application: LogApplication, log: PostgresLog) -> None:
    house, ids = House(), [new_id() for _ in range(3)]
    memory = house.generated("Tea is kept in the blue tin.", occurred_at=NOW - timedelta(days=9))
    application.record(memory, origin=Origin(*ids))
    (event,) = log.read(0, 10)
    assert event == Event(
        position=1,
        stream_id=memory.id,
        version=1,
        type="memory.generated.v1",
        tenant_id=house.tenant_id,
        occurred_at=NOW - timedelta(days=9),
        recorded_at=event.recorded_at,
        data=event.data,
        cube_id=house.cube_id,
        memory_id=memory.id,
        actor_id=ids[0],
        on_behalf_of=ids[1],
        request_id=ids[2],
    )
    assert event.data["text"] == "Tea is kept in the blue tin."
    assert event.data["subject_ids"] == [str(house.owner_id)]
    assert log.at([1]) == {1: event}


def test_a_selection_leaves_out_what_does_not_match_all_of_it(application: LogApplication, log: PostgresLog) -> None:
    tenant, cube, stream = (UUID(int=n) for n in (71, 72, 73))
    append(
        application,
        log_event(tenant_id=tenant, cube_id=cube),
        log_event(tenant_id=tenant, topic="test.other.v1"),
        log_event(stream, cube_id=cube),
        log_event(stream, 2, tenant_id=tenant, cube_id=cube, topic="test.other.v1"),
    )
    selections = {
        Selection(): [1, 2, 3, 4],
        Selection(tenant_id=tenant): [1, 2, 4],
        Selection(cube_id=cube): [1, 3, 4],
        Selection(memory_id=stream): [3, 4],
        Selection(types=("test.other.v1", "test.third.v1")): [2, 4],
        Selection(tenant_id=tenant, cube_id=cube, types=("test.other.v1",)): [4],
        Selection(tenant_id=UUID(int=1)): [],
    }
    assert {selection: positions(log.read(0, 10, selection)) for selection in selections} == selections


def test_a_moment_is_a_position(application: LogApplication, log: PostgresLog) -> None:
    for _ in range(3):
        append(application, log_event(), log_event())
    moments = [event.recorded_at for event in log.read(0, 10)]
    assert [log.position_at(moment) for moment in moments] == [2, 2, 4, 4, 6, 6]
    assert log.position_at(moments[0] - timedelta(microseconds=1)) == 0
    assert log.position_at(moments[2] - timedelta(microseconds=1)) == 2


def test_an_earlier_request_is_found_by_its_key(application: LogApplication, log: PostgresLog) -> None:
    tenant, key = new_id(), IdempotencyKey(new_id(), b"x" * 32)
    append(application)
    application.log_recorder.coalescer.append(request(log_event(tenant_id=tenant), log_event(), idempotency=key))
    assert log.earlier(tenant, key) == Appended(2, 3, replayed=True)
    assert log.earlier(new_id(), key) is None
    with pytest.raises(IdempotencyKeyReused):
        log.earlier(tenant, IdempotencyKey(key.key, b"y" * 32))


@contextmanager
def listening(dsn: str) -> Iterator[LogWakeups]:
    with closing(LogWakeups(dsn, fallback_seconds=WITHOUT_POLLING)) as wakeups:
        yield wakeups


def test_every_append_wakes_the_listener(application: LogApplication, dsn: str) -> None:
    with listening(dsn) as wakeups:
        for n in range(1, 51):
            append(application)
            assert wakeups.listen(n - 1, WAIT) == n


def test_a_listener_that_starts_late_knows_what_was_there(application: LogApplication, dsn: str) -> None:
    append(application, log_event(), log_event())
    with listening(dsn) as wakeups:
        assert wakeups.listen(0, WAIT) == 2


def test_listening_ends_after_its_time_with_the_head_as_it_is(application: LogApplication, dsn: str) -> None:
    append(application)
    with listening(dsn) as wakeups:
        assert wakeups.listen(0, WAIT) == 1
        assert wakeups.listen(1, 0.01) == 1


def test_all_who_listen_are_woken(application: LogApplication, dsn: str) -> None:
    with listening(dsn) as wakeups, ThreadPoolExecutor(8) as listeners:
        heard = [listeners.submit(wakeups.listen, 0, WAIT) for _ in range(8)]
        append(application)
        assert [each.result() for each in heard] == [1] * 8


def test_closing_wakes_those_who_listen(dsn: str) -> None:
    wakeups = LogWakeups(dsn, fallback_seconds=WITHOUT_POLLING)
    with ThreadPoolExecutor(1) as listeners:
        heard = listeners.submit(wakeups.listen, 0, WAIT)
        wakeups.close()
        assert heard.result() == 0


def test_a_killed_listening_connection_misses_nothing(application: LogApplication, dsn: str) -> None:
    with listening(dsn) as wakeups, superuser(dsn) as killer:
        for n in range(1, 6):
            while not killer.execute(KILL_LISTENER).fetchall():
                pass
            append(application)
            assert wakeups.listen(n - 1, WAIT) == n


def test_a_lost_notification_is_made_up_for_by_asking(application: LogApplication, dsn: str) -> None:
    with closing(LogWakeups(dsn, fallback_seconds=0.01)) as wakeups, superuser(dsn) as connection:
        append(application)
        assert wakeups.listen(0, WAIT) == 1
        connection.execute("ALTER TABLE mnemolog.event DISABLE TRIGGER event_is_immutable")
        connection.execute("UPDATE mnemolog.event SET position = 2")
        assert wakeups.listen(1, WAIT) == 2


WRITERS, APPENDS, EVENTS = 4, 125, 10


def test_a_reader_that_follows_four_writers_misses_nothing_and_sees_the_order_of_commits(
    application: LogApplication, log: PostgresLog, dsn: str
) -> None:
    failed = threading.Event()

    def write(writer: LogApplication) -> None:
        try:
            for _ in range(APPENDS):
                append(writer, *(log_event() for _ in range(EVENTS)))
        except BaseException:
            failed.set()
            raise

    with ExitStack() as stack, listening(dsn) as wakeups:
        writers = [stack.enter_context(closing(LogApplication(dsn, KEY_ENCRYPTION_KEY))) for _ in range(WRITERS)]
        threads = stack.enter_context(ThreadPoolExecutor(WRITERS))
        written = [threads.submit(write, writer) for writer in writers]
        seen: list[Event] = []
        while len(seen) < WRITERS * APPENDS * EVENTS and not failed.is_set():
            wakeups.listen(len(seen), WAIT)
            seen += log.read(seen[-1].position if seen else 0, 500)
        for each in written:
            each.result()
    assert positions(seen) == list(range(1, WRITERS * APPENDS * EVENTS + 1))
    moments = [event.recorded_at for event in seen]
    assert moments == sorted(moments)
