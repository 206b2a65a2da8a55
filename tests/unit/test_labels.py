from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.log import Event
from mnemolog.projections.filters import parse
from mnemolog.projections.labels import Labels
from tests.histories import TENANT, History, histories

CUBE = UUID(int=7)
DAY = datetime(1970, 1, 11, tzinfo=UTC)
REVISED, ERASED = "memory.revised.v1", "memory.erased.v1"
CONDITIONS = [
    parse({"field": field, "eq": value})
    for field, values in {"key": ("Drinks", None), "tag": ("tea", "咖啡", None), "speaker": ("ann lee", None)}.items()
    for value in values
]


def told(position: int, memory: int | None = None, kind: str = "memory.generated.v1", **description: Any) -> Event:
    memory_id = UUID(int=1000 + (position if memory is None else memory))
    return Event(position, memory_id, 1, kind, TENANT, DAY, DAY, {"description": description}, CUBE, memory_id)


def folded(events: Sequence[Event]) -> Labels:
    view = Labels()
    view.apply(events, max((event.position for event in events), default=0))
    return view


def having(view: Labels, field: str, *values: str | None, at: int | None = None) -> list[int]:
    """The positions of the first ten, of which the labels are such."""
    positions, at = np.arange(1, 11), view.position if at is None else at
    held = view.holds(CUBE, parse({"field": field, "in": list(values)}), positions, at)  # type: ignore[arg-type]
    return [int(position) for position in positions[held]]


def test_wordings_are_found_by_key_tag_and_speaker() -> None:
    view = folded([told(1, key="a", tags=["x", "y"], speaker="Ann  LEE"), told(2, key="A", tags=["y"]), told(3)])
    assert (having(view, "key", "a"), having(view, "key", "A", "a")) == ([1], [1, 2])
    assert (having(view, "tag", "y"), having(view, "tag", "x"), having(view, "tag", "Y")) == ([1, 2], [1], [])
    assert having(view, "speaker", "ann lee") == having(view, "speaker", "Ann Lee") == [1]


def test_null_finds_what_has_no_such_label() -> None:
    view = folded([told(1, key="a"), told(2, tags=["x"]), told(3, speaker="Ann")])
    assert (having(view, "key", None), having(view, "tag", None)) == ([2, 3], [1, 3])
    assert having(view, "speaker", None, "ann") == [1, 2, 3]


def test_nothing_is_found_in_a_cube_without_memories() -> None:
    assert having(Labels(), "tag", "x", None) == []


def test_a_revision_has_labels_of_its_own_and_the_old_wording_keeps_its() -> None:
    view = folded([told(1, tags=["x"]), told(2, memory=1, kind=REVISED, tags=["y"])])
    assert (having(view, "tag", "x"), having(view, "tag", "y")) == ([], [2])
    assert (having(view, "tag", "x", at=1), having(view, "tag", "y", at=1)) == ([1], [])


def test_with_a_memory_its_labels_are_erased_from_all_positions() -> None:
    view = folded([told(1, tags=["zoe"], key="zoe", speaker="zoe"), told(2, tags=["x"])])
    view.apply([told(3, memory=1, kind=ERASED)], 3)
    assert having(view, "tag", "zoe", None, at=1) == []
    assert having(view, "tag", "x", "zoe", None) == [2]
    assert "zoe" not in repr(vars(view._held[CUBE].state))


def test_an_erased_memory_is_lost_to_a_label_that_another_memory_has_too() -> None:
    view = folded([told(1, tags=["x"]), told(2, tags=["x"]), told(3, memory=1, kind=ERASED)])
    assert having(view, "tag", "x") == [2]


def test_a_wording_that_can_no_longer_be_read_has_no_labels() -> None:
    view = folded([replace(told(1), erased=True, data={}), told(2, tags=["x"])])
    assert (having(view, "tag", "x"), having(view, "tag", None)) == ([2], [])


@given(histories(), st.data())
def test_what_holds_as_of_a_position_is_what_a_view_that_stopped_there_says(
    history: History, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    whole, stopped = folded(history.events), folded(history.reread()[:at])
    positions = np.arange(1, history.head + 1)
    for cube in history.cubes:
        for condition in CONDITIONS:
            now, then = (view.holds(cube.id, condition, positions, at) for view in (whole, stopped))  # type: ignore[arg-type]
            assert now.tolist() == then.tolist()


@given(histories(), st.data())
def test_the_digest_is_that_of_a_rebuild_however_the_events_came(history: History, data: st.DataObject) -> None:
    view, at = Labels(), 0
    while at < history.head:
        upto = data.draw(st.integers(at + 1, history.head))
        view.apply(history.events[max(0, at - 1) : upto], upto)
        at = upto
        assert view.digest() == folded(history.events[:upto]).digest()
    assert view.digest() == folded(history.reread()).digest()


@pytest.mark.parametrize(
    "other",
    [told(1, tags=["y"], key="a"), told(1, tags=["x"]), told(1, key="a"), told(2, tags=["x"], key="a")],
)
def test_the_digest_sees_another_label_or_position(other: Event) -> None:
    assert folded([told(1, tags=["x"], key="a")]).digest() != folded([other]).digest()


def test_an_event_that_makes_no_sense_changes_nothing() -> None:
    view = folded([told(1, tags=["x"])])
    before = view.digest()
    with pytest.raises(KeyError):
        view.apply([replace(told(2), data={"text": "Tea"})], 2)
    assert (view.digest(), view.position) == (before, 1)
