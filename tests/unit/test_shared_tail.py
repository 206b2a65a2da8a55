from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.log import LAST, Event, Selection
from mnemolog.projections.shared_tail import PAGE, SharedTail
from tests.unit.memory_log import MemoryLog

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("memory.generated.v1", "memory.activated.v1", "cube.founded.v1")


def a_log(size: int) -> MemoryLog:
    return MemoryLog([an_event(position) for position in range(1, size + 1)])


def an_event(position: int) -> Event:
    kind, place = KINDS[position % 3], UUID(int=position % 2)
    return Event(position, UUID(int=9), position, kind, UUID(int=1), NOW, NOW, {}, cube_id=place)


selections = st.builds(
    Selection,
    types=st.sets(st.sampled_from(KINDS)).map(tuple),
    cube_id=st.sampled_from([None, UUID(int=0), UUID(int=1)]),
)


@given(st.integers(0, 30), st.data())
def test_whatever_was_read_before_a_read_gives_what_the_log_gives(size: int, data: st.DataObject) -> None:
    log = a_log(size)
    tail = SharedTail(log)
    for _ in range(8):
        if data.draw(st.booleans()):
            log.append([an_event(log.head() + 1)])
        after = data.draw(st.integers(0, log.head()))
        upto = data.draw(st.sampled_from([LAST, *range(after, log.head() + 1)]))
        asked = (after, data.draw(st.integers(1, 10)), data.draw(selections), upto)
        assert tail.read(*asked) == log.read(*asked)


def test_views_that_wait_for_the_same_events_have_them_read_once() -> None:
    log = a_log(20)
    tail = SharedTail(log)
    for types in ((), KINDS[:1], KINDS[1:]):
        tail.read(10, 100, Selection(types=types), 20)
    assert log.reads == 1


def test_a_view_that_is_far_behind_reads_for_itself_and_only_what_it_wants() -> None:
    log = a_log(PAGE + 10)
    tail = SharedTail(log)
    few = tail.read(0, 7, Selection(types=KINDS[:1]), PAGE + 10)
    assert [event.type for event in few] == [KINDS[0]] * 7
    tail.read(PAGE, 100, Selection(), PAGE + 10)
    assert log.reads == 2
