"""Random lives of a few memories of one cube: whatever is asked of them, the rules hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from eventsourcing.domain import CanMutateAggregate
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from mnemolog.domain.lifecycle import EDITABLE, Reason, State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.metadata import Description, Governance
from mnemolog.domain.refusals import (
    CannotMerge,
    IllegalTransition,
    Invalid,
    LegalHold,
    MemoryErased,
    MemoryExpired,
    MemoryIsFrozen,
    MemoryNotEditable,
    Refusal,
)
from mnemolog.domain.retention import LATEST, expiry
from tests.unit.examples import CUBE, NOW, OWNER, SUBJECT, TENANT, descriptions, facts_of, fold, governances, people
from tests.unit.test_lifecycle import written

STEPS = {pair for pair, name in written().items() if name != "-"}
hours = st.none() | st.integers(-1, 48).map(lambda n: timedelta(hours=n))
texts = st.sampled_from(("tea", "sugar", " ", "a\x00b"))


class Lives(RuleBasedStateMachine):
    memories: Bundle[Memory] = Bundle("memories")

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.all: dict[object, Memory] = {}

    def attempt(self, ask: Callable[[], object], *concerned: Memory) -> Refusal | None:
        """The refusal of `ask`, which then has changed nothing and recorded nothing, of anything."""
        before = [(facts_of(memory), list(memory.pending_events)) for memory in self.all.values()]
        try:
            ask()
        except Refusal as refusal:
            assert [(facts_of(memory), memory.pending_events) for memory in self.all.values()] == before
            return refusal
        untouched = [memory for memory in self.all.values() if memory not in concerned]
        assert all((facts_of(memory), memory.pending_events) in before for memory in untouched)
        return None

    def expected_change(self, memory: Memory) -> type[Refusal] | None:
        if memory.state is State.ERASED:
            return MemoryErased
        return MemoryIsFrozen if memory.state is State.FROZEN else None

    def expired(self, memory: Memory) -> bool:
        return memory.expires_at is not None and memory.expires_at <= self.now

    def keep(self, memory: Memory) -> Memory:
        self.all[memory.id] = memory
        return memory

    @initialize(target=memories)
    def two_to_begin_with(self) -> Any:
        return multiple(*(self.keep(self.made(Governance(owner_id=OWNER))) for _ in range(2)))

    def made(self, label: Governance, description: Description = Description(), **facts: Any) -> Memory:
        return Memory.generate(
            tenant_id=TENANT,
            cube_id=CUBE,
            subject_ids=(SUBJECT,),
            text="tea",
            governance=label,
            description=description,
            occurred_at=self.now,
            **facts,
        )

    @rule(target=memories, label=governances(), description=descriptions, ttl=hours)
    def remember(self, label: Governance, description: Description, ttl: timedelta | None) -> Any:
        try:
            return self.keep(self.made(label, description, expires_at=expiry(self.now, ttl)))
        except Invalid:
            assert ttl is not None
            assert ttl <= timedelta(0)
            return multiple()

    @rule(passed=st.integers(1, 20).map(lambda n: timedelta(hours=n)))
    def time_passes(self, passed: timedelta) -> None:
        self.now += passed

    @rule(memory=memories, goal=st.sampled_from(State), reason=st.sampled_from(Reason), hold=st.booleans())
    def transition(self, memory: Memory, goal: State, reason: Reason, hold: bool) -> None:
        state, held, version = memory.state, memory.legal_hold, memory.version
        refusal = self.attempt(lambda: memory.transition_state(goal, reason, legal_hold=hold), memory)
        if goal is State.ERASED and held:
            assert isinstance(refusal, LegalHold)
        elif (state, goal) not in STEPS:
            assert isinstance(refusal, IllegalTransition)
        elif goal is State.MERGED:
            assert isinstance(refusal, CannotMerge)
        else:
            assert refusal is None
            assert (memory.state, memory.version) == (goal, version + 1)
            assert memory.legal_hold == (hold and goal is State.FROZEN)

    @rule(memory=memories)
    def activate(self, memory: Memory) -> None:
        quarantined = memory.state is State.GENERATED
        refusal = self.attempt(lambda: memory.activate(gate="owner"), memory)
        assert (refusal is None) == quarantined
        assert refusal is None or isinstance(refusal, IllegalTransition)

    @rule(
        memory=memories, text=st.none() | texts, description=st.none() | descriptions, label=st.none() | governances()
    )
    def revise(
        self, memory: Memory, text: str | None, description: Description | None, label: Governance | None
    ) -> None:
        fixed = (memory.governance.owner_id, memory.governance.source, memory.governance.session_id)
        refusal = self.attempt(lambda: memory.revise(self.now, text, description, label), memory)
        expected = self.expected_change(memory)
        if expected is None and memory.state not in EDITABLE:
            expected = MemoryNotEditable
        elif expected is None and self.expired(memory):
            expected = MemoryExpired
        if expected is not None:
            assert type(refusal) is expected
        else:
            assert refusal is None or isinstance(refusal, Invalid)
        assert (memory.governance.owner_id, memory.governance.source, memory.governance.session_id) == fixed

    @rule(memory=memories, person=people)
    def corroborate(self, memory: Memory, person: Any) -> None:
        before, known = memory.standing, memory.corroborated_by | {memory.governance.owner_id}
        refusal = self.attempt(lambda: memory.corroborate(person), memory)
        assert (refusal is not None) == (memory.state is State.ERASED)
        counts = refusal is None and person not in known
        assert memory.standing == (before.corroborated() if counts else before)

    @rule(memory=memories, ttl=hours)
    def retain(self, memory: Memory, ttl: timedelta | None) -> None:
        moment = None if ttl is None else self.now + ttl
        refusal = self.attempt(lambda: memory.set_retention(moment), memory)
        assert (type(refusal) if refusal else None) is self.expected_change(memory)
        assert refusal is not None or memory.expires_at == moment

    @rule(
        memory=memories,
        other=memories,
        relation=st.sampled_from(Relation),
        weight=st.sampled_from((0.0, 0.25, 1.0, 2.0, float("nan"))),
    )
    def link(self, memory: Memory, other: Memory, relation: Relation, weight: float) -> None:
        refusal = self.attempt(lambda: memory.link(other, relation, weight), memory)
        well_asked = memory is not other and relation is not Relation.MERGED_TO and 0 < weight <= 1
        possible = self.expected_change(memory) is None and other.state is not State.ERASED
        assert (refusal is None) == (well_asked and possible)
        assert refusal is not None or memory.links[other.id, relation] == weight

    @rule(memory=memories, other=memories, relation=st.sampled_from(Relation))
    def unlink(self, memory: Memory, other: Memory, relation: Relation) -> None:
        refusal = self.attempt(lambda: memory.unlink(other.id, relation), memory)
        assert (refusal is None) == (self.expected_change(memory) is None and relation is not Relation.MERGED_TO)
        assert refusal is not None or (other.id, relation) not in memory.links

    @rule(target=memories, parents=st.lists(memories, max_size=3).map(tuple), text=texts)
    def merge(self, parents: tuple[Memory, ...], text: str) -> Any:
        made: list[Memory] = []
        refusal = self.attempt(lambda: made.append(merge(parents, text, OWNER, self.now)), *parents)
        if refusal is not None:
            assert isinstance(refusal, CannotMerge | IllegalTransition | MemoryExpired | Invalid)
            return multiple()
        (result,) = made
        assert len(set(map(id, parents))) == len(parents) >= 2
        assert {parent.state for parent in parents} == {State.MERGED}
        assert result.standing.trust == min(parent.standing.trust for parent in parents)
        assert all((result.expires_at or LATEST) <= (parent.expires_at or LATEST) for parent in parents)
        return self.keep(result)

    @rule(result=memories)
    def retract(self, result: Memory) -> None:
        parents = tuple(self.all[parent] for parent in result.parents)
        bound = [parent for parent in parents if parent.state is State.MERGED]
        bound = [parent for parent in bound if (result.id, Relation.MERGED_TO) in parent.links]
        if self.attempt(lambda: retract_merge(result, parents), result, *parents) is None:
            assert result.state is State.ARCHIVED
            assert {parent.state for parent in bound} <= {State.ACTIVATED}

    @invariant()
    def the_events_say_all_there_is(self) -> None:
        for memory in self.all.values():
            assert facts_of(fold(memory.pending_events)) == facts_of(memory)
            assert memory.version == len(memory.pending_events)
            assert all(isinstance(event, CanMutateAggregate) for event in memory.pending_events)

    @invariant()
    def a_memory_is_merged_into_one_other_at_most_and_into_none_while_at_work(self) -> None:
        for memory in self.all.values():
            into = [target for target, relation in memory.links if relation is Relation.MERGED_TO]
            assert len(into) <= (memory.state not in EDITABLE)
            assert memory.state is not State.MERGED or len(into) == 1

    @invariant()
    def only_frozen_memories_are_held_and_erased_ones_are_empty(self) -> None:
        for memory in self.all.values():
            assert not memory.legal_hold or memory.state is State.FROZEN
            assert (memory.text == "") == (memory.state is State.ERASED)
            assert 0 <= memory.standing.trust <= 1

    @invariant()
    def what_is_recalled_is_alive_and_at_work_or_in_its_own_session(self) -> None:
        for memory in self.all.values():
            session = memory.governance.session_id
            if memory.is_recallable(self.now, session):
                assert not self.expired(memory)
                assert memory.state in (State.GENERATED, State.ACTIVATED, State.FROZEN)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
