from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.lineage import Derivation, Walk, ascend, child_of, descend, parent_of
from mnemolog.domain.log import Event
from mnemolog.projections.lineage import DerivationRow, fold
from tests.unit.examples import NOW, TENANT

ids = st.integers(1, 8).map(lambda number: UUID(int=number))
derivations = st.lists(
    st.builds(Derivation, ids, ids, st.sampled_from(("merged_to", "derived_from")), st.integers(1, 9))
)


class Book:
    def __init__(self, derivations: Sequence[Derivation]) -> None:
        self.derivations = derivations

    def derived(self, memory_ids: Sequence[UUID]) -> list[Derivation]:
        return [each for each in self.derivations if each.parent_id in memory_ids]

    def origins(self, memory_ids: Sequence[UUID]) -> list[Derivation]:
        return [each for each in self.derivations if each.child_id in memory_ids]


def contains(derivations: Sequence[Derivation], start: UUID, since: int) -> dict[UUID, int]:
    """Since when each contains something of the start: one derivation after the other, until nothing changes."""
    found = {start: since}
    for _ in derivations:
        for child, parent, _, position in derivations:
            if parent in found and position >= found[parent] and position < found.get(child, position + 1):
                found[child] = position
    return found


@given(derivations, ids, st.integers(0, 9))
def test_everything_is_reached_that_was_made_from_the_start_since_then(
    made: list[Derivation], start: UUID, since: int
) -> None:
    walk = descend({start: since}, Book(made).derived)
    assert walk.since == contains(made, start, since)
    assert walk.complete


@given(derivations, ids)
def test_every_way_leads_from_the_start_step_by_step(made: list[Derivation], start: UUID) -> None:
    for walk, near, far in (
        (descend({start: 0}, Book(made).derived), parent_of, child_of),
        (ascend([start], Book(made).origins), child_of, parent_of),
    ):
        for memory_id in walk.over.keys() - {start}:
            path = walk.path(memory_id, near, {start})
            assert near(path[0]) == start
            assert far(path[-1]) == memory_id
            assert [far(step) for step in path[:-1]] == [near(step) for step in path[1:]]


@given(derivations, ids, st.sets(ids))
def test_what_is_hidden_is_as_if_it_were_not_there(made: list[Derivation], start: UUID, hidden: set[UUID]) -> None:
    hidden -= {start}
    visible = [each for each in made if not {each.child_id, each.parent_id} & hidden]

    def shown(memory_ids: Sequence[UUID]) -> list[UUID]:
        return [each for each in memory_ids if each not in hidden]

    def seen(walk: Walk) -> tuple[object, ...]:
        return walk.since, walk.over, walk.derivations

    assert seen(descend({start: 0}, Book(made).derived, shown)) == seen(descend({start: 0}, Book(visible).derived))
    assert seen(ascend([start], Book(made).origins, shown)) == seen(ascend([start], Book(visible).origins))


@given(derivations, ids, st.integers(0, 5))
def test_no_more_is_told_than_was_asked_for_and_that_there_is_more(
    made: list[Derivation], start: UUID, most: int
) -> None:
    whole = descend({start: 0}, Book(made).derived)
    part = descend({start: 0}, Book(made).derived, most=most)
    assert len(part.over) <= most + 1  # a start can be led to as well
    assert part.over.keys() <= whole.over.keys()
    assert part.complete or len(whole.since) > len(part.since)


def test_a_start_that_was_clean_again_gave_nothing_then_unless_it_got_something_another_way() -> None:
    poison, revised, early, late = (UUID(int=number) for number in range(1, 5))
    made = [Derivation(early, revised, "merged_to", 5), Derivation(late, revised, "merged_to", 15)]
    clean = {revised: [(10, 20)]}
    starts = {poison: 1, revised: 3}
    assert descend(starts, Book(made).derived, clean=clean).over.keys() == {early}
    linked = [*made, Derivation(revised, poison, "derived_from", 12)]
    assert descend(starts, Book(linked).derived, clean=clean).over.keys() == {early, revised, late}


def event(number: int, kind: str, child: int, **data: object) -> Event:
    return Event(number, UUID(int=child), 1, f"memory.{kind}.v1", TENANT, NOW, NOW, data, memory_id=UUID(int=child))


def test_a_fold_has_parents_and_links_that_say_what_a_memory_was_made_from() -> None:
    origin = str(UUID(int=7))
    found = fold(
        [
            event(1, "generated", 1, parents=[]),
            event(2, "generated", 2, parents=[origin]),
            event(3, "linked", 1, relation="derived_from", target_id=origin),
            event(4, "linked", 1, relation="supports", target_id=origin),
            event(5, "unlinked", 1, relation="derived_from", target_id=origin),
            event(6, "unlinked", 1, relation="supports", target_id=origin),
            event(7, "linked", 1, relation="derived_from", target_id=origin),
        ]
    )
    one, two, seven = (UUID(int=number) for number in (1, 2, 7))
    assert found.rows == [
        DerivationRow(two, seven, "merged_to", TENANT, 2),
        DerivationRow(one, seven, "derived_from", TENANT, 3, 5),
        DerivationRow(one, seven, "derived_from", TENANT, 7),
    ]
    assert found.ended == [(one, seven, 5)]
