"""What is left after a principal's writing has been taken back, whatever had happened before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.lineage import Derivation
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.refusals import Refusal
from mnemolog.domain.retraction import Finding, Outcome
from mnemolog.domain.taking_back import Deeds, Revised, Revision, Situation, judged, take_back
from tests.unit.examples import ALICE, BOB, CAROL, NOW, OWNER, TENANT, fold, generated

MALLORY = CAROL
PEOPLE = (ALICE, BOB, MALLORY)
LIVE = (State.GENERATED, State.ACTIVATED)
POISON = re.compile(r"poison(\d+)")


@dataclass(repr=False)
class World:
    """Memories, and the log of who did what to them. Whatever Mallory writes has the position in it."""

    memories: list[Memory] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lives: dict[UUID, list[Memory.Event]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What happened to which memory, in order; Mallory's in capitals."""
        numbers = {memory.id: number for number, memory in enumerate(self.memories)}
        told = []
        for each in self.events:
            others = [UUID(other) for other in (each.data["target_id"], *each.data["parents"]) if other]
            name = each.type.split(".")[1]
            name = name.upper() if each.actor_id == MALLORY else name
            told.append(f"{each.position} {name} {numbers[each.stream_id]} {[numbers[other] for other in others]}")
        return "; ".join(told)

    def wording(self, actor: UUID, text: str = "") -> str:
        return f"{text} poison{len(self.events) + 1}" if actor == MALLORY else f"{text} word"

    def save(self, actor: UUID, *memories: Memory) -> None:
        for memory in memories:
            for happened in memory.collect_events():
                assert isinstance(happened, Memory.Event)
                self.lives.setdefault(memory.id, []).append(happened)
                self.events.append(self._recorded(actor, happened))

    def _recorded(self, actor: UUID, happened: Memory.Event) -> Event:
        data = {name: value for name, value in vars(happened).items() if name in ("relation", "gate")}
        data |= {"target_id": str(getattr(happened, "target_id", ""))}
        data |= {"parents": [str(each) for each in getattr(happened, "parents", ())]}
        memory_id, version = happened.originator_id, happened.originator_version
        place = len(self.events) + 1
        return Event(place, memory_id, version, happened.TOPIC, TENANT, NOW, NOW, data, None, memory_id, actor)

    def derivations(self) -> list[Derivation]:
        """Of the links, those that are still there."""
        links = {(memory.id, target) for memory in self.memories for target, kind in memory.links if kind == DERIVED}
        found = []
        for each in self.events:
            found += [Derivation(each.stream_id, UUID(p), "merged_to", each.position) for p in each.data["parents"]]
            if each.type == Memory.Unlinked.TOPIC:
                ended = (each.stream_id, UUID(each.data["target_id"]), each.data["relation"])
                found = [known for known in found if known[:3] != ended]
            if each.type == Memory.Linked.TOPIC and (each.stream_id, UUID(each.data["target_id"])) in links:
                found.append(Derivation(each.stream_id, UUID(each.data["target_id"]), DERIVED.value, each.position))
        return found


DERIVED, MERGED = Relation.DERIVED_FROM, Relation.MERGED_TO
Step = Callable[[World, UUID, Memory, Memory], Iterable[Memory]]


