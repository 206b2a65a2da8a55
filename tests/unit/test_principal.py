from __future__ import annotations

from datetime import datetime

import pytest

from mnemolog.domain.identity import new_id
from mnemolog.domain.principal import Principal, PrincipalKind
from mnemolog.domain.refusals import AlreadyExists, InvalidMetadata, InvalidText, NotFound
from tests.unit.examples import HOUR, NOW, SUBJECT, TENANT, facts_of, fold, names

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
