"""What changed between two moments, who put what there, and what happened in a cube: for whoever may see it now."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.api import Store
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Effect, Terms
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Relation
from mnemolog.domain.permissions import Action
from mnemolog.domain.refusals import (
    CubeNotFound,
    Denied,
    Invalid,
    InvalidCursor,
    InvalidPosition,
    MemoryErased,
    MemoryExpired,
    MemoryNotFound,
)
from tests.integration.conftest import HandClock


@pytest.fixture
def store(tenant: Store) -> Store:
    return tenant


def grant(store: Store, who: UUID, effect: Effect = Effect.PERMIT, memory: UUID | None = None) -> int:
    level, resource = store.grants.about(cube="main") if memory is None else store.grants.about(memory_id=memory)
    terms = Terms(effect=effect, subject_id=who, level=level, resource_id=resource, actions=frozenset({Action.READ}))
    return store.grants.issue(terms, "because").position


def remembered(store: Store, *items: Remember | str) -> tuple[UUID, int]:
    written = store.memories.remember("main", *items)
    return written.memory_ids[0], written.position


def test_a_diff_has_the_words_the_fields_the_links_and_the_readers(store: Store, other: Store) -> None:
    memory_id, made = remembered(store, Remember(text="Tea is in the blue tin.", tags=("tea",)))
    jam, _ = remembered(store, "Jam is in the jar.")
    store.memories.revise(memory_id, "Tea is in the red tin.", tags=("tea", "red"), priority=9)
    store.memories.link(memory_id, jam, Relation.SUPPORTS, 0.5)
    store.memories.transition(memory_id, State.FROZEN)
    given = grant(store, other.caller.principal_id)
    told = store.time.diff(memory_id, made)
    assert [(each.kind, each.text) for each in told.text] == [
        ("kept", "Tea is in the "),
        ("gone", "blue"),
        ("new", "red"),
        ("kept", " tin."),
    ]
    assert told.rewritten
    changes = {name: (change.before, change.after) for name, change in told.fields.items()}
    assert changes == {"tags": (("tea",), ("tea", "red")), "state": ("activated", "frozen"), "priority": (5, 9)}
    (link,) = told.links
    assert (link.target_id, link.relation, link.before, link.after) == (jam, "supports", None, 0.5)
    assert told.readers is not None
    assert (told.readers.gained, told.readers.lost) == ([other.caller.principal_id], [])
    assert told.readers.before == [store.caller.principal_id]
    unchanged = store.time.diff(memory_id, given - 1, given - 1)
    assert (unchanged.rewritten, unchanged.fields, unchanged.links) == (False, {}, [])
    back = store.time.diff(memory_id, given - 1, given)
    assert back.readers is not None
    assert back.readers.gained == [other.caller.principal_id]


def test_readers_are_told_to_whoever_may_ask_what_others_may_do(store: Store, other: Store) -> None:
    memory_id, made = remembered(store, "Tea is in the tin.")
    grant(store, other.caller.principal_id)
    assert other.time.diff(memory_id, made).readers is None


def test_a_link_to_what_is_hidden_is_hidden(store: Store, other: Store) -> None:
    memory_id, made = remembered(store, "Tea is in the tin.")
    jam, _ = remembered(store, "Jam is in the jar.")
    store.memories.link(memory_id, jam)
    grant(store, other.caller.principal_id)
    grant(store, other.caller.principal_id, Effect.DENY, jam)
    assert other.time.diff(memory_id, made).links == []
    assert other.time.blame(memory_id).links == []
    linked = [each for each in other.time.timeline("main").items if each.type == "memory.linked.v1"]
    assert [each.facts for each in linked] == [{"relation": "relates_to", "weight": 1.0}]


def test_a_diff_goes_forward_within_the_life_of_a_memory(store: Store) -> None:
    before = store.log.head()
    memory_id, made = remembered(store, "Tea is in the tin.")
    store.memories.revise(memory_id, "Tea is out.")
    with pytest.raises(Invalid):
        store.time.diff(memory_id, made + 1, made)
    with pytest.raises(InvalidPosition):
        store.time.diff(memory_id, made, 100_000)
    with pytest.raises(InvalidPosition):
        store.time.diff(memory_id, -1)
    with pytest.raises(MemoryNotFound):
        store.time.diff(memory_id, before)


def test_blame_says_who_put_each_word_and_each_field_there(store: Store, other: Store) -> None:
    memory_id, made = remembered(store, "Tea is in the blue tin.")
    level, resource = store.grants.about(cube="main")
    actions = frozenset({Action.READ, Action.WRITE})
    who = other.caller.principal_id
    store.grants.issue(Terms(effect=Effect.PERMIT, subject_id=who, level=level, resource_id=resource, actions=actions))
    revised = other.memories.revise(memory_id, "Tea is in the red tin.", priority=9)
    told = store.time.blame(memory_id)
    assert [(part.text, part.position) for part in told.text] == [
        ("Tea is in the ", made - 1),
        ("red", revised.position),
        (" tin.", made - 1),
    ]
    assert told.fields["priority"].position == revised.position
    assert told.fields["state"].position == made
    actors = {event.position: event.actor_id for event in told.events}
    assert actors == {made - 1: store.caller.principal_id, made: store.caller.principal_id, revised.position: who}
    then = store.time.blame(memory_id, at=made)
    assert [(part.text, part.position) for part in then.text] == [("Tea is in the blue tin.", made - 1)]


def test_what_is_gone_or_hidden_is_refused_as_everywhere(store: Store, other: Store, hand_clock: HandClock) -> None:
    memory_id, made = remembered(store, "Tea is in the tin.")
    cube = other.cubes.found("notes")
    lasting = other.memories.remember(cube.cube_id, Remember(text="Tea is out.", ttl=timedelta(hours=1)))
    for ask in (lambda each: other.time.diff(each, made), other.time.blame):
        with pytest.raises(MemoryNotFound):
            ask(memory_id)
    hand_clock.ahead = timedelta(hours=2)
    (expired,) = lasting.memory_ids
    for ask in (lambda each: other.time.diff(each, lasting.position), other.time.blame):
        with pytest.raises(MemoryExpired):
            ask(expired)
    assert other.time.timeline(cube.cube_id).items[0].type == "cube.founded.v1"
    assert len(other.time.timeline(cube.cube_id).items) == 1
    store.erasures.erase(memory=memory_id, basis="case 1")
    for ask in (lambda each: store.time.diff(each, made), store.time.blame):
        with pytest.raises(MemoryErased):
            ask(memory_id)


def test_a_timeline_is_read_a_page_at_a_time(store: Store) -> None:
    first = store.log.head()
    memories = [remembered(store, f"Tin {number}.")[0] for number in range(3)]
    store.memories.transition(memories[0], State.ARCHIVED)
    whole = store.time.timeline("main", since=first)
    assert [each.type.split(".")[1] for each in whole.items] == ["generated", "activated"] * 3 + ["archived"]
    assert whole.items[-1].facts == {"reason": "manual"}
    assert {each.text for each in whole.items} == {"Tin 0.", "Tin 1.", "Tin 2."}
    assert {each.actor_id for each in whole.items} == {store.caller.principal_id}
    pages, cursor = [], None
    while True:
        page = store.time.timeline("main", since=first, limit=3, cursor=cursor)
        pages.append([each.position for each in page.items])
        cursor = page.next
        if cursor is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [position for page in pages for position in page] == [each.position for each in whole.items]
    until = store.time.timeline("main", since=first, until=first + 2)
    assert [each.position for each in until.items] == [first + 1, first + 2]
    with pytest.raises(InvalidCursor):
        store.time.timeline("main", cursor=store.time.timeline("main", since=first, limit=1).next)


def test_a_timeline_shows_what_may_be_read_now_and_grants_where_they_are_asked_for(store: Store, other: Store) -> None:
    hidden, _ = remembered(store, "The code is 1234.")
    shown, _ = remembered(store, "Tea is in the tin.")
    given = grant(store, other.caller.principal_id)
    denied = grant(store, other.caller.principal_id, Effect.DENY, hidden)
    assert {each.memory_id for each in other.time.timeline("main").items} == {None, shown}
    with pytest.raises(Denied):
        other.time.timeline("main", grants=True)
    asked = {each.position: each for each in store.time.timeline("main", grants=True).items}
    assert asked[given].facts == {
        "granted_by": str(store.caller.principal_id),
        "effect": "permit",
        "subject_id": str(other.caller.principal_id),
        "level": "cube",
        "actions": ["read"],
    }
    assert (asked[denied].memory_id, asked[denied].text) == (hidden, "The code is 1234.")
    assert not [each for each in store.time.timeline("main").items if each.type.startswith("grant")]
    with pytest.raises(CubeNotFound):
        other.time.timeline(store.cubes.found("pantry").cube_id)


def test_what_was_told_is_on_record(store: Store) -> None:
    memory_id, made = remembered(store, "Tea is in the tin.")
    store.time.diff(memory_id, made)
    store.time.blame(memory_id)
    store.time.timeline("main")
    store.time.undo(made, dry_run=True)
    kinds = {entry.kind for entry in store.audit(AccessFilter(memory_id=memory_id)).items}
    assert {"diff", "blame", "timeline", "undo"} <= kinds
