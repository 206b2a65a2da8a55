from __future__ import annotations

from datetime import datetime

import pytest

from mnemolog.domain.identity import new_id
from mnemolog.domain.principal import Principal, PrincipalKind
from mnemolog.domain.refusals import AlreadyExists, CannotJoin, Invalid, InvalidMetadata, InvalidText, NotFound
from tests.unit.examples import HOUR, NOW, OWNER, SUBJECT, TENANT, facts_of, fold, names

DIGEST = bytes(range(32))


def assistant(name: str = "assistant") -> Principal:
    return Principal.register(tenant_id=TENANT, kind=PrincipalKind.AGENT, name=name, subject_id=SUBJECT)


@pytest.mark.parametrize("kind", PrincipalKind)
def test_a_principal_is_of_a_kind_and_no_administrator_unless_it_is_said(kind: PrincipalKind) -> None:
    principal = Principal.register(tenant_id=TENANT, kind=kind, name="p", subject_id=SUBJECT)
    assert principal.kind is kind
    assert principal.administrator is False
    assert principal.keys == {}


def test_the_name_of_a_principal_is_sealed_under_the_key_of_the_person_behind_it() -> None:
    assert assistant().subject_ids == (SUBJECT,)
    assert {"name"} == Principal.Registered.SEALED


@pytest.mark.parametrize("name", ["", "a\x00", "n" * 513])
def test_a_name_that_cannot_be_stored_is_refused(name: str) -> None:
    with pytest.raises(InvalidText):
        assistant(name)


@pytest.mark.parametrize(
    ("expires_at", "valid"), [(None, True), (NOW + HOUR, True), (NOW, False), (NOW - HOUR, False)], ids=str
)
def test_a_key_is_valid_until_it_expires(expires_at: datetime | None, valid: bool) -> None:
    principal, key_id = assistant(), new_id()
    principal.issue_key(key_id, DIGEST, expires_at)
    assert principal.keys[key_id].digest == DIGEST
    assert principal.keys[key_id].is_valid(NOW) is valid


def test_a_revoked_key_is_never_valid_again_and_the_others_stay() -> None:
    principal, lost, kept = assistant(), new_id(), new_id()
    principal.issue_key(lost, DIGEST)
    principal.issue_key(kept, DIGEST)
    principal.revoke_key(lost)
    assert not principal.keys[lost].is_valid(NOW)
    assert principal.keys[kept].is_valid(NOW)


def test_a_revoked_key_does_not_come_back_by_issuing_it_again() -> None:
    principal, key_id = assistant(), new_id()
    principal.issue_key(key_id, DIGEST)
    principal.revoke_key(key_id)
    with pytest.raises(AlreadyExists, match=str(key_id)):
        principal.issue_key(key_id, DIGEST)
    assert not principal.keys[key_id].is_valid(NOW)


def test_revoking_twice_is_recorded_once() -> None:
    principal, key_id = assistant(), new_id()
    principal.issue_key(key_id, DIGEST)
    principal.revoke_key(key_id)
    principal.revoke_key(key_id)
    assert names(principal) == ["registered", "key_issued", "key_revoked"]


def test_a_key_that_was_never_issued_cannot_be_revoked() -> None:
    principal = assistant()
    with pytest.raises(NotFound, match="There is no such key"):
        principal.revoke_key(new_id())
    assert names(principal) == ["registered"]


def test_an_expiry_without_a_time_zone_is_refused_when_the_key_is_issued() -> None:
    principal = assistant()
    with pytest.raises(InvalidMetadata, match="no time zone"):
        principal.issue_key(new_id(), DIGEST, NOW.replace(tzinfo=None))
    assert principal.keys == {}


def test_a_principal_is_what_its_events_say() -> None:
    principal, key_id = assistant(), new_id()
    principal.issue_key(key_id, DIGEST, NOW + HOUR)
    principal.issue_key(new_id(), DIGEST)
    principal.revoke_key(key_id)
    assert facts_of(fold(principal.pending_events)) == facts_of(principal)


def group(kind: PrincipalKind = PrincipalKind.GROUP) -> Principal:
    return Principal.register(tenant_id=TENANT, kind=kind, name="friends", subject_id=SUBJECT)


