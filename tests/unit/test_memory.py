from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import RECALLABLE, Reason, State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Description, Source, Visibility
from mnemolog.domain.refusals import (
    CannotMerge,
    IllegalTransition,
    Invalid,
    InvalidMetadata,
    InvalidText,
    LegalHold,
    MemoryErased,
    MemoryExpired,
    MemoryIsFrozen,
    MemoryNotEditable,
    StaleVersion,
)
from tests.unit.examples import (
    ALICE,
    BOB,
    HOUR,
    NOW,
    OWNER,
    SESSIONS,
    SUBJECT,
    activated,
    facts_of,
    fold,
    frozen,
    generated,
    governance,
    in_state,
    names,
)

HERE, ELSEWHERE = SESSIONS


# -- how it begins


def test_a_new_memory_is_in_quarantine_and_trusted_as_its_source() -> None:
    memory = generated(source=Source.WEB)
    assert memory.state is State.GENERATED
    assert memory.standing.trust == 0.3
    assert (memory.parents, memory.links, memory.subject_ids) == ((), {}, (SUBJECT,))


@pytest.mark.parametrize("text", ["", " \n", "a\x00", "\udc00", "t" * 65_537])
def test_a_text_that_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(InvalidText, match="text cannot be stored"):
        generated(text)


@pytest.mark.parametrize("field", ["occurred_at", "expires_at"])
@pytest.mark.parametrize("moment", [NOW.replace(tzinfo=None), NOW.replace(year=1), NOW.replace(year=9999)], ids=str)
def test_a_moment_that_is_none_everywhere_is_refused(field: str, moment: Any) -> None:
    with pytest.raises(InvalidMetadata, match=f"^{field} is not acceptable"):
        generated(**{field: moment})


@pytest.mark.parametrize("state", State)
def test_a_memory_is_what_its_events_say(state: State) -> None:
    memory = in_state(state)
    assert facts_of(fold(memory.pending_events)) == facts_of(memory)


def test_a_change_can_be_bound_to_the_version_it_was_decided_on() -> None:
    memory = activated()
    memory.expect_version(None)
    memory.expect_version(2)
    with pytest.raises(StaleVersion, match="is at version 2, not 1"):
        memory.expect_version(1)


# -- when it is recalled


@pytest.mark.parametrize("state", State)
def test_only_memories_at_work_are_recalled_and_those_in_quarantine_in_their_session_alone(state: State) -> None:
    memory = in_state(state)
    assert memory.is_recallable(NOW) is (state in RECALLABLE)
    assert memory.is_recallable(NOW, HERE) is (state in RECALLABLE)
    quarantined = generated(session_id=HERE)
    assert [quarantined.is_recallable(NOW, s) for s in (HERE, ELSEWHERE, None)] == [True, False, False]


def test_a_memory_without_a_session_stays_in_quarantine_everywhere() -> None:
    assert not generated().is_recallable(NOW, HERE)
    assert not generated().is_recallable(NOW, None)


def test_a_memory_of_one_session_is_recalled_in_no_other() -> None:
    memory = activated(visibility=Visibility.SESSION, session_id=HERE)
    assert [memory.is_recallable(NOW, session) for session in (HERE, ELSEWHERE, None)] == [True, False, False]


@pytest.mark.parametrize("state", [State.ARCHIVED, State.ERASED, State.FROZEN])
def test_a_memory_of_one_session_that_left_work_is_not_recalled_in_it_either(state: State) -> None:
    memory = activated(visibility=Visibility.SESSION, session_id=HERE)
    memory.transition_state(state)
    assert memory.is_recallable(NOW, HERE) is (state is State.FROZEN)


@pytest.mark.parametrize("memory", [generated, activated])
def test_an_expired_memory_is_not_recalled_whatever_its_state_says(memory: Any) -> None:
    mortal = memory(expires_at=NOW + HOUR, session_id=HERE)
    assert mortal.is_recallable(NOW + HOUR - timedelta.resolution, HERE)
    assert not mortal.is_recallable(NOW + HOUR, HERE)


