"""The append function against a model of it: the requests of a call have the outcomes of some order, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.adapters.postgres.append import AppendRequest
from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.domain.log import Condition, IdempotencyKey
from tests.appends import CONFLICT, FAILED, REPEATED, REUSED, Outcome, appended, flush, replayed, request, stored
from tests.databases import database
from tests.factories import log_event

STREAMS, TENANTS, CUBES, KEYS = ([UUID(int=first + n) for n in range(3)] for first in (1, 11, 21, 31))
TYPES = ("test.one.v1", "test.two.v1")
numbers = count()


@pytest.fixture(scope="module")
def log(server: EmbeddedPostgres) -> Iterator[psycopg.Connection[Row]]:
    with database(server) as dsn, connect(dsn) as connection:
        yield connection


@dataclass
class Model:
    events: list[LogEvent] = field(default_factory=list)
    answered: dict[tuple[UUID, UUID], tuple[bytes, Outcome]] = field(default_factory=dict)

    def decide(self, asked: AppendRequest) -> Outcome:
        if (earlier := self._earlier(asked)) is not None:
            return earlier
        if asked.condition is not None and any(matches(e, asked.condition) for e in self.after(asked.condition)):
            return FAILED
        taken = [place(event) for event in self.events]
        wanted = [place(event) for event in asked.events]
        if len(set(taken) | set(wanted)) < len(taken) + len(wanted):
            return CONFLICT
        self.events += asked.events
        outcome = appended(len(taken) + 1, len(self.events))
        if asked.idempotency is not None:
            key = asked.events[0].row.tenant_id, asked.idempotency.key
            self.answered[key] = asked.idempotency.request_sha256, outcome
        return outcome

    def after(self, condition: Condition) -> Sequence[LogEvent]:
        return self.events[condition.after :]

    def _earlier(self, asked: AppendRequest) -> Outcome | None:
        if asked.idempotency is None:
            return None
        earlier = self.answered.get((asked.events[0].row.tenant_id, asked.idempotency.key))
        if earlier is None:
            return None
        digest, outcome = earlier
        return as_replayed(outcome) if digest == asked.idempotency.request_sha256 else REUSED


def place(event: LogEvent) -> tuple[object, int]:
    return event.originator_id, event.originator_version


def matches(event: LogEvent, condition: Condition) -> bool:
    return (
        (not condition.types or event.topic in condition.types)
        and (not condition.streams or event.originator_id in condition.streams)
        and condition.tenant_id in (None, event.row.tenant_id)
        and condition.cube_id in (None, event.row.cube_id)
    )


def as_replayed(outcome: Outcome) -> Outcome:
    return replayed(outcome.first or 0, outcome.last)


@st.composite
def events(draw: st.DrawFn, tenant_id: UUID) -> LogEvent:
    """No two are the same byte for byte."""
    cube_id = draw(st.none() | st.sampled_from(CUBES))
    topic, data = draw(st.sampled_from(TYPES)), {"n": next(numbers)}
    stream_id, version = draw(st.sampled_from(STREAMS)), draw(st.integers(1, 4))
    return log_event(stream_id, version, topic, tenant_id=tenant_id, cube_id=cube_id, data=data)


conditions = st.builds(
    Condition,
    after=st.integers(0, 8),
    types=st.lists(st.sampled_from(TYPES), unique=True).map(tuple),
    streams=st.lists(st.sampled_from(STREAMS), unique=True).map(tuple),
    tenant_id=st.none() | st.sampled_from(TENANTS),
    cube_id=st.none() | st.sampled_from(CUBES),
)
keys = st.builds(IdempotencyKey, st.sampled_from(KEYS), st.sampled_from((b"x" * 32, b"y" * 32)))


@st.composite
def requests(draw: st.DrawFn) -> AppendRequest:
    tenant_id = draw(st.sampled_from(TENANTS))
    wanted = draw(st.lists(events(tenant_id), min_size=1, max_size=3))
    return request(*wanted, condition=draw(st.none() | conditions), idempotency=draw(st.none() | keys))


calls = st.lists(st.lists(requests(), min_size=1, max_size=6), min_size=1, max_size=4)


@given(calls=calls)
@settings(max_examples=120, deadline=None)
def test_every_call_has_the_outcomes_of_one_request_after_the_other(
    log: psycopg.Connection[Row], calls: list[list[AppendRequest]]
) -> None:
    model = Model()
    with log.transaction(force_rollback=True):
        for call in calls:
            ask(log, model, call)
        assert stored(log) == [(n, *place(event)) for n, event in enumerate(model.events, 1)]


def ask(log: psycopg.Connection[Row], model: Model, asked: list[AppendRequest]) -> None:
    """As the coalescer does: what is `repeated` is asked again, after the others."""
    while asked:
        outcomes = flush(log, *asked)
        settled = [(each, outcome) for each, outcome in zip(asked, outcomes, strict=True) if outcome != REPEATED]
        assert settled
        for each, outcome in settled:
            assert outcome == model.decide(each)
        asked = [each for each, outcome in zip(asked, outcomes, strict=True) if outcome == REPEATED]


@given(call=st.lists(requests(), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_retry_of_a_call_whose_answer_was_lost_changes_nothing_that_it_wrote(
    log: psycopg.Connection[Row], call: list[AppendRequest]
) -> None:
    with log.transaction(force_rollback=True):
        outcomes = flush(log, *call)
        written = stored(log)
        retried = flush(log, *call, resolving=True)
        assert stored(log)[: len(written)] == written
        for before, after in zip(outcomes, retried, strict=True):
            if before.what == "appended":
                assert after == as_replayed(before)
            elif before != REPEATED:
                assert after.what != "appended"