def remember(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    memory = generated(world.wording(actor), owner_id=actor)
    memory.activate("open")
    world.memories.append(memory)
    return (memory,)


def revise(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    one.revise(NOW, world.wording(actor, one.text))
    return (one,)


def put_together(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    result = merge((one, other), world.wording(actor, one.text + other.text), OWNER, NOW)
    world.memories.append(result)
    return result, one, other


def take_apart(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    parents = tuple(each for each in world.memories if each.id in one.parents)
    retract_merge(one, parents)
    return one, *parents


def link(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    one.link(other, DERIVED, 0.5 if (other.id, DERIVED) in one.links else 1.0)
    return (one,)


def unlink(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    one.unlink(other.id, DERIVED)
    return (one,)


def archive(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    one.archive(Reason.MANUAL)
    return (one,)


def work(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    one.transition_state(State.ACTIVATED)
    return (one,)


def freeze(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    one.freeze()
    return (one,)


def erase(world: World, actor: UUID, one: Memory, other: Memory) -> Iterable[Memory]:
    one.transition_state(State.ERASED)
    return (one,)


STEPS: tuple[Step, ...] = (remember, revise, put_together, take_apart, link, unlink, archive, work, freeze, erase)
OFTEN: tuple[Step, ...] = (remember, remember, revise, put_together, put_together, link, *STEPS)
step = st.tuples(st.sampled_from(OFTEN), st.sampled_from(PEOPLE), st.integers(0, 99), st.integers(0, 99))


def go_on(world: World, steps: Iterable[tuple[Step, UUID, int, int]]) -> None:
    for do, actor, one, other in steps:
        count = len(world.memories)
        with suppress(Refusal):
            world.save(actor, *do(world, actor, world.memories[one % count], world.memories[other % count]))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    for _ in range(3):
        world.save(ALICE, *remember(world, ALICE, generated(), generated()))
    go_on(world, draw(st.lists(step, min_size=12, max_size=30)))
    return world


def deeds_of(world: World, after: int, upto: int) -> Deeds:
    return Deeds([e for e in world.events if e.actor_id == MALLORY and after < e.position <= upto])


def situation(world: World, deeds: Deeds) -> Situation:
    made, own = world.derivations(), deeds.positions

    def derived(memory_ids: Sequence[UUID]) -> list[Derivation]:
        return [each for each in made if each.parent_id in memory_ids]

    def judge(memory_id: UUID) -> Revised:
        found = [e for e in world.events if e.type == Memory.Revised.TOPIC and e.stream_id == memory_id]
        since = [e for e in found if e.position >= deeds.revised[memory_id]]
        revisions = [Revision(e.position, e.version, e.position in own) for e in since]
        return judged(revisions, lambda version: fold(world.lives[memory_id][:version]))

    revised = {memory_id: judge(memory_id) for memory_id in deeds.revised}
    return Situation(
        influence=deeds.influence(derived, revised),
        memories={memory.id: memory for memory in world.memories if memory.state is not State.ERASED},
        revised=revised,
        confirmed={each[:2] for each in made if each.relation == DERIVED and each.position not in own},
        grants={},
        now=NOW,
    )


def is_poisoned(memory: Memory, deeds: Deeds) -> bool:
    """Whether its text has something that was written in the range. It was written into an event of the range, or into
    the first of several that were appended together.
    """
    return any(int(found) in deeds.positions for found in POISON.findall(memory.text))


def linked_to_poison(world: World, deeds: Deeds) -> set[UUID]:
    """What others linked to something that had poison in its text just then, or was linked so itself."""
    found: dict[UUID, int] = {}
    links = [e for e in world.derivations() if e.relation == DERIVED and e.position not in deeds.positions]
    for _ in links:
        for child, parent, _, position in links:
            linked = position >= found.get(parent, position + 1)
            inside = [e for e in world.derivations() if e.relation != DERIVED and e.child_id == parent]
            linked = linked or any(found.get(e.parent_id, e.position + 1) <= e.position for e in inside)
            if linked or has_poison_at(world, deeds, parent, position):
                found[child] = min(position, found.get(child, position))
    made = [e for e in world.derivations() if e.relation != DERIVED]
    for _ in made:
        for child, parent, _, position in made:
            if position >= found.get(parent, position + 1):
                found[child] = position
    return set(found)


def has_poison_at(world: World, deeds: Deeds, memory_id: UUID, position: int) -> bool:
    versions = [e.version for e in world.events if e.stream_id == memory_id and e.position <= position]
    return is_poisoned(fold(world.lives[memory_id][: max(versions)]), deeds)


def check_taking_back(world: World, deeds: Deeds) -> list[Finding]:
    """That nothing live has anything of it afterwards, and that everything else is as it was."""
    found, linked = situation(world, deeds), linked_to_poison(world, deeds)
    before = {
        each.id: (each.state, each.text, {at for at, kind in each.links if kind == MERGED}) for each in world.memories
    }
    findings = take_back(deeds, found)
    changed = {each.id for each in findings if each.outcome not in (Outcome.HELD, Outcome.LEFT)}
    archived = {each.id for each in findings if each.outcome == Outcome.ARCHIVED}
    for memory in world.memories:
        assert bool(memory.pending_events) == (memory.id in changed)
        if memory.state in LIVE:
            assert not is_poisoned(memory, deeds)
            assert memory.id not in linked
        state, text, into = before[memory.id]
        if not any(int(place) in deeds.positions for place in POISON.findall(text)) and memory.id not in linked:
            assert memory.text == text
            freed = state is State.MERGED and bool(into & archived)
            assert memory.state is (State.ACTIVATED if freed else state)
        if state in (State.FROZEN, State.ERASED, State.ARCHIVED):
            assert (memory.state, memory.text) == (state, text)
    return findings


@settings(max_examples=200)
@given(worlds(), st.integers(0, 12), st.integers(20, 80))
def test_nothing_that_is_live_has_anything_of_it_and_everything_else_is_unchanged(
    world: World, after: int, upto: int
) -> None:
    check_taking_back(world, deeds_of(world, after, upto))


@settings(max_examples=200)
@given(worlds(), st.integers(0, 12), st.lists(step, min_size=5, max_size=10))
def test_after_a_retraction_everybody_goes_on_and_the_next_one_takes_back_what_is_new(
    world: World, after: int, later: list[tuple[Step, UUID, int, int]]
) -> None:
    check_taking_back(world, deeds_of(world, after, len(world.events)))
    world.save(BOB, *world.memories)
    go_on(world, later)
    check_taking_back(world, deeds_of(world, after, len(world.events)))


@settings(max_examples=100)
@given(worlds(), st.integers(0, 12))
def test_every_frozen_one_that_should_have_changed_is_listed(world: World, after: int) -> None:
    deeds = deeds_of(world, after, len(world.events))
    poisoned = {each.id for each in world.memories if each.state is State.FROZEN and is_poisoned(each, deeds)}
    findings = take_back(deeds, situation(world, deeds))
    assert poisoned <= {each.id for each in findings if each.outcome == Outcome.HELD}


@settings(max_examples=100)
@given(worlds(), st.integers(0, 12))
def test_what_was_taken_back_is_taken_back_once(world: World, after: int) -> None:
    deeds = deeds_of(world, after, len(world.events))
    take_back(deeds, situation(world, deeds))
    world.save(ALICE, *world.memories)
    again = take_back(deeds, situation(world, deeds))
    assert {each.outcome for each in again} <= {Outcome.LEFT, Outcome.HELD}
    assert not [memory for memory in world.memories if memory.pending_events]


def test_a_finding_is_the_same_after_it_was_written_down() -> None:
    finding = Finding("memory", ALICE, Outcome.ARCHIVED.value, "written")
    assert Finding.from_json(finding.to_json()) == finding
