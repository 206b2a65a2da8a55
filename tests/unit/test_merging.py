from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.metadata import MAX_TAGS, Description, Source
from mnemolog.domain.refusals import (
    CannotMerge,
    IllegalTransition,
    InvalidMetadata,
    InvalidText,
    MemoryExpired,
    Refusal,
)
from tests.unit.examples import ALICE, BOB, HOUR, NOW, OWNER, activated, facts_of, fold, frozen, generated, names


def merged(*parents: Memory, **options: Any) -> Memory:
    return merge(parents, "Tea is in the blue tin, sugar in the red one.", OWNER, NOW, **options)


def test_a_merge_is_one_activated_memory_and_its_parents_point_to_it() -> None:
    parents = activated(), activated()
    result = merged(*parents)
    assert result.state is State.ACTIVATED
    assert result.parents == tuple(parent.id for parent in parents)
    assert result.governance.source is Source.MERGE
    for parent in parents:
        assert parent.state is State.MERGED
        assert parent.links == {(result.id, Relation.MERGED_TO): 1.0}


def test_a_merge_is_sealed_under_the_keys_of_all_whom_it_is_about_and_each_of_them_can_erase_it() -> None:
    result = merged(activated(subject_ids=(BOB,)), activated(subject_ids=(ALICE, BOB)))
    assert result.subject_ids == (ALICE, BOB)


def test_a_merge_lives_as_long_as_its_shortest_lived_parent() -> None:
    result = merged(activated(expires_at=NOW + 2 * HOUR), activated(expires_at=NOW + HOUR), activated())
    assert result.expires_at == NOW + HOUR
    assert merged(activated(), activated()).expires_at is None


def test_a_merge_is_trusted_as_its_least_trusted_parent_and_happened_when_the_last_one_did() -> None:
    rumour = activated(source=Source.WEB, occurred_at=NOW - HOUR)
    result = merged(activated(), rumour)
    assert result.standing == rumour.standing
    assert result.occurred_at == NOW


def test_a_merge_is_told_by_the_tags_and_sources_of_all_its_parents() -> None:
    first = activated(description=Description(tags=("tea", "home"), sources=("letter",), key="tin"))
    second = activated(description=Description(tags=("home", "sugar")))
    assert merged(first, second).description == Description(tags=("tea", "home", "sugar"), sources=("letter",))
    own = Description(key="kitchen")
    assert merged(activated(), activated(), description=own).description == own


def test_a_merge_keeps_as_many_tags_as_a_memory_may_have() -> None:
    parents = [activated(description=Description(tags=tuple(f"{n}-{tag}" for tag in range(MAX_TAGS)))) for n in (1, 2)]
    assert len(merged(*parents).description.tags) == MAX_TAGS


def twice() -> tuple[Memory, ...]:
    return (activated(),) * 2


def of_two_cubes() -> tuple[Memory, ...]:
    return activated(), activated(cube_id=new_id())


def of_two_tenants() -> tuple[Memory, ...]:
    return activated(), activated(tenant_id=new_id())


def with_an_expired_one() -> tuple[Memory, ...]:
    return activated(), activated(expires_at=NOW)


def with_one_in_quarantine() -> tuple[Memory, ...]:
    return activated(), generated()


def with_a_frozen_one() -> tuple[Memory, ...]:
    return activated(), frozen()


def with_no_common_purpose() -> tuple[Memory, ...]:
    return activated(purposes=("care",)), activated(purposes=("billing",))


@pytest.mark.parametrize(
    ("parents", "refusal"),
    [
        (tuple, CannotMerge),
        (lambda: (activated(),), CannotMerge),
        (twice, CannotMerge),
        (of_two_cubes, CannotMerge),
        (of_two_tenants, CannotMerge),
        (with_an_expired_one, MemoryExpired),
        (with_one_in_quarantine, IllegalTransition),
        (with_a_frozen_one, IllegalTransition),
        (with_no_common_purpose, InvalidMetadata),
    ],
)
def test_a_merge_that_is_refused_leaves_every_parent_as_it_was(
    parents: Callable[[], tuple[Memory, ...]], refusal: type[Refusal]
) -> None:
    chosen = parents()
    before = [facts_of(parent) for parent in chosen]
    with pytest.raises(refusal):
        merged(*chosen)
    assert [facts_of(parent) for parent in chosen] == before


def test_a_merge_with_a_text_that_cannot_be_stored_leaves_every_parent_as_it_was() -> None:
    parents = activated(), activated()
    with pytest.raises(InvalidText):
        merge(parents, " ", OWNER, NOW)
    assert [names(parent) for parent in parents] == [["generated", "activated"]] * 2


def test_retracting_a_merge_brings_its_parents_back_and_archives_the_result() -> None:
    parents = activated(), activated()
    before = [parent.text for parent in parents]
    result = merged(*parents)
    retract_merge(result, parents)
    assert result.state is State.ARCHIVED
    assert names(result)[-1] == "archived"
    for parent, text in zip(parents, before, strict=True):
        assert (parent.state, parent.text, parent.links) == (State.ACTIVATED, text, {})
        assert names(parent)[-1] == "unmerged"
        assert facts_of(fold(parent.pending_events)) == facts_of(parent)


def test_retracting_leaves_alone_what_has_gone_its_own_way_since() -> None:
    archived, erased, staying = activated(), activated(), activated()
    result = merged(archived, erased, staying)
    archived.archive(Reason.MANUAL)
    erased.transition_state(State.ERASED)
    retract_merge(result, (archived, erased, staying))
    assert [m.state for m in (archived, erased, staying)] == [State.ARCHIVED, State.ERASED, State.ACTIVATED]


def test_retracting_an_old_merge_does_not_take_a_parent_out_of_a_newer_one() -> None:
    wanderer = activated()
    old = merged(wanderer, activated())
    wanderer.archive(Reason.MANUAL)
    wanderer.transition_state(State.ACTIVATED)
    new = merged(wanderer, activated())
    retract_merge(old, (wanderer,))
    assert wanderer.state is State.MERGED
    assert wanderer.links == {(new.id, Relation.MERGED_TO): 1.0}


def test_a_memory_that_no_merge_made_cannot_be_retracted() -> None:
    memory = activated()
    with pytest.raises(CannotMerge, match="not the result of a merge"):
        retract_merge(memory, ())
    assert memory.state is State.ACTIVATED


def test_a_result_that_was_merged_again_is_retracted_from_the_outside_in() -> None:
    parents = activated(), activated()
    inner = merged(*parents)
    outer = merged(inner, activated())
    with pytest.raises(CannotMerge, match="retract that merge first"):
        retract_merge(inner, parents)
    retract_merge(outer, (inner,))
    retract_merge(inner, parents)
    assert [parent.state for parent in parents] == [State.ACTIVATED] * 2


@pytest.mark.parametrize("state", [State.FROZEN, State.ARCHIVED, State.ERASED])
def test_a_result_that_cannot_be_archived_keeps_its_parents_merged(state: State) -> None:
    parents = activated(), activated()
    result = merged(*parents)
    result.transition_state(state)
    with pytest.raises(IllegalTransition):
        retract_merge(result, parents)
    assert [parent.state for parent in parents] == [State.MERGED] * 2


def test_a_parent_may_be_merged_until_the_moment_it_expires() -> None:
    last_moment = activated(expires_at=NOW + timedelta.resolution)
    assert merged(last_moment, activated()).expires_at == NOW + timedelta.resolution