# -- how it is revised


def test_a_revision_keeps_what_it_does_not_name() -> None:
    memory = activated(description=Description(key="tea"), priority=7)
    assert memory.revise(NOW, text="Tea is in the red tin.")
    assert memory.text == "Tea is in the red tin."
    assert (memory.description.key, memory.governance.priority) == ("tea", 7)


def test_a_revision_that_changes_nothing_is_not_recorded() -> None:
    memory = activated()
    assert not memory.revise(NOW)
    assert not memory.revise(NOW, memory.text, memory.description, memory.governance)
    assert not memory.revise(NOW, governance=governance(owner_id=BOB, source=Source.WEB))
    assert names(memory) == ["generated", "activated"]


def test_no_revision_changes_who_owns_a_memory_where_it_came_from_or_its_session() -> None:
    memory = generated(source=Source.WEB, session_id=HERE)
    assert memory.revise(NOW, governance=governance(owner_id=BOB, source=Source.USER, session_id=ELSEWHERE, priority=9))
    label = memory.governance
    assert (label.owner_id, label.source, label.session_id, label.priority) == (OWNER, Source.WEB, HERE, 9)
    assert not memory.is_recallable(NOW, ELSEWHERE)


def test_a_memory_of_no_session_cannot_be_revised_into_one() -> None:
    memory = activated()
    with pytest.raises(InvalidMetadata, match="needs a session_id"):
        memory.revise(NOW, governance=governance(visibility=Visibility.SESSION, session_id=HERE))
    assert names(memory) == ["generated", "activated"]


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        (State.MERGED, MemoryNotEditable),
        (State.ARCHIVED, MemoryNotEditable),
        (State.FROZEN, MemoryIsFrozen),
        (State.ERASED, MemoryErased),
    ],
)
def test_only_a_memory_in_quarantine_or_at_work_can_be_revised(state: State, refusal: type[Exception]) -> None:
    memory = in_state(state)
    before = facts_of(memory)
    with pytest.raises(refusal):
        memory.revise(NOW, text="other")
    assert facts_of(memory) == before


def test_an_expired_memory_cannot_be_revised() -> None:
    memory = activated(expires_at=NOW)
    with pytest.raises(MemoryExpired, match="expired at 2025-03-14"):
        memory.revise(NOW, text="other")


# -- the steps of its life


@pytest.mark.parametrize("state", [each for each in State if each is not State.GENERATED])
def test_activating_lets_out_of_quarantine_and_is_no_way_to_restore_thaw_or_unmerge(state: State) -> None:
    memory = in_state(state)
    before = facts_of(memory)
    with pytest.raises(IllegalTransition, match=f"that is {state.value} cannot become activated"):
        memory.activate(gate="owner")
    assert facts_of(memory) == before


def test_a_step_records_what_the_log_must_know_about_it() -> None:
    memory = generated()
    memory.transition_state(State.ACTIVATED)
    memory.transition_state(State.ARCHIVED, Reason.CAPACITY)
    memory.transition_state(State.FROZEN, legal_hold=True)
    activation, archival, freeze = memory.pending_events[1:]
    assert vars(activation)["gate"] == "reviewer"
    assert vars(archival)["reason"] == "capacity"
    assert vars(freeze)["legal_hold"] is True


def test_every_way_back_to_work_has_a_name_of_its_own() -> None:
    for state, name in ((State.FROZEN, "thawed"), (State.ARCHIVED, "restored"), (State.MERGED, "unmerged")):
        memory = in_state(state)
        memory.transition_state(State.ACTIVATED)
        assert names(memory)[-1] == name


