"""What is erased is gone for everybody and for ever; what is not stays as it was to the byte."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import Store, erasing, open_store
from mnemolog.api.answers import ErasureAnswer
from mnemolog.api.decisions import Decisions
from mnemolog.api.receipts import digest, read_receipt
from mnemolog.domain.commands import Remember
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import (
    Denied,
    ErasedKeysDamaged,
    Invalid,
    InvalidText,
    LegalHold,
    MemoryErased,
    MemoryNotFound,
    NotFound,
    ProjectionBehind,
    Refusal,
    SubjectErased,
    SubjectHeld,
    Unavailable,
)
from tests.databases import database, superuser

BASIS = "case 2026/14"
KEY_TABLES = ("subject_key", "content_key", "root_key", "destroyed_key")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(dsn: str, home: Path) -> Iterator[Store]:
    with opened(dsn, home) as store:
        yield store


def opened(dsn: str, home: Path) -> Store:
    return open_store(home, dsn, embedder=HashingEmbedder())


def person(store: Store, name: str = "Ada") -> UUID:
    return store.principals.register_subject(name).subject_id


def about(store: Store, subject_id: UUID | None, *texts: str) -> tuple[UUID, ...]:
    items = [
        Remember(text=text, key=f"key of {text}", tags=(f"tag of {text}",), subject_id=subject_id) for text in texts
    ]
    return store.memories.remember("main", *items).memory_ids


def other(store: Store, **options: Any) -> Store:
    """The same store for an agent of the tenant."""
    agent = store.principals.register("an agent", PrincipalKind.AGENT, **options)
    return store.acting_as(store.principals.issue_key(agent.principal_id).key)


def said(answer: ErasureAnswer) -> dict[str, Any]:
    assert answer.completed
    assert answer.receipt is not None
    assert answer.verifier_key is not None
    return read_receipt(answer.receipt, answer.verifier_key)


def test_an_erased_memory_is_gone_from_every_question(store: Store) -> None:
    tea, jam = about(store, None, "Tea is in the tin.", "Jam is in the jar.")
    assert store.recall("main", "Where is the tea?", k=1).hits[0].memory_id == tea
    before = store.log.head()
    store.erasures.erase(memory=tea, basis=BASIS)
    assert [hit.memory_id for hit in store.recall("main", "Where is the tea?").hits] == [jam]
    assert [hit.memory_id for hit in store.recall("main", "Where is the tea?", at=before).hits] == [jam]
    assert [memory.memory_id for memory in store.memories.list("main").items] == [jam]
    for ask in (store.memories.get, store.memories.history, lambda each: store.memories.get(each, at=before)):
        with pytest.raises(MemoryErased):
            ask(tea)
    with pytest.raises(MemoryNotFound):
        store.memories.revise(tea, "Tea is in the cup.")
    store.log.verify()


def test_a_receipt_says_what_was_destroyed_and_what_has_forgotten(store: Store) -> None:
    ada = person(store)
    memories = about(store, ada, "Ada likes tea.", "Ada likes jam.")
    begun = store.log.head()
    receipt = said(store.erasures.erase(subject=ada, basis=BASIS))
    streams = sorted([*memories, ada])
    assert receipt["destroyed_keys"] == {
        "streams": 3,
        "streams_sha256": digest(streams),
        "stream_ids": [str(stream) for stream in streams],
    }
    assert (receipt["kind"], receipt["target_id"], receipt["basis"]) == ("subject", str(ada), BASIS)
    assert receipt["requested_by"] == str(store.caller.principal_id)
    assert receipt["views"].keys() == set(store.parts.runner.names)
    assert min(receipt["views"].values()) > receipt["begun_position"] > begun


def test_a_receipt_that_was_changed_is_not_believed(store: Store) -> None:
    (tea,) = about(store, None, "Tea is in the tin.")
    answer = store.erasures.erase(memory=tea, basis=BASIS)
    assert answer.receipt is not None
    assert answer.verifier_key is not None
    with pytest.raises(Refusal):
        read_receipt(answer.receipt.replace(str(tea), str(new_id())), answer.verifier_key)


def test_asked_again_it_gives_the_same_answer(store: Store) -> None:
    (tea,) = about(store, None, "Tea is in the tin.")
    answer = store.erasures.erase(memory=tea, basis=BASIS)
    assert store.erasures.erase(memory=tea, basis="another case") == answer
    assert store.erasures.get(answer.erasure_id or new_id()) == answer
    assert store.erasures.list().items == [answer]


def test_a_dry_run_counts_and_changes_nothing(store: Store) -> None:
    ada = person(store)
    about(store, ada, "Ada likes tea.", "Ada likes jam.")
    store.parts.trail.flush()
    head = store.log.head()
    answer = store.erasures.erase(subject=ada, basis=BASIS, dry_run=True)
    assert (answer.memories, answer.shared, answer.erasure_id, answer.completed) == (2, 0, None, False)
    assert {each.type.partition(".")[0] for each in store.parts.log.read(head, 100)} <= {"access"}
    assert len(store.memories.list("main").items) == 2


def test_nothing_is_stored_any_more_about_an_erased_subject(store: Store) -> None:
    ada = person(store)
    about(store, ada, "Ada likes tea.")
    store.erasures.erase(subject=ada, basis=BASIS)
    head = store.log.head()
    with pytest.raises(SubjectErased):
        about(store, ada, "Ada likes jam.")
    assert all(event.type.startswith("access.") for event in store.parts.log.read(head, 100))
    assert about(store, None, "Somebody likes jam.")


def test_other_subjects_are_read_as_before_to_the_byte(store: Store) -> None:
    ada, bob = person(store), person(store, "Bob")
    store.cubes.found("elsewhere", subject_id=bob)
    about(store, ada, "Ada likes tea.")
    item = Remember(text="Bob likes jam.", key="jam", tags=("food",), speaker="Bob")
    store.memories.remember("elsewhere", item, "Bob likes tea.")
    before = orjson.dumps([store.memories.list("elsewhere").items, store.recall("elsewhere", "tea").hits])
    store.erasures.erase(subject=ada, basis=BASIS)
    assert orjson.dumps([store.memories.list("elsewhere").items, store.recall("elsewhere", "tea").hits]) == before


def test_a_legal_hold_keeps_a_memory_and_with_it_all_of_its_subject(store: Store) -> None:
    ada = person(store)
    tea, jam = about(store, ada, "Ada likes tea.", "Ada likes jam.")
    store.memories.transition(tea, State.FROZEN, legal_hold=True)
    with pytest.raises(LegalHold):
        store.erasures.erase(memory=tea, basis=BASIS)
    with pytest.raises(SubjectHeld, match="1 memories of"):
        store.erasures.erase(subject=ada, basis=BASIS)
    assert {store.memories.get(each).text for each in (tea, jam)} == {"Ada likes tea.", "Ada likes jam."}
    assert store.erasures.list().items == []
    store.memories.transition(tea, State.ACTIVATED)
    store.erasures.erase(subject=ada, basis=BASIS)


def test_who_may_not_erase_changes_nothing(store: Store) -> None:
    ada = person(store)
    shown = Remember(text="Ada likes tea.", subject_id=ada, visibility="tenant")  # type: ignore[arg-type]
    (tea,) = store.memories.remember("main", shown).memory_ids
    (jam,) = about(store, ada, "Ada likes jam.")
    agent = other(store)
    assert agent.memories.get(tea).text == "Ada likes tea."
    with pytest.raises(Denied):
        agent.erasures.erase(memory=tea, basis=BASIS)
    with pytest.raises(MemoryNotFound):
        agent.erasures.erase(memory=jam, basis=BASIS)
    with pytest.raises(Denied):
        agent.erasures.erase(subject=ada, basis=BASIS)
    with pytest.raises(Denied):
        agent.erasures.list()
    assert len(store.memories.list("main").items) == 2


def test_the_owner_of_a_memory_erases_it_and_sees_that_erasure_alone(store: Store) -> None:
    agent = other(store)
    agent.cubes.found("mine")
    (note,) = agent.memories.remember("mine", "A note.").memory_ids
    (tea,) = about(store, None, "Tea is in the tin.")
    theirs = store.erasures.erase(memory=tea, basis=BASIS)
    mine = agent.erasures.erase(memory=note, basis=BASIS)
    assert agent.erasures.get(mine.erasure_id or new_id()) == mine
    with pytest.raises(NotFound):
        agent.erasures.get(theirs.erasure_id or new_id())


def test_a_request_that_cannot_be_meant_is_refused(store: Store) -> None:
    (tea,) = about(store, None, "Tea is in the tin.")
    neither, both = dict[str, Any](), dict[str, Any](memory=tea, subject=new_id())
    for wanted in (neither, both):
        with pytest.raises(Invalid):
            store.erasures.erase(basis=BASIS, **wanted)
    with pytest.raises(InvalidText):
        store.erasures.erase(memory=tea, basis=" ")
    with pytest.raises(NotFound):
        store.erasures.erase(subject=new_id(), basis=BASIS)
    with pytest.raises(MemoryNotFound):
        store.erasures.erase(memory=new_id(), basis=BASIS)
    assert store.memories.get(tea).text


def test_a_person_with_a_key_loses_the_name_and_not_the_control_over_the_key(store: Store) -> None:
    ada = store.principals.register("Ada Lovelace")
    issued = store.principals.issue_key(ada.principal_id)
    hers = store.acting_as(issued.key)
    hers.cubes.found("hers")
    hers.memories.remember("hers", "I like tea.")
    receipt = said(store.erasures.erase(subject=ada.subject_id, basis=BASIS))
    assert str(ada.principal_id) in receipt["destroyed_keys"]["stream_ids"]
    assert hers.recall("hers", "tea").hits == []
    with pytest.raises(SubjectErased):
        hers.memories.remember("hers", "I like jam.")
    store.parts.trail.flush()
    store.principals.revoke_key(ada.principal_id, issued.key_id)


def test_who_was_told_what_stays_on_record_without_what_was_asked(store: Store) -> None:
    ada = store.principals.register("Ada Lovelace")
    hers = store.acting_as(store.principals.issue_key(ada.principal_id).key)
    hers.cubes.found("hers")
    hers.memories.remember("hers", "I like tea.")
    hers.recall("hers", "Lovelace asks for tea")
    store.parts.trail.flush()
    store.erasures.erase(subject=ada.subject_id, basis=BASIS)
    hers.recall("hers", "Lovelace asks again")
    store.parts.trail.flush()
    events = [event for event in store.parts.log.read(0, 1000) if event.type == "access.recorded.v1"]
    recalled = [event for event in events if event.actor_id == ada.principal_id and event.data["kind"] == "recall"]
    assert len(recalled) == 2
    assert all(event.erased and "question" not in event.data for event in recalled)


def test_no_vector_is_stored_again_for_what_was_erased(store: Store) -> None:
    (tea,) = about(store, None, "Tea is in the tin.")
    store.erasures.erase(memory=tea, basis=BASIS)
    store.parts.embeddings.vectors([(tea, "Tea is in the tin.")])
    with superuser(store.parts.settings.dsn or "") as connection:
        assert connection.execute("SELECT count(*) FROM mnemolog.embedding").fetchall() == [(0,)]


def test_another_process_has_no_use_for_the_key_it_remembers(store: Store, dsn: str, home: Path) -> None:
    ada = person(store)
    with opened(dsn, home) as elsewhere:
        (tea,) = about(elsewhere, ada, "Ada likes tea.")  # whose key it has at hand from now on
        store.erasures.erase(subject=ada, basis=BASIS)
        with pytest.raises(SubjectErased):
            about(elsewhere, ada, "Ada likes jam.")
        with pytest.raises(MemoryErased):
            elsewhere.memories.get(tea)


def test_a_write_that_was_decided_before_an_erasure_is_refused_after_it(
    store: Store, dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = person(store)
    with opened(dsn, home) as elsewhere:
        about(elsewhere, ada, "Ada likes tea.")
        check = Decisions._refuse_erased

        def slow(decisions: Decisions, decided: Any) -> None:
            check(decisions, decided)
            if not store.erasures.list().items:
                store.erasures.erase(subject=ada, basis=BASIS)

        monkeypatch.setattr(Decisions, "_refuse_erased", slow)
        head = store.log.head()
        with pytest.raises(SubjectErased):
            about(elsewhere, ada, "Ada likes jam.")
    assert not [event for event in store.parts.log.read(head, 100) if event.type == "memory.generated.v1"]


def test_whoever_writes_at_the_same_moment_is_refused_or_erased(store: Store) -> None:
    ada = person(store)
    written: list[UUID] = []
    refused = threading.Event()

    def write() -> None:
        try:
            while True:
                written.extend(about(store, ada, "Ada likes tea."))
        except SubjectErased:
            refused.set()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    while len(written) < 20:
        pass
    receipt = said(store.erasures.erase(subject=ada, basis=BASIS))
    for writer in writers:
        writer.join()
    assert refused.is_set()
    assert set(receipt["destroyed_keys"]["stream_ids"]) == {str(each) for each in (*written, ada)}
    assert store.memories.list("main").items == []


def test_nobody_is_told_anything_once_an_erasure_has_been_acknowledged(store: Store) -> None:
    ada = person(store)
    memories = about(store, ada, *(f"Ada likes tea number {number}." for number in range(30)))
    acknowledged, stopping = set[UUID](), threading.Event()
    leaks: list[UUID] = []
    reads = 0

    def read(number: int) -> None:
        nonlocal reads
        while not stopping.is_set():
            gone = set(acknowledged)
            told = {hit.memory_id for hit in store.recall("main", "tea").hits}
            told |= {memory.memory_id for memory in store.memories.list("main").items}
            leaks.extend(told & gone)
            reads += 1

    readers = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    for reader in readers:
        reader.start()
    for each in memories[:10]:
        store.erasures.erase(memory=each, basis=BASIS)
        acknowledged.add(each)
    store.erasures.erase(subject=ada, basis=BASIS)
    acknowledged.update(memories)
    enough = reads + 10
    while reads < enough and any(reader.is_alive() for reader in readers):
        pass
    stopping.set()
    for reader in readers:
        reader.join()
    assert reads >= enough
    assert leaks == []


def test_an_erasure_waits_for_what_else_must_forget(store: Store) -> None:
    class Caches:
        name = "caches"

        def __init__(self) -> None:
            self.forgotten: list[UUID] = []
            self.answers = False

        def forget(self, memory_ids: Any) -> None:
            if not self.answers:
                raise Unavailable(reason="the caches do not answer")
            self.forgotten += memory_ids

    caches = Caches()
    store.parts.forgetting.append(caches)
    (tea,) = about(store, None, "Tea is in the tin.")
    with pytest.raises(Unavailable):
        store.erasures.erase(memory=tea, basis=BASIS)
    assert [each.completed for each in store.erasures.list().items] == [False]
    with pytest.raises(MemoryErased):
        store.memories.get(tea)
    caches.answers = True
    erasing.resume(store.parts)
    (answer,) = store.erasures.list().items
    assert said(answer)["forgotten"] == ["caches"]
    assert caches.forgotten == [tea]


def test_a_view_that_is_behind_leaves_an_erasure_unfinished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (tea,) = about(store, None, "Tea is in the tin.")
    wait = store.parts.wait

    def impatient(views: tuple[str, ...], at_least: int | None = None) -> None:
        if "vectors" in views:
            raise ProjectionBehind(view="vectors", position=0, wanted=at_least)
        wait(views, at_least)

    with monkeypatch.context() as patch:
        patch.setattr(store.parts, "wait", impatient)
        with pytest.raises(ProjectionBehind):
            store.erasures.erase(memory=tea, basis=BASIS)
    assert store.erasures.erase(memory=tea, basis=BASIS).completed


def copied(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    with superuser(dsn) as connection:
        return {name: connection.execute(f"SELECT * FROM mnemolog_keys.{name}").fetchall() for name in KEY_TABLES}


def put_back(dsn: str, tables: dict[str, list[tuple[Any, ...]]]) -> None:
    with superuser(dsn) as connection:
        for name, rows in tables.items():
            connection.execute(f"DELETE FROM mnemolog_keys.{name}")
            for row in rows:
                places = ", ".join(["%s"] * len(row))
                connection.execute(f"INSERT INTO mnemolog_keys.{name} VALUES ({places})", row)


def test_keys_that_come_back_with_a_copy_are_destroyed_again(
    dsn: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(dsn, home) as store:
        ada = person(store)
        (hers,) = about(store, ada, "Ada likes tea.")
        tea, jam = about(store, None, "Tea is in the tin.", "Jam is in the jar.")
        copy = copied(dsn)
        store.erasures.erase(subject=ada, basis=BASIS)
        store.erasures.erase(memory=tea, basis=BASIS)
    put_back(dsn, copy)
    with opened(dsn, home) as store:
        for each in (hers, tea):
            with pytest.raises(MemoryErased):
                store.memories.get(each)
        assert store.memories.get(jam).text == "Jam is in the jar."
        with pytest.raises(SubjectErased):
            about(store, ada, "Ada likes jam.")
        assert len(store.erasures.list().items) == 2
    kept = copied(dsn)
    assert not {ada, hers, tea} & {row[0] for name in ("subject_key", "content_key") for row in kept[name]}
    assert caplog.text.count(erasing.RESTORED) == 3  # the subject's key, and that of each stream with its own tombstone


def test_a_whole_database_from_before_is_erased_again(server: EmbeddedPostgres, dsn: str, home: Path) -> None:
    with opened(dsn, home) as store:
        ada = person(store)
        (hers,) = about(store, ada, "Ada likes tea.")
        tea, jam = about(store, None, "Tea is in the tin.", "Jam is in the jar.")
        store.recall("main", "tea")
    with database(server, dsn.rpartition("dbname=")[2]) as older:
        with opened(dsn, home) as store:
            store.erasures.erase(subject=ada, basis=BASIS)
            store.erasures.erase(memory=tea, basis=BASIS)
        with opened(older, home) as store:
            assert {said(answer)["basis"] for answer in store.erasures.list().items} == {erasing.RESTORED}
            assert [hit.memory_id for hit in store.recall("main", "tea").hits] == [jam]
            for each in (hers, tea):
                with pytest.raises(MemoryErased):
                    store.memories.get(each)
            with superuser(older) as connection:
                assert connection.execute("SELECT memory_id FROM mnemolog.embedding").fetchall() == [(jam,)]
            store.views.verify()


def test_a_home_that_is_new_learns_from_the_database_what_was_destroyed(dsn: str, home: Path, tmp_path: Path) -> None:
    with opened(dsn, home) as store:
        (tea,) = about(store, None, "Tea is in the tin.")
        ada = person(store)
        store.erasures.erase(memory=tea, basis=BASIS)
        store.erasures.erase(subject=ada, basis=BASIS)
        (file,) = [path for path in (home / "erased").iterdir() if path.suffix != ".lock"]
    file.unlink()
    with opened(dsn, home) as store:
        assert store.parts.tombstones.all() == {tea, ada}


def test_a_list_of_destroyed_keys_that_was_changed_stops_the_store(dsn: str, home: Path) -> None:
    with opened(dsn, home) as store:
        (tea,) = about(store, None, "Tea is in the tin.")
        store.erasures.erase(memory=tea, basis=BASIS)
        path = store.parts.tombstones.path
    path.write_text(path.read_text().replace(tea.hex, new_id().hex))
    with pytest.raises(ErasedKeysDamaged):
        opened(dsn, home)


def test_erasing_a_large_subject_goes_in_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BATCH", 7)
    ada = person(store)
    about(store, ada, *(f"Ada said {number}." for number in range(40)))
    receipt = said(store.erasures.erase(subject=ada, basis=BASIS))
    assert receipt["destroyed_keys"]["streams"] == 41
    assert store.memories.list("main").items == []
