"""Copies are what their originals were, in the order of these, and lead to each other as these did."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.compensation import merged_into
from mnemolog.domain.cube import Cube
from mnemolog.domain.forking import Copies, Original, copies, denies_of_copies
from mnemolog.domain.grants import Effect, Level, Terms
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.policy import Policy, Rule
from tests.factories import House
from tests.histories import ANN, SUBJECT, TENANT, History, as_read, histories


def original(history: History, memory_id: UUID, position: int) -> Original | None:
    memory = history.memory_at(memory_id, position)
    if memory is None or memory.cube_id != history.cubes[0].id:
        return None
    events = [event for event in history.events[:position] if event.memory_id == memory_id]
    reasons = [Reason(event.data["reason"]) for event in events if event.type == Memory.Archived.TOPIC]
    return Original(
        memory_id=memory_id,
        subject_ids=memory.subject_ids,
        text=memory.text,
        description=memory.description,
        governance=memory.governance,
        trust=memory.first_trust,
        occurred_at=memory.occurred_at,
        expires_at=memory.expires_at,
        parents=memory.parents,
        state=memory.state,
        merged_into=merged_into(memory),
        born_at=events[0].position,
        worded_at=history.text_position(memory_id, position),
        reason=reasons[-1] if reasons else Reason.MANUAL,
        witnesses=memory.corroborated_by,
        links={link: weight for link, weight in memory.links.items() if link[1] is not Relation.MERGED_TO},
    )


def forked(originals: list[Original]) -> tuple[Copies, dict[UUID, Memory], list[Event]]:
    """The copies as their events make them, and these events as they are read."""
    cube = Cube.found(tenant_id=TENANT, name="fork", owner_id=ANN, subject_id=SUBJECT)
    made = copies(originals, cube)
    folded: dict[UUID, Any] = {}
    events = list(made.staged.collect_events())
    for event in events:
        folded[event.originator_id] = event.mutate(folded.get(event.originator_id))  # type: ignore[attr-defined]
    read = [as_read(event, number) for number, event in enumerate(events, 1)]  # type: ignore[arg-type]
    return made, folded, read


@given(histories(max_steps=20, erasures=False), st.data())
def test_a_copy_says_what_its_original_said(history: History, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, history.head))
    found = [original(history, memory.id, position) for memory in history.memories]
    originals = [each for each in found if each is not None]
    made, folded, _ = forked(originals)
    assert made.ids.keys() == {each.memory_id for each in originals}
    for each in originals:
        copy, former = folded[made.ids[each.memory_id]], history.memory_at(each.memory_id, position)
        assert former is not None
        assert (copy.text, copy.description, copy.governance) == (former.text, former.description, former.governance)
        assert (copy.standing, copy.corroborated_by) == (former.standing, former.corroborated_by)
        assert (copy.state, copy.expires_at, copy.occurred_at) == (former.state, former.expires_at, former.occurred_at)
        assert (copy.subject_ids, copy.copied_from, copy.legal_hold) == (former.subject_ids, former.id, False)
        assert copy.parents == tuple(made.ids[parent] for parent in former.parents)
        assert copy.links == {(made.ids[target], kind): weight for (target, kind), weight in former.links.items()}


@given(histories(max_steps=20, erasures=False))
def test_copies_are_born_and_worded_in_the_order_of_their_originals(history: History) -> None:
    found = [original(history, memory.id, history.head) for memory in history.memories]
    originals = [each for each in found if each is not None]
    made, _, events = forked(originals)
    born = [event.stream_id for event in events if event.type == Memory.Generated.TOPIC]
    assert born == [made.ids[each.memory_id] for each in sorted(originals, key=lambda each: each.born_at)]
    told = (Memory.Generated.TOPIC, Memory.Revised.TOPIC)
    worded = dict.fromkeys(event.stream_id for event in reversed(events) if event.type in told)
    by_wording = sorted(originals, key=lambda each: each.worded_at)
    assert list(worded)[::-1] == [made.ids[each.memory_id] for each in by_wording]


@given(histories(max_steps=20, erasures=False), st.data())
def test_what_is_left_out_is_led_to_by_nothing(history: History, data: st.DataObject) -> None:
    found = [original(history, memory.id, history.head) for memory in history.memories]
    originals = [each for each in found if each is not None and data.draw(st.booleans())]
    made, folded, _ = forked(originals)
    for each in originals:
        copy = folded[made.ids[each.memory_id]]
        assert {target for target, _ in copy.links} | set(copy.parents) <= set(made.ids.values())
        if each.state is State.MERGED and each.merged_into not in made.ids:
            assert copy.state is State.ARCHIVED
        else:
            assert copy.state is each.state


def test_denies_of_the_cube_and_of_its_memories_are_those_of_the_copies() -> None:
    house = House()
    memory, cube = house.activated(), house.cube()

    def rule(effect: Effect, level: Level, resource_id: UUID) -> Rule:
        actions = frozenset({Action.READ})
        terms = Terms(effect=effect, subject_id=ANN, level=level, resource_id=resource_id, actions=actions)
        return Rule(house.owner_id, terms, house.owner_id, house.cube_id)

    rules = (
        rule(Effect.DENY, Level.MEMORY, memory.id),
        rule(Effect.DENY, Level.CUBE, house.cube_id),
        rule(Effect.DENY, Level.TENANT, house.tenant_id),
        rule(Effect.PERMIT, Level.CUBE, house.cube_id),
        rule(Effect.DENY, Level.MEMORY, house.owner_id),
    )
    caller = Caller(house.owner_id, house.tenant_id, house.owner_id)
    copy = house.activated()
    made = denies_of_copies(Policy(house.tenant_id, 1, rules), caller, {memory.id: copy.id}, house.cube_id, cube)
    assert [(each.terms.effect, each.terms.resource_id, each.cube_id) for each in made] == [
        (Effect.DENY, copy.id, cube.id),
        (Effect.DENY, cube.id, cube.id),
    ]
