"""Undoing brings back what was, by new events, or says what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mnemolog.domain.blame import blame
from mnemolog.domain.compensation import STANDING, Facet, Passed, compensate, facets, last_changed, reconfigure
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.refusals import CannotUndo, MemoryNotEditable, Refusal
from tests.factories import NOW, House
from tests.histories import ANN, BEN, STEPS, History, erase, histories, remember
from tests.histories import NOW as THEN

LATER = NOW + timedelta(hours=1)


def undone(memory: Memory, change: Callable[[Memory], Any], *later: Callable[[Memory], Any]) -> tuple[Memory, Memory]:
    """(before, now): what it was before `change`, and what it is after undoing it."""
    before = deepcopy(memory)
    change(memory)
    after = deepcopy(memory)
    for each in later:
        each(memory)
    compensate(Passed(before, after, memory, lambda _: 7), lambda _: memory, NOW)
    return before, memory


def revision(text: str) -> Callable[[Memory], Any]:
    return lambda memory: memory.revise(NOW, text)


def test_a_revision_is_undone_with_what_had_been_corroborated() -> None:
    memory = House().activated("Tea is in the blue tin.")
    memory.corroborate(ANN)
    memory.corroborate(BEN)
    before, now = undone(memory, revision("Tea is in the red tin."))
    assert facets(now) == facets(before)
    assert now.standing.corroborations == 2


def test_only_what_was_changed_is_brought_back() -> None:
    memory = House().activated("Tea is in the blue tin.")
    _, now = undone(memory, revision("Tea is in the red tin."), lambda memory: memory.set_retention(LATER))
    assert (now.text, now.expires_at) == ("Tea is in the blue tin.", LATER)


def test_what_was_changed_again_stands_in_the_way() -> None:
    with pytest.raises(CannotUndo) as refusal:
        undone(House().activated(), revision("Once."), revision("Twice."))
    assert refusal.value.facts["position"] == 7
    assert "position 7" in str(refusal.value)


def test_a_corroboration_of_the_new_text_stands_in_the_way() -> None:
    with pytest.raises(CannotUndo, match="standing"):
        undone(House().activated(), revision("Once."), lambda memory: memory.corroborate(ANN))


def test_what_says_the_same_again_does_not_stand_in_the_way() -> None:
    _, now = undone(House().activated("Never."), revision("Once."), revision("Twice."), revision("Once."))
    assert now.text == "Never."


def test_what_cannot_be_changed_by_hand_cannot_be_undone() -> None:
    with pytest.raises(MemoryNotEditable):
        undone(House().activated(), revision("Once."), lambda memory: memory.archive(Reason.MANUAL))


def test_a_new_memory_is_archived_as_retracted() -> None:
    memory = House().activated()
    compensate(Passed(None, deepcopy(memory), memory, lambda _: 7), lambda _: memory, NOW)
    assert memory.state is State.ARCHIVED
    (archived,) = [each for each in memory.pending_events if isinstance(each, Memory.Archived)]
    assert archived.reason == Reason.RETRACTED


def test_a_new_memory_that_was_revised_since_stays() -> None:
    memory = House().activated()
    after = deepcopy(memory)
    memory.revise(NOW, "Once.")
    with pytest.raises(CannotUndo):
        compensate(Passed(None, after, memory, lambda _: 7), lambda _: memory, NOW)


def test_what_was_let_out_of_quarantine_is_archived_as_rejected() -> None:
    _, now = undone(House().generated(), lambda memory: memory.activate("reviewer"))
    assert now.state is State.ARCHIVED


def test_nothing_leads_back_into_quarantine() -> None:
    with pytest.raises(CannotUndo, match="quarantine"):
        undone(House().generated(), lambda memory: memory.archive(Reason.REJECTED))


def test_a_corroboration_stays() -> None:
    with pytest.raises(CannotUndo, match="corroborated"):
        undone(House().activated(), lambda memory: memory.corroborate(ANN))


def test_an_expiry_that_has_passed_does_not_come_back() -> None:
    with pytest.raises(CannotUndo, match="expired"):
        undone(House().activated(expires_at=NOW), lambda memory: memory.set_retention(LATER))


def to(state: State, **facts: Any) -> Callable[[Memory], Any]:
    return lambda memory: memory.transition_state(state, **facts)


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ((), to(State.ARCHIVED)),
        ((), to(State.FROZEN, legal_hold=True)),
        ((to(State.ARCHIVED),), to(State.FROZEN)),
        ((to(State.ARCHIVED),), to(State.ACTIVATED)),
        ((to(State.FROZEN, legal_hold=True),), to(State.ACTIVATED)),
    ],
)
def test_every_step_has_a_way_back(
    before: tuple[Callable[[Memory], Any], ...], change: Callable[[Memory], Any]
) -> None:
    memory = House().activated()
    for each in before:
        each(memory)
    was, now = undone(memory, change)
    assert facets(now) == facets(was)


def test_a_former_link_is_made_again_and_a_new_one_taken_away() -> None:
    house = House()
    memory, other = house.activated(), house.activated()
    memory.link(other, Relation.SUPPORTS, 0.5)
    before = deepcopy(memory)
    memory.link(other, Relation.SUPPORTS, 1.0)
    memory.link(other, Relation.CAUSES)
    compensate(Passed(before, deepcopy(memory), memory, lambda _: 7), lambda _: other, NOW)
    assert memory.links == before.links


def test_the_rules_of_a_cube_come_back_unless_they_were_changed_again() -> None:
    cube = House().cube()
    before = deepcopy(cube)
    cube.configure(CubeConfig(gate=Gate.OPEN))
    after = deepcopy(cube)
    reconfigure(before, after, cube, 7)
    assert cube.config == before.config
    with pytest.raises(CannotUndo) as refusal:
        reconfigure(before, after, cube, 7)
    assert refusal.value.facts["position"] == 7


def passed(history: History, memory: Memory, first: int, last: int) -> Passed:
    after, now = (history.memory_at(memory.id, position) for position in (last, history.head))
    assert after is not None
    assert now is not None
    events = [event for event in history.events[: first - 1] if event.memory_id == memory.id]
    reasons = [Reason(event.data["reason"]) for event in events if event.type == Memory.Archived.TOPIC]

    def changed_at(facet: Facet) -> int:
        return history.head

    before = history.memory_at(memory.id, first - 1)
    return Passed(before, after, now, changed_at, reasons[-1] if reasons else Reason.MANUAL)


@st.composite
def lives(draw: st.DrawFn) -> tuple[History, int]:
    """A history, and where its last append begins, which has no event when it was refused."""
    history = draw(histories(max_steps=8, erasures=False))
    memory, first = history.pick(draw), history.head + 1
    step = draw(st.sampled_from([each for each in STEPS if each not in (erase, remember)]))
    with suppress(Refusal):
        history.save(*step(draw, history, memory, True))
    return history, first


@given(lives())
def test_undoing_the_last_append_brings_everything_back_or_changes_nothing(life: tuple[History, int]) -> None:
    """A memory that the append made is archived, what was let out of quarantine too; all else is as it was."""
    history, first = life
    assume(history.head >= first)
    last, known = history.head, {each.id: each for each in history.memories}
    touched = dict.fromkeys(event.stream_id for event in history.events[first - 1 :])
    states = [passed(history, known[each], first, last) for each in touched]
    found = {each.now.id: each.now for each in states}

    def target(memory_id: UUID) -> Memory:
        return found.get(memory_id) or known[memory_id]

    try:
        for each in states:
            compensate(each, target, THEN)
    except CannotUndo as refusal:
        assert any(word in str(refusal) for word in ("corroborated", "quarantine", "expired"))  # noqa: PT017
        return
    for each in states:
        history.save(each.now)
        if each.before is None or each.before.state is State.GENERATED is not each.after.state:
            assert each.now.state is State.ARCHIVED
            continue
        assert facets(each.now) == facets(each.before)
        assert blame([e for e in history.events if e.memory_id == each.now.id]).text == each.before.text


def test_a_merge_and_its_retraction_undo_each_other() -> None:
    house = House()
    parents = (house.activated("Tea."), house.activated("Jam."))
    before = [deepcopy(parent) for parent in parents]
    result = merge(parents, "Tea and jam.", house.owner_id, NOW)
    merged = [deepcopy(each) for each in (*parents, result)]
    retract_merge(result, parents)
    retracted = [deepcopy(each) for each in (*parents, result)]
    assert [facets(each) for each in parents] == [facets(each) for each in before]
    for was, became, now in zip(merged, retracted, (*parents, result), strict=True):
        compensate(Passed(was, became, now, lambda _: 7), lambda _: result, NOW)
        assert facets(now) == facets(was)


@given(histories(max_steps=15, erasures=False))
def test_what_stands_in_the_way_is_the_event_that_changed_it_last(history: History) -> None:
    for memory in history.memories:
        events = [event for event in history.events if event.memory_id == memory.id]
        lives = [facets(history.memory_at(memory.id, event.position) or memory) for event in events]
        for facet in lives[-1]:
            values = [life.get(facet) for life in lives]
            changed = [n for n in range(1, len(values)) if values[n] != values[n - 1]]
            expected = events[changed[-1] if changed else 0].position
            found = last_changed(events, facet)
            assert found == expected or (facet == STANDING and found > expected)
