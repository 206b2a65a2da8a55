"""What is made from nothing is what came to be event by event, at any position and however often it was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.api.pace import Pace, Stages, Watch
from mnemolog.domain.access import Access
from mnemolog.domain.log import Event
from mnemolog.projections.cube_fold import AnyCubeFold
from mnemolog.projections.edges import Edges
from mnemolog.projections.labels import Labels
from mnemolog.projections.replay import CubePart, Due, Made, Part, follow
from mnemolog.projections.replayed_tables import TABLES, AccessRows
from mnemolog.projections.saved import Saved
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.table_part import TablePart, written
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import VectorView
from tests.factories import House
from tests.histories import ANN, NOW, TENANT, History, histories
from tests.lives import SECRET, lives
from tests.unit.asking import a_kitchen
from tests.unit.graph_histories import joined_histories
from tests.unit.hashed_vectors import DIMENSIONS, HashedVectors
from tests.unit.memory_log import MemoryLog

PROCESS = UUID(int=77)


def every_view() -> tuple[AnyCubeFold, ...]:
    return Scopes(), Labels(), Terms(), Turns(), VectorView(HashedVectors(), DIMENSIONS), Edges()


class Written:
    """Implements `Lines`."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content

    def before(self) -> Sequence[bytes]:
        return [self.content[:3], self.content[3:]]

    def restart(self) -> None:
        self.content = b""

    def write(self, some: bytes) -> None:
        self.content += some

    def keep(self) -> None:
        pass


def ignored(position: int) -> None:
    pass


def held(events: Sequence[Event], cube_id: UUID) -> list[str]:
    """Of views that have followed these events, and no other."""
    views = every_view()
    for view in views:
        view.apply(events, len(events))
    return [view.digest_of(cube_id)[1] for view in views]


@given(history=joined_histories(12), data=st.data())
def test_a_cube_is_what_it_was_for_those_who_had_the_first_events_only(history: History, data: st.DataObject) -> None:
    events, cube = history.reread(), history.cubes[data.draw(st.integers(0, 1))]
    upto = data.draw(st.integers(2, history.head))  # both cubes have been founded
    part = CubePart(cube.id, every_view(), {})
    follow(MemoryLog(events), part, upto, ignored, size=data.draw(st.integers(1, 9)))
    assert [each.digest for each in part.made()] == held(events[:upto], cube.id)


@given(history=joined_histories(12), stops=st.lists(st.integers(1, 60), max_size=4), size=st.integers(1, 9))
def test_a_cube_that_was_interrupted_becomes_the_same(history: History, stops: list[int], size: int) -> None:
    log, cube_id = MemoryLog(history.reread()), history.cubes[0].id
    whole = CubePart(cube_id, every_view(), {})
    follow(log, whole, history.head, ignored)
    saved: dict[str, Saved] = {}
    for stop in sorted(stops):
        part = CubePart(cube_id, every_view(), saved)
        follow(log, part, min(stop, history.head), ignored, size=size)
        saved = part.saved()
    last = CubePart(cube_id, every_view(), saved)
    follow(log, last, history.head, ignored, size=size)
    assert last.made() == whole.made()


def with_answers(history: History) -> list[Event]:
    """The history, with an answer about each memory put on record by a process that began and ended."""
    told = [_access(Access.Opened.TOPIC, {})]
    for memory in history.memories:
        told.append(_access(Access.Recorded.TOPIC, {"kind": "get", "memory_ids": [str(memory.id)], "cube_ids": []}))
    told += [_access(Access.Refused.TOPIC, {"kind": "get", "code": "memory_not_found", "target_id": str(ANN)})]
    every = [*history.reread(), *told, _access(Access.Closed.TOPIC, {})]
    return [replace(event, position=position) for position, event in enumerate(every, 1)]


def _access(topic: str, facts: dict[str, Any]) -> Event:
    known = {"process_id": str(PROCESS), "session_id": None, **facts}
    return Event(1, UUID(int=78), 1, topic, TENANT, NOW, NOW, known, actor_id=ANN)