def test_a_key_keeps_what_it_may_be_used_for_and_for_whom() -> None:
    principal, key_id = assistant(), new_id()
    principal.issue_key(key_id, DIGEST, scopes=frozenset({"write", "read"}), on_behalf_of=OWNER)
    assert (principal.keys[key_id].scopes, principal.keys[key_id].on_behalf_of) == (("read", "write"), OWNER)


def test_a_key_that_could_do_nothing_is_refused() -> None:
    with pytest.raises(Invalid, match="could do nothing"):
        assistant().issue_key(new_id(), DIGEST, scopes=frozenset())


@pytest.mark.parametrize("kind", [each for each in PrincipalKind if each is not PrincipalKind.AGENT])
def test_nobody_but_an_agent_acts_on_behalf_of_another(kind: PrincipalKind) -> None:
    with pytest.raises(Invalid):
        group(kind).issue_key(new_id(), DIGEST, on_behalf_of=OWNER)


@pytest.mark.parametrize("kind", [PrincipalKind.GROUP, PrincipalKind.ROLE])
def test_groups_and_roles_hold_no_keys_and_do_not_sign_in(kind: PrincipalKind) -> None:
    with pytest.raises(Invalid, match="holds no keys"):
        group(kind).issue_key(new_id(), DIGEST)
    with pytest.raises(Invalid, match="cannot sign in"):
        group(kind).identify("https://id.example", "token")


def test_a_rotated_key_ends_and_its_successor_may_do_the_same() -> None:
    principal, old, new = assistant(), new_id(), new_id()
    principal.issue_key(old, DIGEST, scopes=frozenset({"read"}), on_behalf_of=OWNER)
    principal.rotate_key(old, new, bytes(32), NOW + HOUR, None)
    assert principal.keys[old].is_valid(NOW)
    assert not principal.keys[old].is_valid(NOW + HOUR)
    assert principal.keys[new].is_valid(NOW + HOUR)
    assert (principal.keys[new].scopes, principal.keys[new].on_behalf_of) == (("read",), OWNER)


def test_rotating_gives_no_key_a_longer_life() -> None:
    principal, old = assistant(), new_id()
    principal.issue_key(old, DIGEST, NOW + HOUR)
    principal.rotate_key(old, new_id(), bytes(32), NOW + 2 * HOUR, None)
    assert principal.keys[old].expires_at == NOW + HOUR
    assert names(principal)[-1] == "key_issued"


def test_a_revoked_key_is_not_rotated() -> None:
    principal, old = assistant(), new_id()
    principal.issue_key(old, DIGEST)
    principal.revoke_key(old)
    for key_id in (old, new_id()):
        with pytest.raises(NotFound):
            principal.rotate_key(key_id, new_id(), bytes(32), NOW, None)


@pytest.mark.parametrize("kind", [PrincipalKind.GROUP, PrincipalKind.ROLE])
def test_members_come_and_go_and_each_is_recorded_once(kind: PrincipalKind) -> None:
    principal = group(kind)
    principal.add_member(OWNER)
    principal.add_member(OWNER)
    assert principal.members == {OWNER}
    principal.remove_member(OWNER)
    assert principal.members == frozenset()
    assert names(principal) == ["registered", "member_added", "member_removed"]
    with pytest.raises(NotFound, match="no such member"):
        principal.remove_member(OWNER)


@pytest.mark.parametrize("kind", [PrincipalKind.USER, PrincipalKind.AGENT, PrincipalKind.SERVICE])
def test_who_is_no_group_has_no_members(kind: PrincipalKind) -> None:
    with pytest.raises(CannotJoin, match="have no members"):
        group(kind).add_member(OWNER)


def test_deactivating_and_reactivating_are_recorded_when_they_change_something() -> None:
    principal, seen = assistant(), list[bool]()
    for change in (principal.reactivate, principal.deactivate, principal.deactivate, principal.reactivate):
        change()
        seen.append(principal.active)
    assert seen == [True, False, False, True]
    assert names(principal) == ["registered", "deactivated", "reactivated"]
