from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Governance, MemoryType, Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.projections.scopes import PAST, Permitted, Scopes
from tests.histories import (
    ANN,
    BEN,
    CLEO,
    NOW,
    OTHER_TENANT,
    SESSIONS,
    SUBJECT,
    TENANT,
    History,
    begin,
    callers,
    histories,
    moments,
    shown_by_the_domain,
)

AS_ANN = Caller(ANN, TENANT, SUBJECT)
HOUR = timedelta(hours=1)


def folded(events: Sequence[Event]) -> Scopes:
    scopes = Scopes()
    scopes.apply(events, len(events))
    return scopes


def shown(permitted: Permitted) -> list[UUID]:
    return [permitted.memory_id(place) for place in range(len(permitted.positions))]


@settings(deadline=None)
@given(histories(), callers, moments, st.data())
def test_the_mask_permits_exactly_what_the_rules_of_the_domain_permit(
    history: History, caller: Caller, moment: datetime, data: st.DataObject
) -> None:
    at = data.draw(st.none() | st.integers(0, history.head))
    position = history.head if at is None else at
    scopes, states = folded(history.events), data.draw(st.frozensets(st.sampled_from(PAST)))
    for cube in history.cubes:
        permitted = scopes.permitted(cube.id, caller, moment, at, states=states)
        born = [m for m in history.memories if m.cube_id == cube.id and history.memory_at(m.id, position)]
        expected = shown_by_the_domain(history, cube, caller, moment, position, states)
        assert shown(permitted) == expected
        assert permitted.positions.tolist() == [history.text_position(each, position) for each in expected]
        assert len(permitted.mask) == len(born)
        assert sum(permitted.dropped.values()) == len(born) - len(expected)


@settings(deadline=None)
@given(histories(), st.data())
def test_the_digest_is_that_of_a_rebuild_however_the_events_came(history: History, data: st.DataObject) -> None:
    scopes, at = Scopes(), 0
    while at < history.head:
        upto = data.draw(st.integers(at + 1, history.head))
        scopes.apply(history.events[max(0, at - 1) : upto], upto)
        at = upto
        assert scopes.digest() == folded(history.events[:upto]).digest()
    assert scopes.digest() == folded(history.reread()).digest()


def remembered(
    history: History, *, active: bool = True, expires_in: timedelta | None = None, **labels: object
) -> Memory:
    governance = replace(Governance(owner_id=BEN), **labels)  # type: ignore[arg-type]
    memory = Memory.generate(
        tenant_id=TENANT,
        cube_id=history.cubes[0].id,
        subject_ids=(SUBJECT,),
        text="Tea is in the blue tin.",
        governance=governance,
        occurred_at=NOW,
        expires_at=None if expires_in is None else NOW + expires_in,
    )
    if active:
        memory.activate(gate="owner")
    history.save(memory)
    return memory


def test_every_drop_is_counted_under_the_first_reason_that_holds() -> None:
    history = begin()
    remembered(history)
    remembered(history, visibility=Visibility.PRIVATE)
    remembered(history, active=False)
    remembered(history, expires_in=HOUR)
    remembered(history, visibility=Visibility.SESSION, session_id=SESSIONS[0])
    remembered(history, memory_type=MemoryType.TOOL)
    for target in (State.ARCHIVED, State.ERASED):
        memory = remembered(history)
        memory.transition_state(target, Reason.MANUAL)
        history.save(memory)
    first, second = remembered(history), remembered(history)
    first.merge_into(second)
    history.save(first, second)
    cube_id = history.cubes[0].id
    permitted = folded(history.events).permitted(cube_id, AS_ANN, NOW + HOUR, None, [MemoryType.LONG_TERM])
    assert len(shown(permitted)) == 2
    # a private memory of another is not there; one of a session is not there for this caller's context either
    assert permitted.dropped == {
        "not_permitted": 2,
        "erased": 1,
        "archived": 1,
        "merged": 1,
        "expired": 1,
        "quarantined": 1,
        "other_type": 1,
    }


