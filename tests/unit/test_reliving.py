"""A life that is lived again elsewhere comes to the same, and an impossible one is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.domain import memory as memories
from mnemolog.domain.aggregate import Root
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.foreign_facts import IMPOSSIBLE
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge
from mnemolog.domain.metadata import TRUST, Source, Visibility
from mnemolog.domain.reliving import RELIVED, Heard, Named, Reception, Reliving, cube_as_told
from tests.factories import NOW, House
from tests.histories import ANN, PEOPLE, SUBJECT, History, as_read, histories

CUBE, TENANT, OWNER, HERE = (UUID(int=number) for number in range(101, 105))
BELIEVED = Reception(
    tenant_id=TENANT,
    cube_id=CUBE,
    subject_id=HERE,
    owner_id=OWNER,
    own_source=Source.USER,
    most_trust=1.0,
    sets_legal_holds=True,
    principals=frozenset(PEOPLE),
    subjects=frozenset({SUBJECT}),
)
STRANGER = replace(BELIEVED, principals=frozenset(), subjects=frozenset(), sets_legal_holds=False)
DOUBTED = replace(STRANGER, most_trust=TRUST[Source.IMPORT], quarantined=True)


def heard_of(event: Event) -> Heard:
    return Heard(event.position, event.stream_id, event.type, event.data)


def relived(events: Iterable[Event], terms: Reception) -> Reliving:
    reliving = Reliving(terms)
    for event in events:
        reliving.hear(heard_of(event))
    reliving.end()
    return reliving


def recorded(life: Root) -> list[Root.Event]:
    return [cast(Root.Event, event) for event in life.collect_events()]


def told(*lives: Memory) -> list[Event]:
    """In the order of the lives."""
    return [as_read(event, place) for place, event in enumerate([e for m in lives for e in recorded(m)], 1)]


def of_first_cube(history: History) -> tuple[list[Event], dict[UUID, Memory], frozenset[UUID]]:
    """Events and memories of a cube, and which of them are erased."""
    cube_id = history.cubes[0].id
    lives = {each.id: each for each in history.memories if each.cube_id == cube_id}
    gone = frozenset(each.id for each in lives.values() if each.state is State.ERASED)
    return [event for event in history.events if event.memory_id in lives], lives, gone


def again(lives: Reliving) -> dict[UUID, Memory]:
    """The memories that come of the new events alone, by their old ids."""
    folded: dict[UUID, Memory | None] = {}
    for event in lives.events:
        folded[event.originator_id] = event.mutate(folded.get(event.originator_id))  # type: ignore[attr-defined]
    new = {old: folded[memory.id] for old, memory in lives.memories.items()}
    return {old: memory for old, memory in new.items() if memory is not None}


def facts(memory: Memory, ids: dict[UUID, UUID]) -> dict[str, Any]:
    named = {(ids[target], relation): weight for (target, relation), weight in memory.links.items() if target in ids}
    return {
        "text": memory.text,
        "description": memory.description,
        "governance": memory.governance,
        "state": memory.state,
        "trust": memory.standing,
        "occurred_at": memory.occurred_at,
        "expires_at": memory.expires_at,
        "legal_hold": memory.legal_hold,
        "subjects": memory.subject_ids,
        "links": named,
        "parents": {ids[parent] for parent in memory.parents if parent in ids},
    }


@settings(max_examples=60)
@given(histories())
def test_where_everybody_is_known_and_all_is_believed_nothing_changes_but_ids(history: History) -> None:
    events, lives, gone = of_first_cube(history)
    reliving = relived(events, replace(BELIEVED, doomed=gone))
    ids = {old: memory.id for old, memory in reliving.memories.items()}
    same = {new: new for new in ids.values()}
    merged_away = {
        old for old in ids if any(into in gone for into, how in lives[old].links if how is Relation.MERGED_TO)
    }
    for old, memory in again(reliving).items():
        if old not in merged_away:
            assert facts(memory, same) == facts(lives[old], ids)
        assert (memory.tenant_id, memory.cube_id) == (TENANT, CUBE)


@settings(max_examples=60)
@given(histories())
def test_events_come_in_the_order_in_which_they_were(history: History) -> None:
    events, _, gone = of_first_cube(history)
    reliving = relived(events, replace(BELIEVED, doomed=gone))
    made = [e.originator_id for e in reliving.events if isinstance(e, Memory.Generated)]
    assert made == [memory.id for memory in reliving.memories.values()]
    versions: Counter[UUID] = Counter()
    for event in reliving.events:
        versions[event.originator_id] += 1
        assert event.originator_version == versions[event.originator_id]


@settings(max_examples=60)
@given(histories())
def test_what_is_doubted_is_in_quarantine_with_the_trust_of_an_import_and_widens_nothing(history: History) -> None:
    events, lives, gone = of_first_cube(history)
    reliving = relived(events, replace(DOUBTED, doomed=gone))
    for old, memory in again(reliving).items():
        before = lives[old]
        assert memory.state is (State.ARCHIVED if before.state in (State.ARCHIVED, State.MERGED) else State.GENERATED)
        assert memory.standing.trust <= TRUST[Source.IMPORT]
        assert (memory.governance.source, memory.governance.owner_id) == (Source.IMPORT, OWNER)
        assert (memory.governance.session_id, memory.governance.access_control) == (None, ())
        assert not memory.legal_hold
        assert memory.subject_ids == (HERE,)
        assert memory.governance.sensitivity == before.governance.sensitivity
        assert set(memory.governance.purposes) == set(before.governance.purposes)


@settings(max_examples=60)
@given(histories())
def test_a_stranger_owns_what_it_loads_and_shares_it_with_nobody_who_is_unknown(history: History) -> None:
    events, lives, gone = of_first_cube(history)
    reliving = relived(events, replace(STRANGER, doomed=gone))
    for old, memory in again(reliving).items():
        assert (memory.governance.owner_id, memory.governance.access_control) == (OWNER, ())
        assert memory.standing == lives[old].standing
        assert not memory.legal_hold


@given(histories(), st.data())
def test_a_history_with_a_hole_is_lived_by_the_rules_or_refused(history: History, data: st.DataObject) -> None:
    events, _, gone = of_first_cube(history)
    if not events:
        return
    missing = data.draw(st.integers(0, len(events) - 1))
    try:
        relived([*events[:missing], *events[missing + 1 :]], replace(BELIEVED, doomed=gone))
    except IMPOSSIBLE:
        return


def test_every_event_of_a_memory_is_known_but_the_one_after_which_there_is_none() -> None:
    assert memories.EVENTS.keys() - {Memory.Erased.TOPIC} == RELIVED


def test_trust_that_exceeds_the_word_of_who_loads_it_is_lowered_to_it() -> None:
    agent = replace(STRANGER, own_source=Source.AGENT, most_trust=TRUST[Source.AGENT])
    said = House().activated()
    said.corroborate(ANN)
    reliving = relived(told(said), agent)
    (memory,) = again(reliving).values()
    assert (memory.standing.trust, memory.governance.source) == (TRUST[Source.AGENT], Source.AGENT)
    assert reliving.left_out["corroborations"] == 1


def test_a_merge_is_trusted_no_more_than_the_word_of_who_loads_it() -> None:
    house = House()
    one, other = house.activated(), house.activated()
    result = merge((one, other), "Both.", house.owner_id, NOW)
    agent = replace(STRANGER, own_source=Source.AGENT, most_trust=TRUST[Source.AGENT], doomed=frozenset({one.id}))
    lives = again(relived(told(result, other), agent))
    assert (lives[result.id].governance.source, lives[result.id].standing.trust) == (Source.MERGE, TRUST[Source.AGENT])


def test_a_memory_that_was_merged_into_one_that_did_not_come_along_is_archived_as_superseded() -> None:
    house = House()
    one, other = house.activated(), house.activated()
    result = merge((one, other), "Both.", house.owner_id, NOW)
    one.transition_state(State.ACTIVATED)
    reliving = relived(told(one, other, result), replace(STRANGER, doomed=frozenset({result.id})))
    first, second = again(reliving).values()
    assert (first.state, second.state) == (State.ACTIVATED, State.ARCHIVED)
    assert reliving.left_out["merges"] == 2


def test_parents_and_links_that_did_not_come_along_are_counted() -> None:
    house = House()
    one, other = house.activated(), house.activated()
    one.link(other, Relation.SUPPORTS)
    result = merge((one, other), "Both.", house.owner_id, NOW)
    reliving = relived(told(one, other, result), replace(STRANGER, doomed=frozenset({other.id})))
    assert (reliving.left_out["links"], reliving.left_out["parents"]) == (1, 1)
    assert reliving.memories[result.id].parents == (reliving.memories[one.id].id,)


def test_a_session_of_somewhere_else_is_nobodys_here() -> None:
    said = House().activated(visibility=Visibility.SESSION, session_id=UUID(int=7))
    (alone,) = again(relived(told(said), DOUBTED)).values()
    assert (alone.governance.visibility, alone.governance.session_id) == (Visibility.PRIVATE, None)


def nested(depth: int) -> list[Any]:
    outermost: list[Any] = []
    for _ in range(depth):
        outermost = [outermost]
    return outermost


CHANGES: list[dict[str, Any]] = [
    {"text": ""},
    {"text": 7},
    {"text": "a\x00b"},
    {"text": "x" * 70_000},
    {"description": {"tags": "tea"}},
    {"description": {"mood": "good"}},
    {"description": {"key": 7}},
    {"description": None},
    {"trust": 1.5},
    {"trust": -0.1},
    {"trust": float("nan")},
    {"trust": True},
    {"trust": "0.9"},
    {"occurred_at": "2026-01-01T00:00:00"},
    {"occurred_at": "9999-12-31T23:59:59+00:00"},
    {"occurred_at": None},
    {"expires_at": 7},
    {"parents": "none"},
    {"parents": None},
    {"subject_ids": ["nobody"]},
    {"governance": {"owner_id": str(ANN), "priority": 5.5}},
    {"governance": {"owner_id": str(ANN), "priority": 10}},
    {"governance": {"owner_id": str(ANN), "confidence": 2}},
    {"governance": {"owner_id": str(ANN), "purposes": "care"}},
    {"governance": {"owner_id": str(ANN), "wish": "more"}},
    {"governance": {"owner_id": "ann"}},
    {"governance": []},
    {"governance": {"owner_id": str(ANN), "purposes": nested(20_000)}},
    {"description": nested(20_000)},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("terms", [BELIEVED, DOUBTED], ids=["believed", "doubted"])
def test_what_no_store_could_have_written_is_refused(change: dict[str, Any], terms: Reception) -> None:
    (event, *_) = told(House().generated())
    forged = replace(event, data={**event.data, **change})
    with pytest.raises(IMPOSSIBLE):
        relived([forged], terms)


def test_a_memory_begins_once() -> None:
    (event,) = told(House().generated())
    with pytest.raises(ValueError, match="begins twice"):
        relived([event, replace(event, position=2, version=2)], BELIEVED)


def test_who_is_not_believed_does_not_open_the_gate() -> None:
    said = CubeConfig(gate=Gate.OPEN, corroborations=1, default_ttl_seconds=60.0)
    assert DOUBTED.config(said) == CubeConfig(default_ttl_seconds=60.0)
    assert STRANGER.config(said) == said


def test_steps_that_the_life_cycle_lacks_are_refused() -> None:
    life = House().activated()
    life.freeze()
    events = told(life)
    for wrong in ([events[0], events[2]], [*events, events[1]], [*events, replace(events[2], type="memory.erased.v1")]):
        with pytest.raises(IMPOSSIBLE):
            relived(wrong, BELIEVED)


def test_a_cube_is_what_it_was_last_configured_to_be() -> None:
    cube = House().cube()
    cube.configure(CubeConfig(gate=Gate.OPEN))
    events = [heard_of(as_read(event, place)) for place, event in enumerate(recorded(cube), 1)]
    assert cube_as_told(events) == ("kitchen", CubeConfig(gate=Gate.OPEN))
    with pytest.raises(ValueError, match="never founded"):
        cube_as_told(events[1:])
    with pytest.raises(IMPOSSIBLE):
        cube_as_told([replace(events[0], data={**events[0].data, "name": "../kitchen"})])
    with pytest.raises(IMPOSSIBLE):
        cube_as_told([replace(events[0], data={**events[0].data, "config": {"corroborations": 2.5}})])


def test_what_an_older_release_did_not_say_has_its_default() -> None:
    (event,) = recorded(House().cube())
    heard = heard_of(as_read(event, 1))
    old = {name: value for name, value in heard.data["config"].items() if name not in ("models", "corroborations")}
    assert cube_as_told([replace(heard, data={**heard.data, "config": old})]) == ("kitchen", CubeConfig())


def test_everybody_whom_memories_name_is_found() -> None:
    house = House()
    events = told(house.generated(access_control=(ANN,)), house.generated())
    named = Named.by(map(heard_of, events))
    assert named.principals == {house.owner_id, ANN}
    assert set(named.subjects.values()) == {frozenset({house.owner_id})}
