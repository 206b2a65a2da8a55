from __future__ import annotations

from dataclasses import replace
from itertools import product
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Governance, Visibility, join
from mnemolog.domain.permissions import (
    NEVER_IMPLIED,
    OWN,
    USES,
    Action,
    Caller,
    Code,
    CubeLabel,
    MemoryLabel,
    decide,
    may,
    may_use_cube,
    outlived,
)
from mnemolog.domain.refusals import InvalidMetadata
from tests.unit.examples import ALICE, BOB, CAROL, HOUR, NOW, OWNER, SESSIONS, SUBJECT, TENANT, governances

WRITER, READER, ADMIN, STRANGER = (UUID(int=n) for n in range(31, 35))
OTHER_TENANT = UUID(int=99)
KITCHEN = CubeLabel(TENANT, OWNER)

# Who may read what WRITER wrote into the cube of OWNER in session 0 and shared with READER. `+` is in the same session.
READ = """
              session  private  cube  tenant
writer        yes      yes      yes   yes
reader        yes      yes      yes   yes
owner         no       no       yes   yes
owner+        yes      no       yes   yes
admin         no       no       yes   yes
admin+        yes      no       yes   yes
stranger      no       no       no    yes
stranger+     no       no       no    yes
"""
PEOPLE = {"writer": WRITER, "reader": READER, "owner": OWNER, "admin": ADMIN, "stranger": STRANGER}


def caller(who: str, tenant_id: UUID = TENANT) -> Caller:
    name, session_id = who.rstrip("+"), SESSIONS[0] if who.endswith("+") else None
    return Caller(PEOPLE[name], tenant_id, SUBJECT, administrator=name == "admin", session_id=session_id)


def memory(visibility: Visibility, state: State = State.ACTIVATED) -> MemoryLabel:
    return MemoryLabel(TENANT, WRITER, state, visibility, SESSIONS[0], (READER,))


def rows() -> list[tuple[str, Visibility, bool]]:
    head, *lines = (line.split() for line in READ.strip().splitlines())
    return [(who, Visibility(v), said == "yes") for who, *cells in lines for v, said in zip(head, cells, strict=True)]


callers = st.builds(
    Caller,
    st.sampled_from((OWNER, ALICE, BOB, CAROL)),
    st.just(TENANT),
    st.just(SUBJECT),
    administrator=st.booleans(),
    session_id=st.none() | st.sampled_from(SESSIONS),
    purpose=st.none() | st.sampled_from(("care", "research")),
)


@pytest.mark.parametrize(("who", "visibility", "expected"), rows())
def test_who_may_read(who: str, visibility: Visibility, expected: bool) -> None:
    assert may(caller(who), Action.READ, memory(visibility), KITCHEN) is expected


@pytest.mark.parametrize(("who", "visibility", "readable"), rows())
def test_who_may_change_is_who_may_read_and_use_the_cube(who: str, visibility: Visibility, readable: bool) -> None:
    expected = readable and who.rstrip("+") in ("owner", "admin")
    for action in set(Action) - {Action.READ} - NEVER_IMPLIED:
        own = action in OWN and who.rstrip("+") == "writer"
        assert may(caller(who), action, memory(visibility), KITCHEN) is (expected or own)


@pytest.mark.parametrize("action", sorted(NEVER_IMPLIED))
def test_nothing_but_a_grant_lets_anybody_train_on_or_cache_a_memory(action: Action) -> None:
    for who, visibility in product(("owner", "owner+", "admin", "writer", "stranger"), Visibility):
        assert not may(caller(who), action, memory(visibility), KITCHEN)


@pytest.mark.parametrize("who", PEOPLE)
def test_a_cube_is_used_by_its_owner_and_the_administrators_of_its_tenant(who: str) -> None:
    assert may_use_cube(caller(who), KITCHEN) is (who in ("owner", "admin"))
    assert may_use_cube(caller(who, OTHER_TENANT), KITCHEN) is False