def test_the_writer_of_a_session_memory_does_not_recall_it_in_another_session() -> None:
    history = begin()
    remembered(history, visibility=Visibility.SESSION, session_id=SESSIONS[0])
    scopes, cube_id = folded(history.events), history.cubes[0].id
    there, elsewhere = (Caller(BEN, TENANT, SUBJECT, session_id=session) for session in SESSIONS)
    assert len(shown(scopes.permitted(cube_id, there, NOW))) == 1
    assert scopes.permitted(cube_id, elsewhere, NOW).dropped == {"other_session": 1}


def test_every_reader_who_is_named_sees_a_private_memory_and_no_other_does() -> None:
    history = begin()
    memory = remembered(history, visibility=Visibility.PRIVATE, access_control=(CLEO, UUID(int=98)))
    scopes, cube_id = folded(history.events), history.cubes[0].id
    for reader in (CLEO, UUID(int=98)):
        assert shown(scopes.permitted(cube_id, Caller(reader, TENANT, SUBJECT), NOW)) == [memory.id]
    assert shown(scopes.permitted(cube_id, AS_ANN, NOW)) == []


def test_quarantine_is_looked_into_by_its_cube_alone_even_in_the_same_session() -> None:
    history = begin()
    memory = remembered(history, active=False, visibility=Visibility.TENANT, session_id=SESSIONS[0])
    scopes, cube_id = folded(history.events), history.cubes[0].id
    owner, stranger = (Caller(who, TENANT, SUBJECT, session_id=SESSIONS[0]) for who in (ANN, CLEO))
    assert shown(scopes.permitted(cube_id, owner, NOW)) == [memory.id]
    assert scopes.permitted(cube_id, stranger, NOW).dropped == {"not_permitted": 1}


def test_what_was_in_quarantine_then_is_so_in_questions_about_then() -> None:
    history = begin()
    memory = remembered(history, active=False, visibility=Visibility.TENANT, session_id=SESSIONS[0])
    before = history.head
    memory.activate(gate="reviewer")
    history.save(memory)
    scopes, cube_id = folded(history.events), history.cubes[0].id
    stranger = Caller(CLEO, TENANT, SUBJECT, session_id=SESSIONS[0])
    assert scopes.permitted(cube_id, stranger, NOW, before).dropped == {"not_permitted": 1}
    assert shown(scopes.permitted(cube_id, stranger, NOW)) == [memory.id]


def test_what_was_bound_to_a_session_then_is_so_in_questions_about_then() -> None:
    history = begin()
    memory = remembered(history, visibility=Visibility.SESSION, session_id=SESSIONS[0])
    before = history.head
    memory.revise(NOW, governance=replace(memory.governance, visibility=Visibility.CUBE))
    history.save(memory)
    scopes, cube_id = folded(history.events), history.cubes[0].id
    assert scopes.permitted(cube_id, AS_ANN, NOW, before).dropped == {"other_session": 1}
    assert shown(scopes.permitted(cube_id, AS_ANN, NOW)) == [memory.id]


def test_whoever_lost_the_right_to_see_a_memory_no_longer_sees_it_in_the_past() -> None:
    history = begin()
    memory = remembered(history)
    before = history.head
    memory.revise(NOW, governance=replace(memory.governance, visibility=Visibility.PRIVATE))
    history.save(memory)
    scopes, cube_id = folded(history.events), history.cubes[0].id
    assert scopes.permitted(cube_id, AS_ANN, NOW, before).dropped == {"not_permitted": 1}
    assert shown(scopes.permitted(cube_id, Caller(BEN, TENANT, SUBJECT), NOW, before)) == [memory.id]


