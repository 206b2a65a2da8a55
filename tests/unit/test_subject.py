from __future__ import annotations

import pytest

from mnemolog.domain.refusals import InvalidText
from mnemolog.domain.subject import Subject
from tests.unit.examples import ALICE, TENANT, facts_of, fold


def alice() -> Subject:
    return Subject.register(tenant_id=TENANT, subject_id=ALICE, name="Alice Moreau")


def test_a_subject_is_known_by_the_id_of_its_key() -> None:
    assert alice().id == ALICE


def test_the_name_of_a_subject_is_sealed_under_its_own_key() -> None:
    subject = alice()
    assert subject.subject_ids == (ALICE,)
    assert {"name"} == Subject.Registered.SEALED


def test_a_subject_is_what_its_events_say() -> None:
    subject = alice()
    assert facts_of(fold(subject.pending_events)) == facts_of(subject)
    assert (subject.name, subject.tenant_id, subject.cube_id) == ("Alice Moreau", TENANT, None)


@pytest.mark.parametrize("name", ["", "  ", "a\x00", "\udc00", "n" * 513])
def test_a_name_that_cannot_be_stored_is_refused(name: str) -> None:
    with pytest.raises(InvalidText, match="name cannot be stored"):
        Subject.register(tenant_id=TENANT, subject_id=ALICE, name=name)
