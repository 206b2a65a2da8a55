"""Grants over a real log: who may issue them, what they let whom see, and that they end when that is acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import Store, open_store
from mnemolog.api.permission_answers import GrantAnswer
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.permissions import Action, Code, Context
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import (
    CubeNotFound,
    Denied,
    IdempotencyKeyReused,
    Invalid,
    InvalidMetadata,
    MemoryNotFound,
    NotFound,
    PrincipalNotFound,
)
from tests.databases import database

HOUR = timedelta(hours=1)
READ = frozenset({Action.READ})


class HandClock:
    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def dsn(server: EmbeddedPostgres) -> Iterator[str]:
    with database(server) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def store(home: Any, dsn: str, clock: HandClock) -> Iterator[Store]:
    """One for all tests; each makes cubes and people of its own. Whoever opened it administers the tenant."""
    with open_store(home, dsn, embedder=HashingEmbedder(), clock=clock) as store:
        yield store


@dataclass
class House:
    """A cube of `owner`, with one memory in it; `guest` may do nothing there."""

    admin: Store
    owner: Store
    guest: Store
    cube_id: UUID
    memory_id: UUID

    @property
    def guest_id(self) -> UUID:
        return self.guest.caller.principal_id

    def terms(self, *actions: Action, **facts: Any) -> Terms:
        told = {"effect": Effect.PERMIT, "subject_id": self.guest_id, "level": Level.CUBE, "resource_id": self.cube_id}
        return Terms(actions=frozenset(actions or READ), **{**told, **facts})

    def grant(self, *actions: Action, **facts: Any) -> GrantAnswer:
        return self.owner.grants.issue(self.terms(*actions, **facts))

    def sees(self, who: Store | None = None) -> bool:
        """By every way in which a text leaves."""
        who = who or self.guest
        try:
            recalled = {hit.memory_id for hit in who.recall(self.cube_id, "tea").hits}
            listed = {item.memory_id for item in who.memories.list(self.cube_id).items}
        except CubeNotFound:
            recalled = listed = set()
        try:
            got = {who.memories.get(self.memory_id).memory_id}
        except MemoryNotFound:
            got = set()
        assert recalled == listed == got
        return self.memory_id in got


def person(store: Store, kind: PrincipalKind = PrincipalKind.USER, **key: Any) -> Store:
    principal_id = store.principals.register("somebody", kind).principal_id
    return store.acting_as(store.principals.issue_key(principal_id, **key).key)


@pytest.fixture
def house(store: Store) -> House:
    owner, guest = person(store), person(store)
    cube = owner.cubes.found(f"cube-{new_id().hex}")
    memory_id = owner.memories.remember(cube.cube_id, "Tea is in the blue tin.").memory_ids[0]
    return House(store, owner, guest, cube.cube_id, memory_id)


def test_a_grant_on_a_cube_opens_it_and_its_revocation_closes_it(house: House) -> None:
    assert not house.sees()
    grant = house.grant()
    assert house.sees()
    assert house.owner.grants.revoke(grant.grant_id).state == "revoked"
    assert not house.sees()


def test_a_grant_on_a_private_memory_opens_that_one_and_nothing_else(house: House) -> None:
    private = [
        house.owner.memories.remember(house.cube_id, Remember(text=text, visibility=Visibility.PRIVATE)).memory_ids[0]
        for text in ("One.", "Two.")
    ]
    house.grant(level=Level.MEMORY, resource_id=private[0])
    assert house.guest.memories.get(private[0]).text == "One."
    assert [item.memory_id for item in house.guest.memories.list(house.cube_id).items] == private[:1]
    with pytest.raises(MemoryNotFound):
        house.guest.memories.get(private[1])
    other = house.owner.cubes.found(f"cube-{new_id().hex}")
    with pytest.raises(CubeNotFound):
        house.guest.cubes.get(other.cube_id)


def test_what_one_may_read_and_not_change_is_denied_and_what_one_may_not_read_is_not_there(house: House) -> None:
    with pytest.raises(MemoryNotFound):
        house.guest.memories.revise(house.memory_id, "Mine.")
    house.grant()
    with pytest.raises(Denied):
        house.guest.memories.revise(house.memory_id, "Mine.")
    house.grant(Action.WRITE)
    house.guest.memories.revise(house.memory_id, "Ours.")
    assert house.owner.memories.get(house.memory_id).text == "Ours."


def test_a_deny_beats_every_permit_and_every_owner(house: House) -> None:
    house.grant()
    deny = house.admin.grants.issue(house.terms(effect=Effect.DENY))
    assert not house.sees()
    house.admin.grants.issue(house.terms(effect=Effect.DENY, subject_id=house.owner.caller.principal_id))
    assert not house.sees(house.owner)
    with pytest.raises(NotFound):
        house.guest.grants.get(deny.grant_id)
    house.admin.grants.revoke(deny.grant_id)
    assert house.sees()


def test_a_grant_ends_at_its_time_and_begins_at_it_without_a_worker(house: House, clock: HandClock) -> None:
    grant = house.grant(not_before=clock.now() + HOUR, expires_at=clock.now() + 2 * HOUR)
    began = clock.moment
    try:
        seen = []
        for minutes in (0, 60, 119, 120):
            clock.moment = began + timedelta(minutes=minutes)
            seen.append((house.sees(), house.owner.grants.get(grant.grant_id).state))
        assert seen == [(False, "pending"), (True, "live"), (True, "live"), (False, "expired")]
    finally:
        clock.moment = began


@pytest.mark.parametrize(
    ("asked", "context"),
    [
        (Conditions(purposes=("care",)), {"purpose": "care"}),
        (Conditions(networks=("10.0.0.0/8",)), {"address": "10.1.2.3"}),
        (Conditions(apps=("notes",)), {"app": "notes"}),
        (Conditions(sessions=(UUID(int=8),)), {"session_id": UUID(int=8)}),
    ],
    ids=["purpose", "network", "app", "session"],
)
def test_a_grant_counts_in_its_context_alone(house: House, asked: Conditions, context: dict[str, Any]) -> None:
    house.grant(conditions=asked)
    assert not house.sees()
    assert house.sees(Store(house.guest.parts, replace(house.guest.caller, **context)))


def test_a_memory_with_purposes_is_recalled_for_those_alone(house: House) -> None:
    bound = Remember(text="Tea is for the nurse.", purposes=("care",))
    memory_id = house.owner.memories.remember(house.cube_id, bound).memory_ids[0]
    house.grant()
    for who, expected in ((house.guest, 1), (house.guest.for_purpose("care"), 2), (house.owner, 2)):
        assert len(who.recall(house.cube_id, "tea").hits) == expected
        assert len(who.memories.list(house.cube_id).items) == expected
    assert house.guest.permissions.check(None, Action.READ, memory_id, Context(purpose="care")).allowed


def test_a_grant_reaches_up_to_its_sensitivity(house: House) -> None:
    secret = Remember(text="The tea is gold.", sensitivity=Sensitivity.SECRET)
    house.owner.memories.remember(house.cube_id, secret)
    house.grant(conditions=Conditions(sensitivity=Sensitivity.PERSONAL))
    assert len(house.guest.recall(house.cube_id, "tea").hits) == 1


def test_a_group_gives_its_members_what_was_granted_to_it_while_they_belong_to_it(house: House) -> None:
    inner, outer = (house.admin.principals.register("a group", PrincipalKind.GROUP).principal_id for _ in range(2))
    house.admin.groups.add(outer, inner)
    house.grant(subject_id=outer)
    assert not house.sees()
    house.admin.groups.add(inner, house.guest_id)
    assert house.sees()
    house.admin.principals.deactivate(outer)
    assert not house.sees()
    house.admin.principals.reactivate(outer)
    assert house.sees()
    house.admin.groups.remove(outer, inner)
    assert not house.sees()


def test_an_agent_sees_what_it_and_its_user_may_both_see(house: House) -> None:
    agent_id = house.admin.principals.register("an agent", PrincipalKind.AGENT).principal_id
    key = house.admin.principals.issue_key(agent_id, on_behalf_of=house.guest_id).key
    agent = house.admin.acting_as(key)
    house.grant(subject_id=agent_id)
    assert not house.sees(agent)
    user = house.grant()
    assert house.sees(agent)
    house.owner.grants.revoke(user.grant_id)
    assert not house.sees(agent)


def test_who_has_no_right_to_share_grants_nothing(house: House) -> None:
    third = person(house.admin).caller.principal_id
    with pytest.raises(CubeNotFound):
        house.guest.grants.issue(house.terms(subject_id=third))
    house.grant(Action.READ, Action.WRITE)
    with pytest.raises(Denied):
        house.guest.grants.issue(house.terms(subject_id=third))
    with pytest.raises(Denied):
        house.guest.grants.issue(house.terms(subject_id=third, effect=Effect.DENY))
    with pytest.raises(Denied):
        house.owner.grants.issue(house.terms(level=Level.TENANT, resource_id=house.owner.caller.tenant_id))
    assert house.admin.grants.list(subject_id=third, revoked=True).items == []


def test_what_may_be_passed_on_is_passed_on_and_ends_with_what_it_was_made_from(house: House) -> None:
    own = house.grant(Action.READ, Action.SHARE, delegable=True)
    third = person(house.admin)
    wider = house.terms(Action.READ, Action.WRITE, subject_id=third.caller.principal_id, parent_id=own.grant_id)
    with pytest.raises(Denied):
        house.guest.grants.issue(wider)
    passed = house.guest.grants.issue(replace(wider, actions=READ))
    assert house.sees(third)
    house.owner.grants.revoke(own.grant_id)
    assert not house.sees(third)
    assert house.admin.grants.get(passed.grant_id).state == "orphaned"


def test_those_end_a_grant_who_issued_it_or_could_and_nobody_else(house: House) -> None:
    grant = house.grant(Action.READ)
    with pytest.raises(Denied):
        house.guest.grants.revoke(grant.grant_id)
    with pytest.raises(NotFound):
        person(house.admin).grants.revoke(grant.grant_id)
    house.admin.grants.revoke(grant.grant_id)
    by_admin = house.admin.grants.issue(house.terms())
    assert house.owner.grants.revoke(by_admin.grant_id).state == "revoked"
    deny = house.owner.grants.issue(house.terms(effect=Effect.DENY))
    assert house.owner.grants.revoke(deny.grant_id).state == "revoked"


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"subject_id": UUID(int=404)}, PrincipalNotFound),
        ({"resource_id": UUID(int=404)}, CubeNotFound),
        ({"level": Level.MEMORY, "resource_id": UUID(int=404)}, MemoryNotFound),
        ({"level": Level.TENANT, "resource_id": UUID(int=404)}, NotFound),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, InvalidMetadata),
    ],
    ids=["nobody", "no cube", "no memory", "another tenant", "past"],
)
def test_a_grant_about_nothing_is_refused(house: House, facts: dict[str, Any], refusal: type[Exception]) -> None:
    before = house.admin.log.head()
    with pytest.raises(refusal):
        house.owner.grants.issue(house.terms(**facts))
    assert house.admin.grants.list(resource_id=house.cube_id, revoked=True).items == []
    assert not [e for e in house.admin.log.page(after=before, types=("grant.issued.v1",)).items]


def test_a_grant_is_about_one_thing(store: Store) -> None:
    assert store.grants.about(tenant=True) == (Level.TENANT, store.caller.tenant_id)
    with pytest.raises(Invalid):
        store.grants.about()
    with pytest.raises(Invalid):
        store.grants.about(cube="main", tenant=True)


def test_a_grant_that_is_asked_for_twice_is_issued_once(house: House) -> None:
    key = uuid4()
    first, again = (house.owner.grants.issue(house.terms(), "For tea.", idempotency_key=key) for _ in range(2))
    assert first.grant_id == again.grant_id
    assert len(house.owner.grants.list(resource_id=house.cube_id).items) == 1
    with pytest.raises(IdempotencyKeyReused):
        house.owner.grants.issue(house.terms(Action.WRITE), "For tea.", idempotency_key=key)
    first, again = (house.owner.grants.revoke(first.grant_id) for _ in range(2))
    assert first.revoked_position == again.revoked_position


def test_everybody_is_told_of_the_grants_that_are_theirs_to_know(house: House) -> None:
    permit, deny = house.grant(), house.owner.grants.issue(house.terms(effect=Effect.DENY), "A secret reason.")

    def told(who: Store) -> list[UUID]:
        return [each.grant_id for each in who.grants.list(resource_id=house.cube_id).items]

    assert told(house.owner) == told(house.admin) == [permit.grant_id, deny.grant_id]
    assert told(house.guest) == [permit.grant_id]
    assert told(person(house.admin)) == []
    assert house.owner.grants.get(deny.grant_id).reason == "A secret reason."
    assert house.guest.grants.get(permit.grant_id).reason is None


def test_lists_of_grants_come_in_pages(house: House) -> None:
    issued = [house.grant(action).grant_id for action in (Action.READ, Action.WRITE, Action.MERGE)]
    page = house.owner.grants.list(resource_id=house.cube_id, limit=2)
    rest = house.owner.grants.list(resource_id=house.cube_id, limit=2, cursor=page.next)
    assert [each.grant_id for each in (*page.items, *rest.items)] == issued
    assert rest.next is None


def test_whoever_is_denied_a_parent_is_denied_the_merge_as_well(house: House) -> None:
    other = house.owner.memories.remember(house.cube_id, "Tea is also in the red tin.").memory_ids[0]
    house.grant()
    house.owner.grants.issue(house.terms(effect=Effect.DENY, level=Level.MEMORY, resource_id=other))
    merged = house.owner.memories.merge([house.memory_id, other], "Tea is in two tins.").memory_ids[0]
    with pytest.raises(MemoryNotFound):
        house.guest.memories.get(merged)
    assert house.admin.permissions.check(house.guest_id, Action.READ, merged).code is Code.DENIED


def test_grants_are_what_the_log_says_when_the_catalogue_is_made_anew(house: House) -> None:
    grant = house.grant()
    before = house.owner.grants.get(grant.grant_id)
    house.admin.views.rebuild("catalogue")
    assert house.owner.grants.get(grant.grant_id) == before
    assert house.sees()


class Readers:
    """They read all the time. `revoked` is set while nothing may be shown to a read that begins."""

    def __init__(self, house: House, guest: Store, number: int = 4) -> None:
        self.revoked, self._stop = threading.Event(), threading.Event()
        self.asked, self.told, self.leaked = [0] * number, [0] * number, [0] * number
        ways = (lambda: guest.recall(house.cube_id, "tea").hits, lambda: [guest.memories.get(house.memory_id)])
        self._threads = [threading.Thread(target=self._read, args=(n, ways[n % 2])) for n in range(number)]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self, rounds: int) -> None:
        """Until each of them has ended so many more reads."""
        goals = [asked + rounds for asked in self.asked]
        while any(asked < goal for asked, goal in zip(self.asked, goals, strict=True)):
            assert all(thread.is_alive() for thread in self._threads)
            self._stop.wait(0.001)

    def _read(self, number: int, way: Callable[[], Sequence[object]]) -> None:
        while not self._stop.is_set():
            revoked = self.revoked.is_set()
            with suppress(MemoryNotFound, CubeNotFound):
                shown = bool(way())
                self.told[number] += shown
                self.leaked[number] += shown and revoked
            self.asked[number] += 1


def test_once_a_revocation_is_acknowledged_no_other_process_shows_anything_by_it(
    house: House, home: Any, dsn: str, clock: HandClock
) -> None:
    """Two stores on one database: many readers of the one race with grants and revocations in the other."""
    with (
        open_store(home, dsn, embedder=HashingEmbedder(), clock=clock) as other,
        Readers(house, Store(other.parts, house.guest.caller)) as readers,
    ):
        while sum(readers.asked) < 3_000:
            grant = house.grant()
            readers.wait(10)
            house.owner.grants.revoke(grant.grant_id)
            readers.revoked.set()
            readers.wait(20)
            readers.revoked.clear()
            readers.wait(1)  # a read that began while it was revoked has ended before there is a grant again
    assert sum(readers.told) > 300
    assert sum(readers.leaked) == 0
