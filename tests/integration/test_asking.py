"""Questions about permissions: what a check says, a list shows, an explanation tells, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.permissions import Action, Code, Context
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import (
    CubeNotFound,
    Denied,
    Invalid,
    InvalidCursor,
    MemoryNotFound,
    PrincipalNotFound,
)
from tests.databases import database

CARE = Context(purpose="care")
SESSION = UUID(int=77)


@pytest.fixture(scope="module")
def store(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with (
        database(server) as dsn,
        open_store(tmp_path_factory.mktemp("home"), dsn, embedder=HashingEmbedder()) as store,
    ):
        yield store


def person(store: Store, kind: PrincipalKind = PrincipalKind.USER, **key: Any) -> Store:
    principal_id = store.principals.register("somebody", kind).principal_id
    return store.acting_as(store.principals.issue_key(principal_id, **key).key)


def who(store: Store) -> UUID:
    return store.caller.principal_id


def terms(subject: UUID, cube_id: UUID, *actions: Action, **facts: Any) -> Terms:
    told = {"effect": Effect.PERMIT, "level": Level.CUBE, "resource_id": cube_id, **facts}
    return Terms(subject_id=subject, actions=frozenset(actions or {Action.READ}), **told)


@pytest.fixture
def kitchen(store: Store) -> UUID:
    """A cube with memories of many kinds."""
    cube_id = store.cubes.found(f"cube-{new_id().hex}").cube_id
    items = [
        Remember(text=f"Tea {number}.", visibility=visibility, purposes=purposes, sensitivity=sensitivity)
        for number, (visibility, purposes, sensitivity) in enumerate(
            product(
                (Visibility.CUBE, Visibility.PRIVATE, Visibility.TENANT),
                ((), ("care",)),
                (Sensitivity.PUBLIC, Sensitivity.SECRET),
            )
        )
    ]
    items += [Remember(text="Tea of a session.", visibility=Visibility.SESSION)]
    items += [Remember(text="Tea that is gone soon.", ttl=timedelta(microseconds=1))]
    written = store.in_session(SESSION).memories.remember(cube_id, *items)
    store.memories.transition(written.memory_ids[0], State.ARCHIVED)
    return cube_id


def members(store: Store, cube_id: UUID) -> list[UUID]:
    log = store.log.page(cube_id=cube_id, types=("memory.generated.v1",), limit=500)
    return [event.memory_id for event in log.items if event.memory_id is not None]


CONTEXTS = (None, CARE, Context(session_id=SESSION), Context(purpose="care", session_id=SESSION))


@pytest.mark.parametrize("action", [Action.READ, Action.WRITE, Action.EXPORT, Action.TRAIN_ON])
def test_a_list_shows_exactly_what_a_check_allows_and_many_are_checked_as_one_is(
    store: Store, kitchen: UUID, action: Action
) -> None:
    guest, stranger = person(store), person(store)
    limited = Conditions(sensitivity=Sensitivity.PUBLIC)
    store.grants.issue(terms(who(guest), kitchen, Action.READ, Action.WRITE, Action.TRAIN_ON, conditions=limited))
    everything = members(store, kitchen)
    store.grants.issue(terms(who(guest), kitchen, level=Level.MEMORY, resource_id=everything[6]))
    store.grants.issue(terms(who(guest), kitchen, effect=Effect.DENY, level=Level.MEMORY, resource_id=everything[8]))
    for user, context in product((store, guest, stranger), CONTEXTS):
        codes = {each: store.permissions.check(who(user), action, each, context).code for each in everything}
        allowed = [each for each in everything if codes[each] is Code.ALLOWED]
        listed = store.permissions.list_permitted(who(user), action, kitchen, context, limit=500)
        assert (list(listed.items), listed.complete) == (allowed, True)
        many = store.permissions.check_many(who(user), action, kitchen, everything, context)
        assert list(many.allowed) == allowed
        assert sum(many.denied.values()) == len(everything) - len(allowed)
        for code, count in many.denied.items():
            assert count == sum(each.value == code for each in codes.values())


def test_a_list_goes_on_where_it_ended_and_never_ends_without_saying_so(store: Store, kitchen: UUID) -> None:
    whole = store.permissions.list_permitted(None, Action.READ, kitchen, limit=500)
    found, cursor, sizes = list[UUID](), None, list[int]()
    while True:
        page = store.permissions.list_permitted(None, Action.READ, kitchen, limit=4, cursor=cursor)
        found += page.items
        sizes.append(len(page.items))
        assert page.complete is (page.next is None)
        if page.complete:
            break
        cursor = page.next
    assert found == list(whole.items)
    assert sizes[:-1] == [4] * (len(sizes) - 1)
    with pytest.raises(InvalidCursor):
        store.permissions.list_permitted(None, Action.WRITE, kitchen, limit=4, cursor=cursor)


def test_what_one_may_not_read_is_to_a_question_as_if_it_were_not_there(store: Store, kitchen: UUID) -> None:
    guest, everything = person(store), members(store, kitchen)
    store.grants.issue(terms(who(guest), kitchen))
    private, nowhere = everything[5], new_id()
    for memory_id in (private, nowhere):
        for ask in (guest.permissions.check, guest.permissions.explain):
            with pytest.raises(MemoryNotFound) as refused:
                ask(None, Action.READ, memory_id)
            assert str(refused.value) == f"There is no memory {memory_id}."
    readable = guest.permissions.check_many(None, Action.READ, kitchen, everything)
    assert set(readable.denied) == {"not_found", "expired"}
    written = guest.permissions.check_many(None, Action.WRITE, kitchen, [*everything, nowhere])
    assert (list(written.allowed), set(written.denied)) == ([], {"not_found", "no_permit"})
    with pytest.raises(CubeNotFound):
        person(store).permissions.list_permitted(None, Action.READ, kitchen)


def test_nobody_but_an_administrator_asks_about_others_the_past_or_everybody(store: Store, kitchen: UUID) -> None:
    guest, memory_id = person(store), members(store, kitchen)[1]
    store.grants.issue(terms(who(guest), kitchen))
    for ask in (
        lambda: guest.permissions.check(who(store), Action.READ, memory_id),
        lambda: guest.permissions.check(None, Action.READ, memory_id, Context(on_behalf_of=who(store))),
        lambda: guest.permissions.explain(None, Action.READ, memory_id, at=guest.parts.log.head()),
        lambda: guest.permissions.list_permitted(who(store), Action.READ, kitchen),
        lambda: guest.permissions.expand(Action.READ, cube=kitchen),
    ):
        with pytest.raises(Denied):
            ask()
    with pytest.raises(PrincipalNotFound):
        store.permissions.check(new_id(), Action.READ, memory_id)
    with pytest.raises(PrincipalNotFound):
        store.permissions.check(who(guest), Action.READ, memory_id, Context(on_behalf_of=new_id()))


def test_whoever_is_denied_is_told_the_code_and_an_administrator_everything(store: Store, kitchen: UUID) -> None:
    guest, memory_id = person(store), members(store, kitchen)[1]
    store.grants.issue(terms(who(guest), kitchen))
    deny = store.grants.issue(terms(who(guest), kitchen, Action.WRITE, effect=Effect.DENY))
    told = guest.permissions.explain(None, Action.WRITE, memory_id)
    assert (told.code, told.findings, told.changes) == (Code.DENIED, (), ())
    assert str(deny.grant_id) not in told.text
    assert guest.permissions.check(None, Action.WRITE, memory_id).reasons == ()
    known = store.permissions.explain(who(guest), Action.WRITE, memory_id)
    assert known.findings[0]["grant_id"] == deny.grant_id
    assert known.changes[0]["text"] == f"revoke deny {deny.grant_id}"
    assert str(deny.grant_id) in known.text


def test_the_past_is_explained_by_the_rules_of_then(store: Store, kitchen: UUID) -> None:
    guest, memory_id = person(store), members(store, kitchen)[1]
    group = store.principals.register("a group", PrincipalKind.GROUP).principal_id
    nobody = store.groups.add(group, who(guest))
    grant = store.grants.issue(terms(group, kitchen))
    gone = store.groups.remove(group, who(guest))

    def code(at: int | None) -> Code:
        return store.permissions.explain(who(guest), Action.READ, memory_id, at=at).code

    assert [code(nobody), code(grant.position), code(gone - 1), code(gone), code(None)] == [
        Code.NO_PERMIT,
        Code.ALLOWED,
        Code.ALLOWED,
        Code.NO_PERMIT,
        Code.NO_PERMIT,
    ]
    found = store.permissions.explain(who(guest), Action.READ, memory_id, at=grant.position).findings[0]
    assert found["path"] == [who(guest), group]


def test_a_decision_says_until_when_it_holds(store: Store, kitchen: UUID) -> None:
    guest, memory_id = person(store), members(store, kitchen)[1]
    ends = store.parts.clock.now() + timedelta(hours=1)
    store.grants.issue(terms(who(guest), kitchen, expires_at=ends))
    assert store.permissions.check(who(guest), Action.READ, memory_id).valid_until == ends
    assert store.permissions.list_permitted(who(guest), Action.READ, kitchen).valid_until == ends
    assert store.permissions.check(who(store), Action.READ, memory_id).valid_until is None


def test_everybody_who_may_is_told_with_what_lets_them(store: Store, kitchen: UUID) -> None:
    guest, listed = person(store), person(store)
    group = store.principals.register("a group", PrincipalKind.GROUP).principal_id
    store.groups.add(group, who(guest))
    grant = store.grants.issue(terms(group, kitchen))
    item = Remember(text="Tea.", access_control=(who(listed),))
    memory_id = store.memories.remember(kitchen, item).memory_ids[0]
    of_memory = store.permissions.expand(Action.READ, memory_id=memory_id)
    told = {each.principal_id: each.reason["rule"] for each in of_memory.items}
    assert told == {who(store): "owner", who(guest): "grant", who(listed): "listed_reader"}
    of_cube = store.permissions.expand(Action.READ, cube=kitchen)
    found = {each.principal_id: each.reason for each in of_cube.items}
    assert found.keys() == {who(store), who(guest)}
    assert (found[who(guest)]["grant_id"], found[who(guest)]["path"]) == (grant.grant_id, [who(guest), group])
    with pytest.raises(Invalid):
        store.permissions.expand(Action.READ)
    with pytest.raises(Invalid):
        store.permissions.expand(Action.READ, memory_id=memory_id, cube=kitchen)


def test_a_key_may_do_what_it_is_for_and_its_holder_is_asked_about_without_it(store: Store, kitchen: UUID) -> None:
    memory_id = members(store, kitchen)[1]
    principal_id = who(person(store))
    store.grants.issue(terms(principal_id, kitchen, Action.READ, Action.WRITE))
    key = store.principals.issue_key(principal_id, scopes=frozenset({Action.READ})).key
    assert store.acting_as(key).permissions.check(None, Action.WRITE, memory_id).code is Code.KEY_SCOPE
    assert store.permissions.check(principal_id, Action.WRITE, memory_id).allowed


def test_nothing_may_be_done_with_what_is_erased_and_nothing_read_that_has_expired(store: Store, kitchen: UUID) -> None:
    *_, expired = members(store, kitchen)
    assert store.permissions.check(None, Action.READ, expired).code is Code.EXPIRED
    assert store.permissions.check(None, Action.WRITE, expired).allowed
    explained = store.permissions.explain(None, Action.READ, expired)
    assert (explained.code, explained.findings[0]["rule"], explained.changes) == (Code.EXPIRED, "expired", ())