@pytest.mark.parametrize("view", TABLES)
@given(history=histories(12), stops=st.lists(st.integers(1, 60), max_size=4), size=st.integers(1, 9))
def test_a_table_that_was_interrupted_becomes_the_same(
    view: str, history: History, stops: list[int], size: int
) -> None:
    events = with_answers(history)
    log, whole, head = MemoryLog(events), Written(), len(events)
    expected = _made(log, TablePart(TABLES[view], TENANT, whole), head, size)
    assert expected[0].digest == sha256(whole.content).hexdigest()
    saved, lines = None, Written()
    for stop in sorted(stops):
        part = TablePart(TABLES[view], TENANT, lines, saved, lines.before() if saved else ())
        follow(log, part, min(stop, head), ignored, size=size)
        saved = part.saved()[view]
        lines = Written(lines.content[: written(saved)])
    made = _made(log, TablePart(TABLES[view], TENANT, lines, saved, lines.before() if saved else ()), head, size)
    assert (made, lines.content) == (expected, whole.content)


def _made(log: MemoryLog, part: Part, head: int, size: int) -> Sequence[Made]:
    follow(log, part, head, ignored, size=size)
    return part.made()


@given(history=histories(6))
def test_lines_that_are_not_those_that_were_written_are_not_gone_on_with(history: History) -> None:
    lines = Written()
    part = TablePart(AccessRows, TENANT, lines)
    follow(MemoryLog(history.events), part, history.head, ignored)
    saved = part.saved()["access"]
    for content in (lines.content[:-1], lines.content.replace(b"1", b"2", 1), b""):
        with pytest.raises(ValueError, match="not those that were written"):
            TablePart(AccessRows, TENANT, lines, saved, [content])


def test_lines_hold_nothing_personal() -> None:
    recorded = History()
    recorded.save(*lives(House()))
    for kind in TABLES.values():
        lines = Written()
        tenants = {event.tenant_id for event in recorded.events}
        for tenant_id in tenants:
            _made(MemoryLog(recorded.events), TablePart(kind, tenant_id, lines), recorded.head, 100)
        assert lines.content
        assert SECRET.encode() not in lines.content


def test_an_event_that_a_view_cannot_fold_is_passed_over_as_the_view_does(caplog: pytest.LogCaptureFixture) -> None:
    history = _begun()
    broken = [*history.events, replace(history.events[-1], position=history.head + 1, data={}, version=99)]
    cube_id = history.cubes[0].id
    part = CubePart(cube_id, every_view(), {})
    follow(MemoryLog(broken), part, len(broken), ignored)
    sound = CubePart(cube_id, every_view(), {})
    follow(MemoryLog(history.events), sound, history.head, ignored)
    digests = {each.view: each.digest for each in part.made()}
    assert digests["terms"] == {each.view: each.digest for each in sound.made()}["terms"]
    assert "parked position" in caplog.text


def _begun() -> History:
    history = a_kitchen()[0]
    return replace(history, events=[event for event in history.events if event.position <= 3])


def test_it_is_kept_now_and_then_and_seldom_when_that_takes_long() -> None:
    due = Due(0.0)
    assert due
    due.kept(1000.0)
    assert not due
    assert not Due(1000.0)


def test_several_pieces_of_work_are_told_of_as_one() -> None:
    told: list[Pace] = []
    stages = Stages(2, 100, told.append)
    stages.stage(0, "every view", "main", 40)(60)
    stages.stage(1, "access", None, 0)(100)
    first, last = told
    assert (first.view, first.cube, first.position, first.upto) == ("every view", "main", 60, 200)
    assert (last.position, last.eta) == (200, 0)
    assert first.eta == pytest.approx(140 / first.rate)


def test_the_rate_counts_what_was_done_and_not_where_it_began() -> None:
    told: list[Pace] = []
    Watch("answers", None, 100, told.append, 90)(90)
    assert (told[0].rate, told[0].eta) == (0, None)
