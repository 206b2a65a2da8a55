"""The append function, asked directly: what becomes of each request of one call."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.adapters.postgres.envelope import ContentKey, LogEvent
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Condition, IdempotencyKey, Origin
from mnemolog.domain.refusals import ConditionFailed, IdempotencyKeyReused, VersionConflict
from tests.appends import CONFLICT, FAILED, REPEATED, REUSED, Outcome, appended, flush, replayed, request, stored
from tests.databases import superuser
from tests.factories import House, log_event

Log = psycopg.Connection[Row]
A, B, C = (UUID(int=n) for n in (1, 2, 3))
KEY = UUID(int=9)


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    with connect(dsn) as connection:
        yield connection


def event(stream: UUID, version: int = 1, **facts: Any) -> LogEvent:
    return log_event(stream, version, **facts)


def keyed(body: bytes = b"x", key: UUID = KEY) -> IdempotencyKey:
    return IdempotencyKey(key, body * 32)


def test_positions_follow_the_order_of_the_requests_and_of_their_events(log: Log) -> None:
    assert flush(log, request(event(A), event(A, 2)), request(event(B))) == [appended(1, 2), appended(3)]
    assert flush(log, request(event(C))) == [appended(4)]
    assert stored(log) == [(1, A, 1), (2, A, 2), (3, B, 1), (4, C, 1)]


def test_concurrent_writers_leave_no_gap_and_recorded_at_never_decreases(dsn: str) -> None:
    def write(_: int) -> list[Outcome]:
        with connect(dsn) as connection:
            return [out for _ in range(25) for out in flush(connection, request(*(event(new_id()) for _ in range(3))))]

    with ThreadPoolExecutor(4) as writers:
        outcomes = [outcome for written in writers.map(write, range(4)) for outcome in written]
    with superuser(dsn) as connection:
        rows = connection.execute("SELECT position, recorded_at FROM mnemolog.event ORDER BY position").fetchall()
    assert [position for position, _ in rows] == list(range(1, 301))
    moments = [moment for _, moment in rows]
    assert moments == sorted(moments)
    assert sorted(outcome.first or 0 for outcome in outcomes) == list(range(1, 301, 3))


def test_recorded_at_does_not_decrease_when_the_clock_steps_back(log: Log, dsn: str) -> None:
    flush(log, request(event(A)))
    with superuser(dsn) as connection:
        connection.execute("ALTER TABLE mnemolog.event DISABLE TRIGGER event_is_immutable")
        connection.execute("UPDATE mnemolog.event SET recorded_at = recorded_at + interval '1 day'")
    flush(log, request(event(B)))
    first, second = (at for (at,) in log.execute("SELECT recorded_at FROM mnemolog.event ORDER BY position").fetchall())
    assert first == second


def test_a_version_conflict_refuses_one_request_and_not_its_neighbours(log: Log) -> None:
    flush(log, request(event(A)))
    outcomes = flush(log, request(event(B)), request(event(A), event(C)), request(event(C)))
    assert outcomes == [appended(2), CONFLICT, appended(3)]
    assert stored(log) == [(1, A, 1), (2, B, 1), (3, C, 1)]


def test_of_two_requests_for_one_version_in_one_call_the_first_wins(log: Log) -> None:
    first, second = request(event(A)), request(event(A, data={"n": 2}))
    assert flush(log, first, second) == [appended(1), REPEATED]
    assert flush(log, second) == [CONFLICT]


def test_whoever_collides_only_with_a_loser_is_asked_again_and_written(log: Log) -> None:
    winner, loser, third = request(event(A)), request(event(A), event(B)), request(event(B))
    assert flush(log, winner, loser, third) == [appended(1), REPEATED, REPEATED]
    assert flush(log, loser, third) == [CONFLICT, appended(2)]


def test_a_request_that_writes_one_version_twice_conflicts_with_itself(log: Log) -> None:
    assert flush(log, request(event(A), event(A)), request(event(B))) == [CONFLICT, appended(1)]


CONDITIONS = {
    "types": Condition(after=1, types=("test.other.v1", "test.happened.v1")),
    "streams": Condition(after=1, streams=(B, A)),
    "tenant": Condition(after=1, tenant_id=UUID(int=70)),
    "cube": Condition(after=1, cube_id=UUID(int=80)),
    "all of them": Condition(
        after=1, types=("test.happened.v1",), streams=(B,), tenant_id=UUID(int=70), cube_id=UUID(int=80)
    ),
    "any event": Condition(after=1),
}
UNMET = {
    "types": Condition(after=1, types=("test.other.v1",)),
    "streams": Condition(after=1, streams=(A, C)),
    "tenant": Condition(after=1, tenant_id=UUID(int=71)),
    "cube": Condition(after=1, cube_id=UUID(int=81)),
    "one part is another": Condition(after=1, types=("test.happened.v1",), streams=(B,), tenant_id=UUID(int=71)),
    "position": Condition(after=2, streams=(B,)),
}


def decided_upon() -> LogEvent:
    return event(B, tenant_id=UUID(int=70), cube_id=UUID(int=80))


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_a_condition_fails_when_a_later_event_matches_all_its_parts(log: Log, condition: Condition) -> None:
    flush(log, request(event(A)), request(decided_upon()))
    assert flush(log, request(event(C), condition=condition), request(event(A, 2))) == [FAILED, appended(3)]
    assert stored(log)[-1] == (3, A, 2)


@pytest.mark.parametrize("condition", UNMET.values(), ids=UNMET.keys())
def test_a_condition_holds_when_no_later_event_matches_all_its_parts(log: Log, condition: Condition) -> None:
    flush(log, request(event(A)), request(decided_upon()))
    assert flush(log, request(event(C), condition=condition)) == [appended(3)]


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_a_condition_sees_the_earlier_requests_of_its_own_call(log: Log, condition: Condition) -> None:
    flush(log, request(event(A)))
    conditional = request(event(C), condition=condition)
    assert flush(log, request(decided_upon()), conditional) == [appended(2), REPEATED]
    assert flush(log, conditional) == [FAILED]


def test_a_condition_does_not_see_later_requests_or_its_own_events(log: Log) -> None:
    conditional = request(event(A), condition=Condition(after=0))
    assert flush(log, conditional, request(event(B))) == [appended(1), appended(2)]


def test_a_condition_is_not_failed_by_a_request_that_is_itself_refused(log: Log) -> None:
    flush(log, request(event(A)))
    conditional = request(event(C), condition=Condition(after=1, streams=(A, B)))
    assert flush(log, request(event(A), event(B)), conditional) == [CONFLICT, REPEATED]
    assert flush(log, conditional) == [appended(2)]


def test_the_same_idempotency_key_and_body_is_answered_with_the_first_positions(log: Log) -> None:
    assert flush(log, request(event(A), event(A, 2), idempotency=keyed())) == [appended(1, 2)]
    assert flush(log, request(event(B)), request(event(C), idempotency=keyed())) == [appended(3), replayed(1, 2)]
    assert stored(log) == [(1, A, 1), (2, A, 2), (3, B, 1)]


def test_the_same_idempotency_key_with_another_body_is_refused(log: Log) -> None:
    flush(log, request(event(A), idempotency=keyed(b"x")))
    assert flush(log, request(event(B), idempotency=keyed(b"y"))) == [REUSED]
    assert stored(log) == [(1, A, 1)]


def test_an_idempotency_key_belongs_to_one_tenant(log: Log) -> None:
    mine, theirs = event(A, tenant_id=UUID(int=70)), event(B, tenant_id=UUID(int=71))
    assert flush(log, request(mine, idempotency=keyed())) == [appended(1)]
    assert flush(log, request(theirs, idempotency=keyed())) == [appended(2)]


def test_a_twin_in_the_same_call_is_asked_again_and_then_replayed(log: Log) -> None:
    twin = request(event(B), idempotency=keyed())
    assert flush(log, request(event(A), idempotency=keyed()), twin) == [appended(1), REPEATED]
    assert flush(log, twin) == [replayed(1)]
    assert stored(log) == [(1, A, 1)]


def test_the_idempotency_key_of_a_refused_request_is_free_again(log: Log) -> None:
    flush(log, request(event(A)))
    refused = (request(event(A), idempotency=keyed()), request(event(B), condition=Condition(after=0)))
    assert flush(log, *refused) == [CONFLICT, FAILED]
    assert flush(log, request(event(B), idempotency=keyed(b"y"))) == [appended(2)]


def test_a_retry_after_a_lost_answer_is_answered_with_what_was_written(log: Log) -> None:
    lost = (
        request(event(A), event(A, 2)),
        request(event(B), condition=Condition(after=0, streams=(B,))),
        request(event(C), idempotency=keyed()),
    )
    assert flush(log, *lost) == [appended(1, 2), appended(3), appended(4)]
    assert flush(log, *lost, resolving=True) == [replayed(1, 2), replayed(3), replayed(4)]
    assert len(stored(log)) == 4


def test_a_retry_of_what_was_not_written_writes_it(log: Log) -> None:
    flush(log, request(event(A)))
    outcomes = flush(log, request(event(A)), request(event(B)), resolving=True)
    assert outcomes == [replayed(1), appended(2)]


def test_a_retry_that_meets_somebody_elses_event_conflicts(log: Log) -> None:
    flush(log, request(event(A)))
    half = request(event(A), event(A, 2))
    assert flush(log, request(event(A, data={"n": 2})), half, resolving=True) == [CONFLICT, CONFLICT]


def test_it_refuses_an_isolation_level_that_cannot_see_the_last_position(log: Log) -> None:
    log.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with pytest.raises(psycopg.errors.RaiseException, match="READ COMMITTED"), log.transaction():
        flush(log, request(event(A)))
    assert flush(log, request(event(A))) == [appended(1)]


def content_key(key_id: UUID) -> ContentKey:
    return ContentKey(key_id, (new_id(),), b"wrapped")


def sealed(stream: UUID, version: int = 1) -> LogEvent:
    key = content_key(stream)
    return event(stream, version, sealed=b"sealed", key_id=stream, content_key=key if version == 1 else None)


def test_a_content_key_is_stored_with_the_request_that_brings_it_and_with_no_other(log: Log) -> None:
    flush(log, request(sealed(A)))
    refused = request(sealed(C), condition=Condition(after=0))
    outcomes = flush(log, request(sealed(B), sealed(B, 2)), refused, request(event(A), sealed(C)))
    assert outcomes == [appended(2, 3), FAILED, CONFLICT]
    assert {key for (key,) in log.execute("SELECT key_id FROM mnemolog_keys.content_key").fetchall()} == {A, B}


def test_nothing_at_all_is_written_when_every_request_is_refused(log: Log, dsn: str) -> None:
    flush(log, request(event(A)))
    refusals = (
        request(event(A), idempotency=keyed()),
        request(sealed(B), condition=Condition(after=0), idempotency=keyed(key=UUID(int=10))),
    )
    assert flush(log, *refusals) == [CONFLICT, FAILED]
    with superuser(dsn) as connection:
        for table, count in (("mnemolog.event", 1), ("mnemolog.request", 0), ("mnemolog_keys.content_key", 0)):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(count,)]


def test_listeners_hear_of_the_last_position(log: Log, dsn: str) -> None:
    with connect(dsn) as listener:
        listener.execute("LISTEN mnemolog_event")
        flush(log, request(event(A), event(A, 2)), request(event(B)))
        flush(log, request(event(A)))
        flush(log, request(event(C)))
        heard = [notification.payload for notification in listener.notifies(timeout=30, stop_after=2)]
    assert heard == ["3", "4"]


def test_columns_keep_every_part_of_the_envelope(log: Log) -> None:
    ids = [new_id() for _ in range(6)]
    origin = Origin(ids[3], ids[4], ids[5])
    full = event(A, schema_version=7, tenant_id=ids[0], cube_id=ids[1], memory_id=ids[2], origin=origin)
    before_postgres = full.row.occurred_at - timedelta(days=365 * 500) if full.row.occurred_at else None
    flush(log, request(full), request(event(B, occurred_at=before_postgres)))
    columns = "schema_version, tenant_id, cube_id, memory_id, actor_id, on_behalf_of, request_id, occurred_at"
    rows = log.execute(f"SELECT {columns}, payload::text FROM mnemolog.event ORDER BY position").fetchall()
    assert rows[0] == (7, *ids, full.row.occurred_at, full.state.decode())
    assert rows[1][2:8] == (None, None, None, None, None, before_postgres)


def test_refusals_reach_the_callers_of_the_application_by_their_names(application: LogApplication) -> None:
    house, origin = House(), Origin()
    memory = house.activated()
    application.record(memory, origin=origin)
    one, other = (application.load(type(memory), memory.id) for _ in range(2))
    one.freeze()
    other.freeze()
    assert application.record(one, origin=origin, idempotency=keyed()) is not None
    with pytest.raises(VersionConflict):
        application.record(other, origin=origin)
    with pytest.raises(ConditionFailed):
        application.record(house.activated(), origin=origin, condition=Condition(after=2, types=("memory.frozen.v1",)))
    fresh = house.activated(tenant_id=house.tenant_id)
    with pytest.raises(IdempotencyKeyReused):
        application.record(fresh, origin=origin, idempotency=keyed(b"y"))
    assert application.record(one, origin=origin) is None