@pytest.mark.parametrize(("who", "action", "visibility"), list(product(PEOPLE, Action, Visibility)))
def test_a_tenant_is_never_crossed(who: str, action: Action, visibility: Visibility) -> None:
    label, cube_elsewhere = memory(visibility), CubeLabel(OTHER_TENANT, OWNER)
    assert not may(caller(who + "+", OTHER_TENANT), action, label, KITCHEN)
    assert not may(caller(who + "+", OTHER_TENANT), action, label, cube_elsewhere)
    assert not may(caller(who + "+"), action, label, cube_elsewhere)


def test_a_memory_without_a_session_is_in_no_callers_session() -> None:
    lost = MemoryLabel(TENANT, WRITER, State.ACTIVATED, Visibility.SESSION)
    assert not may(caller("owner"), Action.READ, lost, KITCHEN)
    assert not may(caller("owner+"), Action.READ, lost, KITCHEN)


def test_quarantine_is_looked_into_by_the_writer_and_the_cube_and_not_by_the_whole_tenant() -> None:
    label = memory(Visibility.TENANT, State.GENERATED)
    readers = [who for who in PEOPLE if may(caller(who), Action.READ, label, KITCHEN)]
    assert readers == ["writer", "reader", "owner", "admin"]


@pytest.mark.parametrize("visibility", Visibility)
def test_quarantine_never_opens_what_is_closed_afterwards(visibility: Visibility) -> None:
    for who, state in product(("owner", "owner+", "admin", "stranger", "stranger+"), State):
        if may(caller(who), Action.READ, memory(visibility, State.GENERATED), KITCHEN):
            assert may(caller(who), Action.READ, memory(visibility, state), KITCHEN)


def labelled(label: Governance) -> MemoryLabel:
    return MemoryLabel(
        TENANT,
        label.owner_id,
        State.ACTIVATED,
        label.visibility,
        label.session_id,
        label.access_control,
        label.sensitivity,
        label.purposes,
    )


@given(st.lists(governances(), min_size=2, max_size=3), callers, callers)
def test_nobody_reads_in_a_merge_what_they_may_not_read_in_every_parent(
    labels: list[Governance], merger: Caller, reader: Caller
) -> None:
    parents = [labelled(label) for label in labels]
    assume(all(may(merger, Action.READ, parent, KITCHEN) for parent in parents))
    try:
        result = labelled(join(labels, merger.principal_id))
    except InvalidMetadata:
        return
    if reader.principal_id != merger.principal_id and may(reader, Action.READ, result, KITCHEN):
        assert all(may(reader, Action.READ, parent, KITCHEN) for parent in parents)


@pytest.mark.parametrize("purpose", [None, "research", "care"])
def test_a_memory_with_purposes_is_used_for_those_alone_except_by_its_owner(purpose: str | None) -> None:
    bound = replace(memory(Visibility.TENANT), purposes=("care",))
    for who in PEOPLE:
        said = decide(replace(caller(who), purpose=purpose), Action.READ, bound, KITCHEN)
        assert said is (Code.ALLOWED if purpose == "care" or who == "writer" else Code.PURPOSE)


@pytest.mark.parametrize("action", Action)
def test_a_key_is_used_for_what_it_was_issued_for_alone(action: Action) -> None:
    for scope in Action:
        limited = replace(caller("owner"), scopes=frozenset({scope}))
        said = decide(limited, action, memory(Visibility.CUBE), KITCHEN)
        assert (said is Code.KEY_SCOPE) is (action is not scope)


def test_what_is_in_a_memory_is_used_until_it_expires_and_nothing_is_done_with_what_is_erased() -> None:
    for action in Action:
        now = outlived(Code.ALLOWED, action, State.ACTIVATED, NOW, NOW)
        assert now is (Code.EXPIRED if action in USES else Code.ALLOWED)
        assert outlived(Code.ALLOWED, action, State.ACTIVATED, NOW + HOUR, NOW) is Code.ALLOWED
        assert outlived(Code.ALLOWED, action, State.ERASED, NOW, NOW) is Code.ERASED
        assert outlived(Code.DENIED, action, State.ERASED, NOW, NOW) is Code.DENIED
