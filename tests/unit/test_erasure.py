from __future__ import annotations

from uuid import UUID

import pytest

from mnemolog.domain.erasure import MOST_LISTED, Doomed, Erasure, Kind, erased, statement
from mnemolog.domain.identity import new_id
from mnemolog.domain.memory import Memory
from mnemolog.domain.refusals import InvalidText, SubjectErased
from mnemolog.domain.subject import Subject
from tests.factories import NOW, House


def begun(**facts: str) -> Erasure:
    return Erasure.begin(tenant_id=new_id(), kind=Kind.MEMORY, target_id=new_id(), basis=facts.get("basis", "case 1"))


def test_an_erasure_is_complete_when_it_has_a_receipt_and_has_one_receipt() -> None:
    assert begun().receipt is None
    erasure = begun()
    erasure.complete("a receipt")
    erasure.complete("another one")
    assert erasure.receipt == "a receipt"
    assert [type(event) for event in erasure.collect_events()] == [Erasure.Begun, Erasure.Completed]


@pytest.mark.parametrize("basis", ["", " ", "a\x00b", "x" * 513])
def test_an_erasure_has_a_basis(basis: str) -> None:
    with pytest.raises(InvalidText):
        begun(basis=basis)


def test_nothing_that_an_erasure_says_is_sealed_because_it_outlives_every_key() -> None:
    assert not Erasure.Begun.SEALED | Erasure.Completed.SEALED | Memory.Erased.SEALED | Subject.Erased.SEALED


def test_a_memory_is_erased_without_being_loaded_by_the_event_that_it_would_have_recorded() -> None:
    house = House()
    memory = house.activated()
    memory.collect_events()
    doomed = Doomed(memory.id, memory.version, memory.tenant_id, house.cube_id, memory.subject_ids)
    event = erased(doomed, NOW)
    memory.transition_state(event.target)
    (own,) = memory.collect_events()
    assert {**vars(own), "timestamp": NOW} == vars(event)


def test_a_subject_is_erased_once() -> None:
    subject = Subject.register(tenant_id=new_id(), subject_id=new_id(), name="Ada")
    subject.erase()
    assert (subject.erased, subject.name) == (True, "")
    with pytest.raises(SubjectErased):
        subject.erase()


@pytest.mark.parametrize(("count", "listed"), [(0, True), (MOST_LISTED, True), (MOST_LISTED + 1, False)])
def test_a_statement_names_the_streams_while_there_are_not_too_many(count: int, listed: bool) -> None:
    streams = [UUID(int=number) for number in range(count)]
    said = statement({"kind": "memory"}, streams, "the digest")["destroyed_keys"]
    assert said["streams"] == count
    assert said["streams_sha256"] == "the digest"
    assert said["stream_ids"] == ([str(stream) for stream in streams] if listed else None)