def test_a_memory_becomes_merged_by_merging_only() -> None:
    memory = activated()
    with pytest.raises(CannotMerge, match="by merging it with others"):
        memory.transition_state(State.MERGED)
    with pytest.raises(IllegalTransition):
        generated().transition_state(State.MERGED)
    assert memory.state is State.ACTIVATED


@pytest.mark.parametrize("by_way_of", [(), (State.ARCHIVED,), (State.ARCHIVED, State.FROZEN)])
def test_a_memory_back_at_work_is_bound_by_no_merge_whatever_way_it_took(by_way_of: tuple[State, ...]) -> None:
    memory = in_state(State.MERGED)
    for state in (*by_way_of, State.ACTIVATED):
        memory.transition_state(state)
    assert memory.links == {}


def test_a_memory_under_legal_hold_cannot_be_erased_until_it_is_thawed() -> None:
    memory = frozen(legal_hold=True)
    with pytest.raises(LegalHold, match="is under legal hold and cannot be erased"):
        memory.transition_state(State.ERASED)
    assert memory.state is State.FROZEN
    memory.transition_state(State.ACTIVATED)
    assert not memory.legal_hold
    memory.transition_state(State.ERASED)


def test_a_frozen_memory_without_legal_hold_can_be_erased() -> None:
    memory = frozen()
    memory.transition_state(State.ERASED)
    assert memory.state is State.ERASED


def test_an_erased_memory_holds_no_word_and_never_comes_back() -> None:
    memory = activated(description=Description(key="tea", tags=("home",)))
    memory.transition_state(State.ERASED)
    assert (memory.text, memory.description) == ("", Description())
    for state in State:
        with pytest.raises(IllegalTransition):
            memory.transition_state(state)


# -- how long it lives


def test_retention_is_recorded_when_it_changes() -> None:
    memory = activated()
    memory.set_retention(None)
    memory.set_retention(NOW + HOUR)
    memory.set_retention(NOW + HOUR)
    assert memory.expires_at == NOW + HOUR
    assert names(memory) == ["generated", "activated", "retention_set"]


def test_an_expired_memory_comes_back_only_by_a_retention_that_is_on_record() -> None:
    memory = activated(expires_at=NOW)
    memory.archive(Reason.EXPIRED)
    memory.transition_state(State.ACTIVATED)
    assert not memory.is_recallable(NOW)
    memory.set_retention(NOW + HOUR)
    assert memory.is_recallable(NOW)
    assert names(memory)[-3:] == ["archived", "restored", "retention_set"]


def test_a_frozen_memory_keeps_its_retention_and_its_links() -> None:
    memory, other = activated(), activated()
    memory.link(other, Relation.SUPPORTS)
    memory.freeze()
    before = facts_of(memory)
    with pytest.raises(MemoryIsFrozen):
        memory.set_retention(NOW + HOUR)
    with pytest.raises(MemoryIsFrozen):
        memory.link(other, Relation.CAUSES)
    with pytest.raises(MemoryIsFrozen):
        memory.unlink(other.id, Relation.SUPPORTS)
    assert facts_of(memory) == before


def test_a_retention_without_a_time_zone_is_refused_before_it_is_recorded() -> None:
    memory = activated()
    with pytest.raises(InvalidMetadata, match="no time zone"):
        memory.set_retention(NOW.replace(tzinfo=None))
    assert memory.expires_at is None


# -- who else says so


def test_a_corroboration_counts_once_for_each_person_who_is_not_the_writer() -> None:
    memory = generated()
    for person in (OWNER, ALICE, ALICE, BOB, OWNER):
        memory.corroborate(person)
    assert memory.corroborated_by == {ALICE, BOB}
    assert memory.standing.corroborations == 2
    assert names(memory) == ["generated", "corroborated", "corroborated"]


def test_each_corroboration_halves_the_distrust_that_is_left() -> None:
    memory = generated(source=Source.AGENT)
    memory.corroborate(ALICE)
    assert memory.standing.trust == pytest.approx(0.8)
    memory.corroborate(BOB)
    assert memory.standing.trust == pytest.approx(0.9)


