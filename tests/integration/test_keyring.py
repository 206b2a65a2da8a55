"""What destroying a key does: to loading, to reading, to views, and in every process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from mnemolog.adapters.keyring import Keyring, key_check, open_sealed, seal
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.keys import PostgresKeys
from mnemolog.adapters.postgres.log import PostgresLog
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Event, Origin
from mnemolog.domain.memory import Memory
from mnemolog.domain.refusals import Invalid, KeyUnavailable, MemoryErased, StoreUnreachable, VerificationFailed
from tests.databases import superuser
from tests.factories import KEY_ENCRYPTION_KEY, House

ORIGIN = Origin()
OTHER_KEY = bytes(32)
TEXT = "Tea is kept in the blue tin."


@pytest.fixture
def elsewhere(dsn: str) -> Iterator[LogApplication]:
    """The same store, in another process as far as keys and caches go."""
    application = LogApplication(dsn, KEY_ENCRYPTION_KEY)
    yield application
    application.close()


def read(application: LogApplication) -> Sequence[Event]:
    return PostgresLog(application.log_recorder, application.keyring).read(0, 1000)


def destroy(dsn: str, table: str, key: UUID) -> None:
    column = {"content_key": "key_id", "subject_key": "subject_id"}[table]
    with superuser(dsn) as connection:
        gone = connection.execute(f"DELETE FROM mnemolog_keys.{table} WHERE {column} = %s", (key,))
        assert gone.rowcount == 1


def recorded(application: LogApplication, house: House, **facts: Any) -> Memory:
    memory = house.activated(TEXT, **facts)
    assert application.record(memory, origin=ORIGIN) is not None
    return memory


@pytest.mark.parametrize("table", ["content_key", "subject_key"])
def test_destroying_a_key_erases_in_every_process(
    application: LogApplication, elsewhere: LogApplication, dsn: str, table: str
) -> None:
    house = House()
    memory = recorded(application, house)
    processes = application, elsewhere
    assert [process.load(Memory, memory.id).text for process in processes] == [TEXT, TEXT]
    assert [read(process)[0].data["text"] for process in processes] == [TEXT, TEXT]
    destroy(dsn, table, memory.id if table == "content_key" else house.owner_id)
    for process in processes:
        with pytest.raises(MemoryErased):
            process.load(Memory, memory.id)
        generated, activated = read(process)
        assert (generated.erased, activated.erased) == (True, False)
        assert not {"text", "description"} & generated.data.keys()
        assert generated.data["governance"]["owner_id"] == str(house.owner_id)
        assert PostgresLog(process.log_recorder, process.keyring).at([1])[1].erased


def test_what_is_left_of_an_erased_memory_takes_no_new_text(application: LogApplication, dsn: str) -> None:
    memory = recorded(application, House())
    destroy(dsn, "content_key", memory.id)
    memory.revise(memory.occurred_at, "Now in the red tin.")
    with pytest.raises(MemoryErased):
        application.record(memory, origin=ORIGIN)


def test_destroying_one_key_leaves_what_others_sealed(application: LogApplication, dsn: str) -> None:
    house, other = House(), House()
    memory, kept = recorded(application, house), recorded(application, other)
    sibling = recorded(application, house)
    destroy(dsn, "content_key", memory.id)
    assert application.load(Memory, sibling.id).text == TEXT
    destroy(dsn, "subject_key", house.owner_id)
    assert application.load(Memory, kept.id).text == TEXT
    assert [event.erased for event in read(application) if event.version == 1] == [True, False, True]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_memory_of_two_people_is_gone_when_either_key_is(application: LogApplication, dsn: str, lost: int) -> None:
    subjects = new_id(), new_id()
    memory = recorded(application, House(), subject_ids=subjects)
    assert application.load(Memory, memory.id).text == TEXT
    destroy(dsn, "subject_key", subjects[lost])
    with pytest.raises(MemoryErased):
        application.load(Memory, memory.id)
    assert read(application)[0].erased


def test_two_processes_that_meet_a_new_person_agree_on_the_key(
    application: LogApplication, elsewhere: LogApplication
) -> None:
    house = House()
    memories = [recorded(process, house) for process in (application, elsewhere, application)]
    for process in (application, elsewhere):
        assert [process.load(Memory, memory.id).text for memory in memories] == [TEXT] * 3


def test_another_key_encryption_key_does_not_open_the_store(application: LogApplication, dsn: str) -> None:
    with pytest.raises(KeyUnavailable, match="another one"):
        LogApplication(dsn, OTHER_KEY)


def test_another_key_encryption_key_opens_no_keys(application: LogApplication) -> None:
    recorded(application, House())
    stranger = Keyring(OTHER_KEY, PostgresKeys(application.datastore))
    with pytest.raises(KeyUnavailable):
        PostgresLog(application.log_recorder, stranger).read(0, 10)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_encryption_key_has_32_bytes(application: LogApplication, size: int) -> None:
    with pytest.raises(KeyUnavailable):
        Keyring(bytes(size), application.keyring.tables)


def test_keys_that_were_exchanged_are_noticed_and_not_taken_for_erased(application: LogApplication, dsn: str) -> None:
    house = House()
    one, other = recorded(application, house), recorded(application, house)
    with superuser(dsn) as connection:
        connection.execute(
            """UPDATE mnemolog_keys.content_key a SET wrapped = b.wrapped FROM mnemolog_keys.content_key b
               WHERE a.key_id = %s AND b.key_id = %s""",
            (one.id, other.id),
        )
    with pytest.raises(VerificationFailed):
        application.load(Memory, one.id)
    assert application.load(Memory, other.id).text == TEXT


def test_what_is_sealed_needs_somebody_whose_key_can_be_destroyed(application: LogApplication) -> None:
    with pytest.raises(Invalid, match="data subject"):
        recorded(application, House(), subject_ids=())


def test_no_key_is_stored_as_it_is(application: LogApplication, dsn: str) -> None:
    recorded(application, House())
    with superuser(dsn) as connection:
        query = "SELECT wrapped FROM mnemolog_keys.subject_key UNION ALL SELECT wrapped FROM mnemolog_keys.content_key"
        wrapped = [value for (value,) in connection.execute(query).fetchall()]
    assert [len(value) for value in wrapped] == [12 + 32 + 16] * 2


def test_a_token_is_the_same_for_the_same_text_and_key_only(application: LogApplication) -> None:
    own, stranger = application.keyring, Keyring(OTHER_KEY, application.keyring.tables)
    tokens = [own.token("tag:tea"), own.token("tag:coffee"), stranger.token("tag:tea"), own.digest_secret("tag:tea")]
    assert len(set(tokens)) == 4
    assert own.token("tag:tea") == tokens[0]
    assert len(tokens[0]) == 16


def test_the_check_value_of_a_key_tells_keys_apart_and_is_not_part_of_one() -> None:
    assert key_check(KEY_ENCRYPTION_KEY) != key_check(OTHER_KEY)
    assert key_check(KEY_ENCRYPTION_KEY) not in KEY_ENCRYPTION_KEY.hex()


def test_sealing_the_same_text_twice_gives_different_bytes(application: LogApplication) -> None:
    key, cipher = application.keyring.new_content_key(new_id(), new_id(), (new_id(),))
    one, other = (seal(cipher, b"text", b"context") for _ in range(2))
    assert one != other
    opener = application.keyring.cipher(key)
    assert opener is not None
    assert open_sealed(opener, one, b"context", None) == b"text"
    with pytest.raises(VerificationFailed):
        open_sealed(opener, one, b"another context", None)
    with pytest.raises(InvalidTag):
        opener.decrypt(one[:12], one[12:], b"another context")


def test_a_store_that_does_not_answer_is_a_refusal() -> None:
    with pytest.raises(StoreUnreachable, match="/nowhere"):
        LogApplication("host=/nowhere", KEY_ENCRYPTION_KEY)