def test_what_is_erased_is_gone_from_the_past_and_what_is_archived_is_not() -> None:
    history = begin()
    erased, archived = remembered(history), remembered(history)
    before = history.head
    erased.transition_state(State.ERASED)
    archived.archive(Reason.MANUAL)
    history.save(erased, archived)
    permitted = folded(history.events).permitted(history.cubes[0].id, AS_ANN, NOW, before)
    assert shown(permitted) == [archived.id]
    assert permitted.dropped == {"erased": 1}


@pytest.mark.parametrize("expires_in", [timedelta(microseconds=1), HOUR])
def test_a_memory_expires_at_its_moment_without_any_event(expires_in: timedelta) -> None:
    history = begin()
    remembered(history, expires_in=expires_in)
    scopes, cube_id = folded(history.events), history.cubes[0].id
    last = NOW + expires_in - timedelta(microseconds=1)
    assert len(shown(scopes.permitted(cube_id, AS_ANN, last))) == 1
    assert scopes.permitted(cube_id, AS_ANN, NOW + expires_in).dropped == {"expired": 1}


@pytest.mark.parametrize("state", PAST)
def test_what_is_past_is_shown_where_it_is_asked_for_until_it_expires(state: State) -> None:
    history = begin()
    memory, other = remembered(history, expires_in=HOUR), remembered(history)
    before = history.head
    if state is State.MERGED:
        memory.merge_into(other)
    else:
        memory.archive(Reason.MANUAL)
    history.save(memory)
    scopes, cube_id = folded(history.events), history.cubes[0].id
    assert scopes.permitted(cube_id, AS_ANN, NOW).dropped == {state.value: 1}
    assert shown(scopes.permitted(cube_id, AS_ANN, NOW, states=PAST)) == [memory.id, other.id]
    assert scopes.permitted(cube_id, AS_ANN, NOW, states=set(PAST) - {state}).dropped == {state.value: 1}
    assert scopes.permitted(cube_id, AS_ANN, NOW + HOUR, states=PAST).dropped == {"expired": 1}
    assert scopes.permitted(cube_id, AS_ANN, NOW + HOUR, before, states=PAST).dropped == {"expired": 1}


@pytest.mark.parametrize("state", [State.GENERATED, State.ERASED])
def test_neither_quarantine_nor_erasure_is_lifted_by_asking_for_it(state: State) -> None:
    history = begin()
    memory = remembered(history, active=False)
    if state is State.ERASED:
        memory.transition_state(state)
        history.save(memory)
    permitted = folded(history.events).permitted(history.cubes[0].id, AS_ANN, NOW, states=[*PAST, state])
    assert shown(permitted) == []


def test_a_cube_that_was_never_founded_shows_nothing() -> None:
    history = begin()
    remembered(history)
    orphans = folded([event for event in history.events if event.type != "cube.founded.v1"])
    assert orphans.permitted(history.cubes[0].id, Caller(BEN, TENANT, SUBJECT), NOW).dropped == {"not_permitted": 1}
    assert len(orphans.permitted(UUID(int=404), AS_ANN, NOW).mask) == 0


def test_a_memory_of_another_tenant_is_not_shown_in_whatever_cube_it_lies() -> None:
    history = begin()
    remembered(history, visibility=Visibility.TENANT)
    strange = [replace(e, tenant_id=OTHER_TENANT) if e.memory_id else e for e in history.events]
    scopes, cube_id = folded(strange), history.cubes[0].id
    for tenant in (TENANT, OTHER_TENANT):
        caller = Caller(BEN, tenant, SUBJECT, administrator=True)
        assert scopes.permitted(cube_id, caller, NOW).dropped == {"not_permitted": 1}


def test_an_event_that_cannot_be_read_leaves_the_view_as_it_was() -> None:
    history = begin()
    remembered(history)
    scopes = folded(history.events)
    before = scopes.digest()
    broken = replace(
        history.events[-2], position=history.head + 1, data={"expires_at": None, "governance": {"owner_id": "?"}}
    )
    with pytest.raises(ValueError, match="badly formed"):
        scopes.apply([broken], broken.position)
    assert (scopes.digest(), scopes.position) == (before, history.head)
