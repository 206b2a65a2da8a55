"""What was written is taken back by new events, all of it or nothing, by whoever might do it by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mnemolog.api import Store
from mnemolog.domain.commands import Remember
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.grants import Effect, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Relation
from mnemolog.domain.permissions import Action
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import (
    CannotUndo,
    Denied,
    IdempotencyKeyReused,
    InvalidPosition,
    MemoryErased,
    MemoryExpired,
    MemoryIsFrozen,
    MemoryNotEditable,
    NotFound,
    Refusal,
)
from tests.integration.conftest import HandClock

QUESTION = "Where is the tea?"


@pytest.fixture
def store(tenant: Store) -> Store:
    return tenant


def grant(store: Store, who: UUID, *actions: Action, effect: Effect = Effect.PERMIT, memory: UUID | None = None) -> int:
    level, resource = store.grants.about(cube="main") if memory is None else store.grants.about(memory_id=memory)
    terms = Terms(effect=effect, subject_id=who, level=level, resource_id=resource, actions=frozenset(actions))
    return store.grants.issue(terms).position


def as_is(store: Store, memory_id: UUID) -> dict[str, Any]:
    """All that is said of a memory but how often it was changed, and when."""
    told = asdict(store.memories.get(memory_id))
    return {name: value for name, value in told.items() if name not in ("version", "position", "changed_at")}


def tea(store: Store, text: str = "Tea is in the blue tin.", **facts: Any) -> tuple[UUID, int]:
    written = store.memories.remember("main", Remember(text=text, **facts))
    return written.memory_ids[0], written.position


def blocked(refusal: pytest.ExceptionInfo[CannotUndo]) -> int | None:
    found: int | None = refusal.value.facts.get("position")
    return found


def test_a_revision_is_undone_and_so_is_the_undoing(store: Store) -> None:
    memory_id, _ = tea(store, key="drinks", priority=3)
    before = as_is(store, memory_id)
    revised = store.memories.revise(memory_id, "Tea is in the red tin.", key="cups", priority=9)
    after = as_is(store, memory_id)
    undone = store.time.undo(revised.position)
    assert as_is(store, memory_id) == before
    assert (undone.undone, undone.memory_ids) == ([revised.position], (memory_id,))
    assert [step.type for step in undone.steps] == ["memory.revised.v1"]
    again = store.time.undo(undone.position)
    assert as_is(store, memory_id) == after
    store.time.undo(again.position)
    assert as_is(store, memory_id) == before
    assert store.recall("main", QUESTION).hits[0].text == "Tea is in the blue tin."
    assert store.memories.history(memory_id)[-1].actor_id == store.caller.principal_id
    store.log.verify()


def test_everything_that_was_remembered_at_once_is_taken_back_at_once(store: Store) -> None:
    written = store.memories.remember("main", "Tea is in the tin.", "Jam is in the jar.")
    undone = store.time.undo(written.position - 2)
    assert len(undone.undone) == 4
    assert {store.memories.get(each).state for each in written.memory_ids} == {"archived"}
    assert store.recall("main", QUESTION).considered == 0
    store.time.undo(undone.position)
    assert store.recall("main", QUESTION).considered == 2


def test_what_was_written_at_the_same_moment_by_another_request_stays(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda n: store.memories.remember("main", f"Tin {n}."), range(24)))
    for each in written[::2]:
        undone = store.time.undo(each.position)
        assert undone.memory_ids == each.memory_ids
    states = [store.memories.get(each.memory_ids[0]).state for each in written]
    assert states == ["archived", "activated"] * 12


@pytest.mark.parametrize("change", ["retention", "link", "archive", "freeze", "hold"])
def test_every_change_by_hand_is_taken_back(store: Store, change: str) -> None:
    (memory_id, _), (other, _) = tea(store), tea(store, "Jam is in the jar.")
    before = as_is(store, memory_id)
    do = {
        "retention": lambda: store.memories.set_retention(memory_id, ttl=timedelta(days=1)),
        "link": lambda: store.memories.link(memory_id, other, Relation.SUPPORTS),
        "archive": lambda: store.memories.transition(memory_id, State.ARCHIVED),
        "freeze": lambda: store.memories.transition(memory_id, State.FROZEN),
        "hold": lambda: store.memories.transition(memory_id, State.FROZEN, legal_hold=True),
    }
    store.time.undo(do[change]().position)
    assert as_is(store, memory_id) == before
    assert store.memories.links(memory_id) == []


def test_a_link_that_was_taken_away_comes_back_with_its_weight(store: Store) -> None:
    (memory_id, _), (other, _) = tea(store), tea(store, "Jam is in the jar.")
    store.memories.link(memory_id, other, Relation.SUPPORTS, 0.5)
    taken = store.memories.unlink(memory_id, other, Relation.SUPPORTS)
    store.time.undo(taken.position)
    assert store.memories.links(memory_id) == [(other, Relation.SUPPORTS, 0.5)]


def test_a_merge_is_taken_back_and_made_again(store: Store, other: Store) -> None:
    parents = store.memories.remember("main", "Tea is in the tin.", "The tin is blue.").memory_ids
    reader = other.caller.principal_id
    grant(store, reader, Action.READ, effect=Effect.DENY, memory=parents[0])
    before = [as_is(store, each) for each in parents]
    merged = store.memories.merge(parents, "Tea is in the blue tin.")
    result = merged.memory_ids[0]
    undone = store.time.undo(merged.position - 1)
    assert [as_is(store, each) for each in parents] == before
    assert store.memories.get(result).state == "archived"
    denies = [each for each in store.grants.list(resource_id=result).items if each.effect == "deny"]
    assert len(denies) == 1  # whoever is denied a part must not be shown the archived whole
    store.time.undo(undone.position)
    assert store.memories.get(result).state == "activated"
    assert {store.memories.get(each).merged_into for each in parents} == {result}


def test_what_was_changed_again_stands_in_the_way_and_is_named(store: Store) -> None:
    memory_id, made = tea(store)
    first = store.memories.revise(memory_id, "Tea is in the red tin.")
    second = store.memories.revise(memory_id, "Tea is in the green tin.")
    head = store.log.head()
    for position in (made, first.position):
        with pytest.raises(CannotUndo) as refusal:
            store.time.undo(position)
        assert blocked(refusal) == second.position
    assert store.log.head() == head
    store.time.undo(second.position)
    store.time.undo(first.position)
    store.time.undo(made)
    assert store.memories.get(memory_id).state == "archived"


def test_another_field_does_not_stand_in_the_way(store: Store) -> None:
    memory_id, _ = tea(store)
    revised = store.memories.revise(memory_id, "Tea is in the red tin.")
    store.memories.revise(memory_id, priority=9)
    store.time.undo(revised.position)
    memory = store.memories.get(memory_id)
    assert (memory.text, memory.governance["priority"]) == ("Tea is in the blue tin.", 9)


def test_all_or_nothing_holds_for_several_memories_too(store: Store) -> None:
    written = store.memories.remember("main", "Tea is in the tin.", "Jam is in the jar.")
    revised = store.memories.revise(written.memory_ids[1], "Jam is gone.")
    with pytest.raises(CannotUndo) as refusal:
        store.time.undo(written.position)
    assert blocked(refusal) == revised.position
    assert store.memories.get(written.memory_ids[0]).state == "activated"


def test_the_state_of_a_memory_refuses_as_it_does_by_hand(store: Store) -> None:
    memory_id, _ = tea(store)
    revised = store.memories.revise(memory_id, "Tea is in the red tin.")
    frozen = store.memories.transition(memory_id, State.FROZEN)
    with pytest.raises(MemoryIsFrozen):
        store.time.undo(revised.position)
    store.time.undo(frozen.position)
    store.memories.transition(memory_id, State.ARCHIVED)
    with pytest.raises(MemoryNotEditable):
        store.time.undo(revised.position)


def test_a_dry_run_says_what_it_would_do_and_does_nothing(store: Store) -> None:
    memory_id, made = tea(store)
    head = store.log.head()
    told = store.time.undo(made, dry_run=True)
    assert (told.dry_run, told.memory_ids, told.position) == (True, (memory_id,), head)
    assert [step.type for step in told.steps] == ["memory.archived.v1"]
    assert store.memories.get(memory_id).state == "activated"


def test_a_retried_undo_is_answered_and_not_done_again(store: Store) -> None:
    memory_id, _ = tea(store)
    revised, key = store.memories.revise(memory_id, "Tea is in the red tin."), new_id()
    first = store.time.undo(revised.position, idempotency_key=key)
    again = store.time.undo(revised.position, idempotency_key=key)
    assert again.replayed
    assert (again.position, again.memory_ids, again.undone, again.steps) == (
        first.position,
        first.memory_ids,
        first.undone,
        first.steps,
    )
    with pytest.raises(IdempotencyKeyReused):
        store.time.undo(first.position, idempotency_key=key)


def test_a_grant_is_taken_back_and_given_again(store: Store, other: Store) -> None:
    memory_id, _ = tea(store)
    given = grant(store, other.caller.principal_id, Action.READ)
    taken = store.time.undo(given)
    with pytest.raises(Refusal):
        other.memories.get(memory_id)
    with pytest.raises(CannotUndo) as refusal:
        store.time.undo(given)
    assert blocked(refusal) == taken.position
    again = store.time.undo(taken.position)
    assert other.memories.get(memory_id).memory_id == memory_id
    with pytest.raises(CannotUndo) as refusal:
        store.time.undo(taken.position)
    assert blocked(refusal) == again.position


def test_the_rules_of_a_cube_come_back(store: Store) -> None:
    before = store.cubes.get("main")
    open_gate = store.cubes.configure("main", CubeConfig(gate=Gate.OPEN))
    undone = store.time.undo(open_gate.position)
    assert store.cubes.get("main").config == before.config
    with pytest.raises(CannotUndo) as refusal:
        store.time.undo(open_gate.position)
    assert blocked(refusal) == undone.position


@pytest.mark.parametrize("action", [Action.READ, Action.WRITE])
def test_nobody_undoes_what_it_could_not_do_by_hand(store: Store, other: Store, action: Action) -> None:
    memory_id, made = tea(store)
    given = grant(store, other.caller.principal_id, Action.READ, action)
    revised = store.memories.revise(memory_id, "Tea is in the red tin.").position
    configured = store.cubes.configure("main", CubeConfig(gate=Gate.OPEN)).position
    held = store.memories.transition(memory_id, State.FROZEN, legal_hold=True).position
    for position in (held, configured, given):
        with pytest.raises(Denied):
            other.time.undo(position)
    store.time.undo(held)
    if action is Action.READ:
        for position in (revised, made):
            with pytest.raises(Denied):
                other.time.undo(position)
    else:
        assert other.time.undo(revised).memory_ids == (memory_id,)


def test_what_is_hidden_looks_like_what_is_not_there(store: Store, other: Store) -> None:
    _, made = tea(store)
    founded = store.cubes.get("main").position
    for position in (1, founded, made):
        with pytest.raises(NotFound) as refusal:
            other.time.undo(position)
        assert str(refusal.value) == f"There is no such change at position: {position}"


def test_a_part_that_is_hidden_refuses_the_whole(store: Store, other: Store) -> None:
    written = store.memories.remember("main", "Tea is in the tin.", Remember(text="Mine.", access_control=()))
    grant(store, other.caller.principal_id, Action.READ, Action.WRITE)
    grant(store, other.caller.principal_id, Action.READ, effect=Effect.DENY, memory=written.memory_ids[1])
    with pytest.raises(Denied):
        other.time.undo(written.position - 3)
    with pytest.raises(NotFound):
        other.time.undo(written.position)


def test_what_no_event_takes_back_is_refused(store: Store, other: Store, hand_clock: HandClock) -> None:
    cube = store.cubes.found("pantry", CubeConfig(gate=Gate.CORROBORATION, corroborations=1))
    memory_id, made = tea(store)
    grant(store, other.caller.principal_id, Action.READ)
    corroborated = other.memories.corroborate(memory_id)
    registered = store.principals.register("a person", PrincipalKind.USER)
    for position in (corroborated.position, cube.position, registered.position):
        with pytest.raises(CannotUndo):
            store.time.undo(position)
    for position in (0, -1, 100_000):
        with pytest.raises(InvalidPosition):
            store.time.undo(position)
    lasting, _ = tea(store)
    revised = store.memories.revise(lasting, "Tea is in the red tin.")
    store.memories.set_retention(lasting, ttl=timedelta(hours=1))
    hand_clock.ahead = timedelta(hours=2)
    with pytest.raises(MemoryExpired):
        store.time.undo(revised.position)
    store.erasures.erase(memory=memory_id, basis="case 1")
    with pytest.raises(MemoryErased):
        store.time.undo(made)


def test_a_position_of_another_tenant_is_none(store: Store, installation: Store) -> None:
    other = installation.acting_as(installation.tenants.found("somebody else").key)
    _, made = tea(store)
    with pytest.raises(NotFound):
        other.time.undo(made)
    theirs = other.memories.remember("main", "Theirs.")
    with pytest.raises(NotFound):
        store.time.undo(theirs.position)


def test_a_deny_is_lifted_only_by_whoever_may(store: Store, other: Store) -> None:
    denied = grant(store, other.caller.principal_id, Action.READ, effect=Effect.DENY)
    with pytest.raises(NotFound):
        other.time.undo(denied)
    store.time.undo(denied)
    assert store.grants.list(subject_id=other.caller.principal_id).items == []


def test_the_rules_of_a_cube_are_changed_by_whoever_administers_it_alone(store: Store, other: Store) -> None:
    grant(store, other.caller.principal_id, Action.READ, Action.WRITE)
    with pytest.raises(Denied):
        other.cubes.configure("main", CubeConfig(gate=Gate.OPEN))
    grant(store, other.caller.principal_id, Action.ADMINISTER)
    assert other.cubes.configure("main", CubeConfig(gate=Gate.OPEN)).config["gate"] == "open"