# -- what it is linked to


def test_a_link_is_recorded_when_it_or_its_weight_changes() -> None:
    memory, other = activated(), activated()
    memory.link(other, Relation.CAUSES)
    memory.link(other, Relation.CAUSES)
    memory.link(other, Relation.CAUSES, 0.5)
    memory.link(other, Relation.SUPPORTS)
    assert memory.links == {(other.id, Relation.CAUSES): 0.5, (other.id, Relation.SUPPORTS): 1.0}
    assert names(memory)[2:] == ["linked", "linked", "linked"]


@pytest.mark.parametrize("weight", [0.0, -0.5, 1.0001, float("nan"), float("inf")])
def test_a_link_has_a_weight_above_nothing_and_at_most_one(weight: float) -> None:
    memory = activated()
    with pytest.raises(Invalid, match=r"a weight in \(0, 1\]"):
        memory.link(activated(), Relation.CAUSES, weight)
    assert memory.links == {}


def test_a_link_leads_to_another_memory_of_the_same_cube_and_tenant() -> None:
    memory = activated()
    for target in (memory, activated(cube_id=new_id()), activated(tenant_id=new_id())):
        with pytest.raises(Invalid, match="two different memories of one cube"):
            memory.link(target, Relation.RELATES_TO)
    assert memory.links == {}


def test_nothing_is_linked_to_or_from_an_erased_memory() -> None:
    erased, other = in_state(State.ERASED), activated()
    for memory, target in ((erased, other), (other, erased)):
        with pytest.raises(MemoryErased, match=str(erased.id)):
            memory.link(target, Relation.RELATES_TO)


def test_the_link_of_a_merge_is_made_and_undone_by_merging_only() -> None:
    memory = in_state(State.MERGED)
    ((target, relation),) = memory.links
    with pytest.raises(Invalid, match="merged_to"):
        activated().link(activated(), relation)
    with pytest.raises(Invalid, match="merged_to"):
        memory.unlink(target, relation)
    assert list(memory.links) == [(target, Relation.MERGED_TO)]


def test_a_link_that_is_taken_away_is_recorded_and_one_that_never_was_is_not() -> None:
    memory, other = activated(), activated()
    memory.link(other, Relation.CAUSES)
    memory.unlink(other.id, Relation.SUPPORTS)
    memory.unlink(other.id, Relation.CAUSES)
    memory.unlink(other.id, Relation.CAUSES)
    assert memory.links == {}
    assert names(memory)[2:] == ["linked", "unlinked"]


# -- after the end


def every_change(memory: Memory) -> list[Any]:
    other = activated()
    key: UUID = other.id
    return [
        lambda: memory.revise(NOW, text="other"),
        lambda: memory.corroborate(ALICE),
        lambda: memory.set_retention(NOW + HOUR),
        lambda: memory.link(other, Relation.CAUSES),
        lambda: memory.unlink(key, Relation.CAUSES),
        lambda: memory.activate(gate="owner"),
        lambda: memory.archive(Reason.MANUAL),
        lambda: memory.freeze(legal_hold=True),
        lambda: memory.merge_into(other),
    ]


def test_nothing_is_recorded_about_an_erased_memory() -> None:
    memory = in_state(State.ERASED)
    before = facts_of(memory)
    for change in every_change(memory):
        with pytest.raises((MemoryErased, IllegalTransition)):
            change()
    assert facts_of(memory) == before
    assert names(memory)[-1] == "erased"


def test_new_words_have_to_be_confirmed_anew() -> None:
    memory = generated()
    memory.corroborate(new_id())
    memory.revise(NOW, text="something that nobody else has said")
    assert (memory.standing.corroborations, memory.standing.trust) == (0, memory.first_trust)
    memory.corroborate(new_id())
    memory.revise(NOW, description=Description(key="the same words"))
    assert memory.standing.corroborations == 1
