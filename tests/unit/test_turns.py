from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.log import Event
from mnemolog.projections.turns import NONE, Turns, days_since_1970
from tests.histories import TENANT, History, histories

CUBE = UUID(int=7)
DAY = datetime(1970, 1, 11, tzinfo=UTC)
TOLD = ("memory.generated.v1", "memory.revised.v1")
REVISED, ERASED = "memory.revised.v1", "memory.erased.v1"


def said(
    position: int, speaker: str = "", context: int = 0, memory: int | None = None, kind: str = "memory.generated.v1"
) -> Event:
    memory_id = UUID(int=1000 + (position if memory is None else memory))
    data = {
        "text": "Tea",
        "description": {"speaker": speaker} if speaker else {},
        "governance": {"context_id": str(UUID(int=context))} if context else {},
    }
    return Event(position, memory_id, 1, kind, TENANT, DAY, DAY, data, CUBE, memory_id)


def folded(events: Sequence[Event]) -> Turns:
    view = Turns()
    view.apply(events, max((event.position for event in events), default=0))
    return view


def speakers(view: Turns, *positions: int, at: int | None = None, cube_id: UUID = CUBE) -> list[str]:
    """The name of who spoke each, empty for nobody."""
    spoken = view.spoken(cube_id, np.array(positions, np.int64), view.position if at is None else at)
    names = {number: name for name, number in spoken.names.items()}
    return [names.get(int(number), "") for number in spoken.speakers]


def test_speakers_are_known_by_name_however_it_is_written() -> None:
    view = folded([said(1, "Ann Lee"), said(2), said(3, " ANN\tLee "), said(4, "Ben")])
    assert speakers(view, 1, 2, 3, 4) == ["ann lee", "", "ann lee", "ben"]


def test_memories_of_one_conversation_share_a_number_and_those_of_none_have_none() -> None:
    view = folded([said(1, context=5), said(2), said(3, context=6), said(4, context=5)])
    first, none, other, last = view.spoken(CUBE, np.arange(1, 5), 4).contexts
    assert first == last != other
    assert none == NONE


def test_names_that_only_other_memories_have_are_not_told() -> None:
    view = folded([said(1, "Ann"), said(2, "Ben"), said(3, "Cleo")])
    assert view.spoken(CUBE, np.array([1, 3]), 3).names.keys() == {"ann", "cleo"}
    assert view.spoken(CUBE, np.array([], np.int64), 3).names == {}
    assert view.spoken(UUID(int=8), np.array([1]), 3).names == {}


def test_a_day_is_that_of_the_memory_however_often_it_is_revised() -> None:
    revision = replace(said(2, "Ann", memory=1, kind=REVISED), occurred_at=DAY + timedelta(days=40))
    view = folded([said(1), revision])
    assert view.spoken(CUBE, np.array([2]), 2).days.tolist() == [10]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 30, 23, 59, tzinfo=UTC), -2),
        (datetime(1970, 1, 2, 1, tzinfo=timezone(timedelta(hours=2))), 0),
    ],
)
def test_days_are_counted_from_1970_in_utc(moment: datetime, day: int) -> None:
    assert days_since_1970(moment) == day


def test_a_revision_says_anew_who_spoke_and_the_old_wording_keeps_its_speaker() -> None:
    view = folded([said(1, "Ann", 5), said(2, "Ben", 6, memory=1, kind=REVISED)])
    assert speakers(view, 1, 2, at=1) == ["ann", ""]
    assert speakers(view, 1, 2, at=2) == ["", "ben"]


def test_with_a_memory_its_speaker_is_erased_from_all_positions() -> None:
    view = folded([said(1, "Ann"), said(2, "Zoe", memory=1, kind=REVISED), said(3, "Ben")])
    view.apply([said(4, memory=1, kind=ERASED)], 4)
    assert speakers(view, 1, 2, 3) == ["", "", "ben"]
    assert speakers(view, 1, at=1) == speakers(view, 2, at=2) == [""]
    held = b"".join(view._content()) + repr(vars(view._held[CUBE].state)).encode()
    assert b"zoe" not in held
    assert b"ann" not in held


def test_an_erased_memory_loses_its_speaker_although_another_memory_has_the_same() -> None:
    view = folded([said(1, "Ann"), said(2, "Ann")])
    view.apply([said(3, memory=1, kind=ERASED)], 3)
    assert speakers(view, 1, 2) == ["", "ann"]
    assert speakers(view, 1, at=1) == [""]


def test_a_name_that_was_forgotten_can_be_said_again_and_means_nobody_else() -> None:
    view = folded([said(1, "Ann"), said(2, "Ben"), said(3, memory=1, kind=ERASED), said(4, "Cleo"), said(5, "Ann")])
    assert speakers(view, 1, 2, 4, 5) == ["", "ben", "cleo", "ann"]


def test_a_wording_that_can_no_longer_be_read_has_neither_speaker_nor_conversation() -> None:
    unreadable = replace(said(1, "Ann", 5), erased=True, data={"governance": said(1, context=5).data["governance"]})
    spoken = folded([unreadable, said(2, "Ben", 5)]).spoken(CUBE, np.array([1]), 2)
    assert (spoken.speakers.tolist(), spoken.contexts.tolist(), spoken.names) == ([NONE], [NONE], {})


@given(histories(), st.data())
def test_what_was_said_as_of_a_position_is_what_a_view_that_stopped_there_says(
    history: History, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    whole, stopped = folded(history.events), folded(history.reread()[:at])
    positions = [e.position for e in history.events if e.type in TOLD and data.draw(st.booleans())]
    for cube in history.cubes:
        assert speakers(whole, *positions, at=at, cube_id=cube.id) == speakers(
            stopped, *positions, at=at, cube_id=cube.id
        )
        now, then = (view.spoken(cube.id, np.array(positions, np.int64), at) for view in (whole, stopped))
        assert now.contexts.tolist() == then.contexts.tolist()
        assert now.days.tolist() == then.days.tolist()
        assert now.names.keys() == then.names.keys()


@given(histories(), st.data())
def test_the_digest_is_that_of_a_rebuild_however_the_events_came(history: History, data: st.DataObject) -> None:
    view, at = Turns(), 0
    while at < history.head:
        upto = data.draw(st.integers(at + 1, history.head))
        view.apply(history.events[max(0, at - 1) : upto], upto)
        at = upto
        assert view.digest() == folded(history.events[:upto]).digest()
    assert view.digest() == folded(history.reread()).digest()


@pytest.mark.parametrize("other", [said(1, "Ben", 5), said(1, "Ann", 6), said(1, "Ann"), said(2, "Ann", 5)])
def test_the_digest_sees_another_speaker_conversation_or_position(other: Event) -> None:
    assert folded([said(1, "Ann", 5)]).digest() != folded([other]).digest()


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (said(2, memory=404, kind=REVISED), KeyError),
        (replace(said(2), data={"text": "Tea", "description": {}}), KeyError),
        (replace(said(2), data={"text": "Tea", "governance": {}}), KeyError),
        (replace(said(2, memory=404, kind=REVISED), cube_id=UUID(int=8)), KeyError),
    ],
)
def test_an_event_that_makes_no_sense_changes_nothing(event: Event, error: type[Exception]) -> None:
    view = folded([said(1, "Ann", 5)])
    before = view.digest()
    with pytest.raises(error):
        view.apply([event], 2)
    assert (view.digest(), view.position) == (before, 1)
