from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.membership import MAX_DEPTH, check_member
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import CannotJoin

GROUPS = [UUID(int=number) for number in range(1, 13)]
Nesting = set[tuple[UUID, UUID]]


def chain(length: int) -> Nesting:
    """Groups in each other, the first one outermost."""
    return set(pairwise(GROUPS[:length]))


def may_join(group: UUID, member: UUID, nesting: Iterable[tuple[UUID, UUID]]) -> bool:
    try:
        check_member(group, member, PrincipalKind.GROUP, nesting)
    except CannotJoin:
        return False
    return True


def longest(nesting: Nesting) -> int:
    """How many groups the longest chain has; walks every way, so it ends only where there is no cycle."""

    def depth(group: UUID) -> int:
        return 1 + max((depth(member) for outer, member in nesting if outer == group), default=0)

    return max(map(depth, GROUPS))


@pytest.mark.parametrize("kind", [PrincipalKind.USER, PrincipalKind.AGENT, PrincipalKind.SERVICE])
def test_people_agents_and_services_join_at_any_depth(kind: PrincipalKind) -> None:
    check_member(GROUPS[MAX_DEPTH - 1], UUID(int=99), kind, chain(MAX_DEPTH))


def test_a_role_is_a_member_of_nothing() -> None:
    with pytest.raises(CannotJoin, match="a role is a member of nothing"):
        check_member(GROUPS[0], GROUPS[1], PrincipalKind.ROLE, ())


def test_a_group_is_no_member_of_itself() -> None:
    assert not may_join(GROUPS[0], GROUPS[0], ())


@pytest.mark.parametrize("length", range(2, MAX_DEPTH + 1))
def test_the_outermost_group_of_a_chain_does_not_join_the_innermost(length: int) -> None:
    with pytest.raises(CannotJoin, match="a member of itself"):
        check_member(GROUPS[length - 1], GROUPS[0], PrincipalKind.GROUP, chain(length))


def test_a_chain_has_eight_groups_and_not_nine() -> None:
    assert may_join(GROUPS[6], GROUPS[7], chain(7))
    assert not may_join(GROUPS[7], GROUPS[8], chain(8))


def test_what_a_group_brings_along_counts_on_both_sides() -> None:
    brought = {(GROUPS[8], GROUPS[9]), (GROUPS[9], GROUPS[10])}
    assert may_join(GROUPS[4], GROUPS[8], chain(5) | brought)
    assert not may_join(GROUPS[5], GROUPS[8], chain(6) | brought)


@given(st.lists(st.tuples(st.sampled_from(GROUPS), st.sampled_from(GROUPS)), max_size=40))
def test_whatever_is_asked_there_is_never_a_cycle_nor_a_longer_chain_and_no_other_refusal(
    asked: list[tuple[UUID, UUID]],
) -> None:
    nesting: Nesting = set()
    for pair in asked:
        if may_join(*pair, nesting):
            nesting.add(pair)
            assert longest(nesting) <= MAX_DEPTH
        else:
            assert reaches(pair[1], pair[0], nesting) or longest(nesting | {pair}) > MAX_DEPTH


def reaches(start: UUID, goal: UUID, nesting: Nesting) -> bool:
    return start == goal or any(reaches(member, goal, nesting) for outer, member in nesting if outer == start)
