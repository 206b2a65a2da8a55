"""What the store says of a moment is what it said at that moment, for whoever may see it now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api import Store, open_store
from mnemolog.api.answers import RecallAnswer
from mnemolog.api.moments import parse_at
from mnemolog.domain.commands import Remember
from mnemolog.domain.lifecycle import State
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import Invalid, InvalidPosition, MemoryExpired, MemoryNotFound

NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)
QUESTION = "Where is the tea?"


class HandClock:
    """Shows what it is set to. The log's own times are those of the database."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(dsn: str, tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder(), clock=clock) as store:
        yield store


def said(answer: RecallAnswer) -> list[tuple[object, ...]]:
    return [(hit.memory_id, hit.text, hit.score, hit.signals) for hit in answer.hits]


def test_every_answer_can_be_had_again_as_of_its_position(store: Store) -> None:
    answers = []
    for text in ("Tea is in the blue tin.", "The train leaves at nine.", "The tea is out."):
        store.memories.remember("main", Remember(text=text, speaker="Ada"))
        answers.append(store.recall("main", QUESTION))
    first = answers[0].hits[0].memory_id
    store.memories.revise(first, "Tea is in the red tin now.")
    answers.append(store.recall("main", QUESTION))
    store.memories.transition(first, State.ARCHIVED)
    for answer in answers:
        again = store.recall("main", QUESTION, at=answer.position)
        assert said(again) == said(answer)
        assert (again.considered, again.dropped, again.position) == (
            answer.considered,
            answer.dropped,
            answer.position,
        )


def test_a_memory_and_a_list_show_what_they_showed_then(store: Store) -> None:
    written = store.memories.remember("main", "Tea is in the blue tin.")
    before = store.memories.get(written.memory_ids[0])
    page = store.memories.list("main")
    store.memories.revise(written.memory_ids[0], "Tea is in the red tin.")
    store.memories.remember("main", "The train leaves at nine.")
    assert store.memories.get(written.memory_ids[0], at=written.position) == before
    assert replace(store.memories.list("main", at=written.position), position=page.position) == page
    with pytest.raises(MemoryNotFound):
        store.memories.get(written.memory_ids[0], at=written.position - 2)


def test_a_time_means_what_was_recorded_by_then(store: Store, clock: HandClock) -> None:
    store.memories.remember("main", "Tea is in the blue tin.")
    (recorded,) = {event.recorded_at for event in store.log.page(after=5).items}
    clock.moment = recorded + timedelta(seconds=1)
    assert store.recall("main", QUESTION, at=recorded).considered == 1
    assert store.recall("main", QUESTION, at=recorded - timedelta(microseconds=1)).considered == 0


def test_content_is_as_of_then_and_permission_as_of_now(store: Store) -> None:
    agent = store.principals.register("an agent", PrincipalKind.AGENT)
    other = store.acting_as(store.principals.issue_key(agent.principal_id).key)
    cube = other.cubes.found("notes")
    written = other.memories.remember(cube.cube_id, "Tea is in the blue tin.")
    assert store.recall(cube.cube_id, QUESTION, at=written.position).considered == 1
    hidden = store.memories.remember("main", "The code is 1234.")
    with pytest.raises(MemoryNotFound):
        other.memories.get(hidden.memory_ids[0], at=hidden.position)


def test_what_has_expired_since_is_shown_to_administrators_only(store: Store, clock: HandClock) -> None:
    agent = store.principals.register("an agent", PrincipalKind.AGENT)
    other = store.acting_as(store.principals.issue_key(agent.principal_id).key)
    cube = other.cubes.found("notes")
    written = other.memories.remember(cube.cube_id, Remember(text="Tea is in the tin.", ttl=timedelta(hours=1)))
    clock.moment += timedelta(hours=2)
    (memory_id,) = written.memory_ids
    assert store.memories.get(memory_id, at=written.position).text == "Tea is in the tin."
    assert [hit.memory_id for hit in store.recall(cube.cube_id, QUESTION, at=written.position).hits] == [memory_id]
    with pytest.raises(MemoryExpired):
        other.memories.get(memory_id, at=written.position)
    assert other.recall(cube.cube_id, QUESTION, at=written.position).dropped == {"expired": 1}


def test_a_moment_that_the_log_has_not_reached_is_refused(store: Store, clock: HandClock) -> None:
    for at in (10_000, -1, clock.moment + timedelta(days=1)):
        with pytest.raises(InvalidPosition):
            store.recall("main", QUESTION, at=at)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1250", 1250),
        ("-2h", NOW - timedelta(hours=2)),
        ("2026-05-08T10:00:00Z", NOW - timedelta(hours=2)),
        ("2026-05-08T12:00:00+02:00", NOW - timedelta(hours=2)),
    ],
)
def test_a_moment_is_written_as_a_position_a_time_or_a_while_ago(text: str, at: object) -> None:
    assert parse_at(text, NOW) == at


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-05-08T10:00:00", "-2 fortnights", "", "9" * 30, "-" + "9" * 20 + "d"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_at(text, NOW)
