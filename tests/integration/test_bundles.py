"""A cube is taken away and lives again: the same answers, nobody's secrets, and nothing where something is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.adapters.bundle_events import EVENTS_FILE
from mnemolog.adapters.bundle_files import read_bundle
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.verify import leaf_of
from mnemolog.api import Store, loading, open_store
from mnemolog.api.answers import RecallAnswer
from mnemolog.api.bundle_answers import Dumped
from mnemolog.api.settings import Settings
from mnemolog.domain.access import Access
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Effect, Level, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event, Selection
from mnemolog.domain.memory import Relation
from mnemolog.domain.merkle import HashLevels
from mnemolog.domain.metadata import TRUST, Sensitivity, Source, Visibility
from mnemolog.domain.permissions import Action
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import (
    AlreadyExists,
    BundleCorrupted,
    ConditionFailed,
    CubeNotFound,
    Denied,
    IdempotencyKeyReused,
    Invalid,
    SigningKeyUnavailable,
    Unavailable,
    VerificationFailed,
)
from tests.databases import database
from tests.dumps import Told, every_file, story, write

QUESTIONS = ("Where is the tea?", "When does the train leave?", "What does Ada drink?")


def opened(home: Path, dsn: str) -> Store:
    return open_store(settings=Settings(home=home, dsn=dsn, checkpoint_seconds=0.01), embedder=HashingEmbedder())


@pytest.fixture(scope="module")
def store(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with database(server) as dsn, opened(tmp_path_factory.mktemp("home"), dsn) as store:
        yield store


@pytest.fixture(scope="module")
def elsewhere(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with database(server) as dsn, opened(tmp_path_factory.mktemp("home"), dsn) as store:
        yield store


@pytest.fixture
def cube(store: Store) -> str:
    return store.cubes.found(f"cube-{new_id().hex}").name


@pytest.fixture
def told(store: Store, cube: str) -> tuple[UUID, ...]:
    """Memories to which something has happened: tea, train, Ada, dog, cat, and both."""
    ids = store.memories.remember(
        cube,
        Remember(text="Tea is in the blue tin.", speaker="Ada", key="tea", tags=("kitchen",)),
        Remember(text="The train leaves at nine.", context_id=UUID(int=9), expires_at=later(store)),
        Remember(text="Ada drinks tea.", sensitivity=Sensitivity.SECRET, purposes=("care",)),
        Remember(text="The dog sleeps."),
        Remember(text="The cat sleeps."),
    ).memory_ids
    tea, train, ada, dog, cat = ids
    store.memories.revise(tea, "Tea is in the red tin.")
    store.memories.link(tea, ada, Relation.SUPPORTS, 0.5)
    store.memories.transition(train, State.FROZEN, legal_hold=True)
    both = store.memories.merge([dog, cat], "All animals sleep.").memory_ids[0]
    return (*ids, both)


def later(store: Store) -> datetime:
    return store.parts.clock.now() + timedelta(days=1)


def person(store: Store, kind: PrincipalKind = PrincipalKind.USER, **key: Any) -> Store:
    principal_id = store.principals.register("somebody", kind).principal_id
    return store.acting_as(store.principals.issue_key(principal_id, **key).key)


def permit(store: Store, who: Store, resource_id: UUID, *actions: Action, level: Level = Level.CUBE) -> None:
    whom, what = who.caller.principal_id, frozenset(actions)
    store.grants.issue(Terms(subject_id=whom, actions=what, effect=Effect.PERMIT, level=level, resource_id=resource_id))


def answers(store: Store, cube: str | UUID, at: int | None = None) -> list[list[tuple[object, ...]]]:
    return [said(store.recall(cube, question, at=at)) for question in QUESTIONS]


def said(answer: RecallAnswer) -> list[tuple[object, ...]]:
    return [
        (hit.text, hit.score, hit.signals, hit.state, hit.trust, hit.key, hit.tags, hit.speaker, hit.occurred_at)
        for hit in answer.hits
    ]


def heads(*stores: Store) -> list[int]:
    """With what waits to be put on record."""
    for store in stores:
        store.parts.trail.flush()
    return [store.parts.log.head() for store in stores]


def called() -> str:
    return f"copy-{new_id().hex}"


# -- there and back


def test_the_loaded_cube_answers_as_the_old_one_did(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    store.memories.remember(cube, "Tea is out.")
    computed = elsewhere.parts.embeddings.computed
    loaded = elsewhere.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    assert (dumped.memories, dumped.readable, dumped.left_out, loaded.left_out) == (6, 6, 0, {})
    assert answers(elsewhere, loaded.cube_id) == answers(store, cube, at=dumped.position)
    assert elsewhere.parts.embeddings.computed == computed
    assert (len(loaded.memory_ids), loaded.events, loaded.quarantined) == (6, dumped.events, False)


def test_every_memory_is_what_it_was(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    loaded = elsewhere.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    ids = dict(zip(told, loaded.memory_ids, strict=True))
    for old, new in ids.items():
        before, after = store.memories.get(old), elsewhere.memories.get(new)
        same = ("text", "key", "tags", "speaker", "state", "trust", "occurred_at", "expires_at", "legal_hold")
        assert [getattr(before, name) for name in same] == [getattr(after, name) for name in same]
        assert after.governance == {**before.governance, "owner_id": str(elsewhere.caller.principal_id)}
        assert after.parents == tuple(ids[parent] for parent in before.parents)
        assert after.merged_into == (before.merged_into and ids[before.merged_into])
        assert after.subject_ids == (elsewhere.caller.subject_id,)
    assert elsewhere.memories.links(ids[told[0]]) == [(ids[told[2]], Relation.SUPPORTS, 0.5)]
    first = elsewhere.memories.history(ids[told[0]])[0]
    assert first.data["text"] == "Tea is in the blue tin."


def test_the_origin_is_in_the_log_for_ever(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    loaded = elsewhere.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    (founded,) = elsewhere.log.page(cube_id=loaded.cube_id, limit=1).items
    assert founded.data["loaded_from"] == {
        "origin": dumped.verifier_key.split("+")[0],
        "cube_id": str(dumped.cube_id),
        "position": dumped.position,
        "manifest_sha256": dumped.manifest_sha256,
        "quarantined": False,
    }
    assert founded.data["left_out"] == {}
    assert elsewhere.log.verify().position >= loaded.position


def test_a_dump_of_the_past_holds_the_past(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    now = store.bundles.dump(cube, tmp_path / "now")
    store.memories.revise(told[0], "Tea is out.")
    store.memories.remember(cube, "Coffee is in the tin.")
    dumped = store.bundles.dump(cube, tmp_path / "then", at=now.position)
    assert (dumped.position, dumped.events, dumped.memories) == (now.position, now.events, now.memories)
    loaded = elsewhere.bundles.load(tmp_path / "then", name=called(), key=dumped.verifier_key)
    assert answers(elsewhere, loaded.cube_id) == answers(store, cube, at=now.position)
    with pytest.raises(CubeNotFound):
        store.bundles.dump(cube, tmp_path / "before", at=1)


def test_another_model_embeds_for_itself(
    store: Store, cube: str, told: tuple[UUID, ...], dsn: str, tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    there = Settings(home=tmp_path / "home", dsn=dsn)
    with open_store(settings=there, embedder=HashingEmbedder(dimensions=32)) as other:
        loaded = other.bundles.load(tmp_path / "dump", key=dumped.verifier_key)
        assert other.recall(loaded.cube_id, QUESTIONS[0]).hits[0].text == "Tea is in the red tin."
        assert other.parts.embeddings.computed == 7


def test_what_was_loaded_can_be_dumped_and_loaded_again(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    first = store.bundles.dump(cube, tmp_path / "first")
    there = elsewhere.bundles.load(tmp_path / "first", name=called(), key=first.verifier_key)
    second = elsewhere.bundles.dump(there.cube_id, tmp_path / "second")
    back = store.bundles.load(tmp_path / "second", name=called(), key=second.verifier_key)
    assert answers(store, back.cube_id) == answers(store, cube)


# -- who may take what


def test_only_what_one_may_export_is_taken_and_reading_is_not_enough(
    store: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    reader = person(store)
    row = store.cubes.get(cube)
    permit(store, reader, row.cube_id, Action.READ)
    assert reader.bundles.dump(row.cube_id, tmp_path / "read").memories == 0
    permit(store, reader, told[3], Action.EXPORT, level=Level.MEMORY)
    dumped = reader.bundles.dump(row.cube_id, tmp_path / "one")
    assert (dumped.memories, dumped.readable, dumped.left_out) == (1, 1, None)
    found = read_bundle(tmp_path / "one")
    assert {each[1] for each in found.rows} == {row.cube_id, told[3]}
    assert b"".join(every_file(tmp_path / "one").values()).count(str(told[0]).encode()) == 0


def test_a_key_that_does_not_reach_so_far_takes_nothing(
    store: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    bound = store.acting_as(store.principals.issue_key(store.caller.principal_id, scopes=frozenset({Action.READ})).key)
    with pytest.raises(Denied):
        bound.bundles.dump(cube, tmp_path / "dump")
    with pytest.raises(CubeNotFound):
        person(store).bundles.dump(cube, tmp_path / "dump")
    assert list(tmp_path.iterdir()) == []


def test_private_words_of_others_purposes_and_what_has_expired_stay_behind(
    store: Store, cube: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = person(store)
    row = store.cubes.get(cube)
    permit(store, writer, row.cube_id, Action.READ, Action.WRITE)
    writer.memories.remember(
        row.cube_id,
        Remember(text="A secret of mine.", visibility=Visibility.PRIVATE),
        Remember(text="For care alone.", purposes=("care",)),
        Remember(text="Soon forgotten.", expires_at=later(store)),
        Remember(text="For everybody."),
    )
    monkeypatch.setattr(store.parts, "clock", Stopped(later(store)))
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    assert (dumped.memories, dumped.left_out) == (1, 3)
    assert store.for_purpose("care").bundles.dump(cube, tmp_path / "care").memories == 2


@dataclass
class Stopped:
    moment: datetime

    def now(self) -> datetime:
        return self.moment


def test_what_was_taken_is_on_record_before_it_is_in_a_file(
    store: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    (before,) = heads(store)
    store.bundles.dump(cube, tmp_path / "dump")
    (recorded,) = records(store, before)
    assert recorded.data["kind"] == "bundles.dump"
    assert {UUID(each) for each in recorded.data["memory_ids"]} == set(told)
    assert all(recorded.data["text_positions"])
    assert recorded.data["cube_ids"] == [str(store.cubes.get(cube).cube_id)]
    (before,) = heads(store)
    with pytest.raises(AlreadyExists):
        store.bundles.dump(cube, tmp_path / "dump")
    assert records(store, before) == []


def test_an_empty_cube_is_a_cube(store: Store, elsewhere: Store, cube: str, tmp_path: Path) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    loaded = elsewhere.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    assert (dumped.events, loaded.events, loaded.memory_ids) == (1, 1, ())
    elsewhere.memories.remember(loaded.name, "Tea is in the tin.")
    assert elsewhere.recall(loaded.cube_id, QUESTIONS[0]).hits[0].text == "Tea is in the tin."


def records(store: Store, after: int) -> list[Event]:
    store.parts.trail.flush()
    wanted = Selection(tenant_id=store.caller.tenant_id, types=(Access.Recorded.TOPIC,))
    return [event for event in store.parts.log.read(after, 500, wanted) if event.data["kind"].startswith("bundles.")]


def test_of_an_erased_memory_there_is_the_proof_and_no_key(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    old = store.bundles.dump(cube, tmp_path / "old")
    store.erasures.erase(memory=told[3], basis="case 7")
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    assert (dumped.memories, dumped.readable) == (6, 5)
    assert b"dog" not in b"".join(every_file(tmp_path / "dump").values())
    loaded = elsewhere.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    assert (len(loaded.memory_ids), loaded.left_out) == (5, {"erased": 1, "parents": 1})
    again = store.bundles.load(tmp_path / "old", name=called(), key=old.verifier_key)
    assert again.left_out["erased"] == 1
    texts = [memory.text for memory in store.memories.list(again.cube_id).items]
    assert "The dog sleeps." not in texts
    assert len(texts) == 5


def test_an_erased_person_does_not_come_back_with_an_old_dump(store: Store, cube: str, tmp_path: Path) -> None:
    ada = store.principals.register_subject("Ada").subject_id
    store.memories.remember(cube, Remember(text="Ada sings.", subject_id=ada), "It rains.")
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    kept = store.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    assert store.memories.get(kept.memory_ids[0]).subject_ids == (ada,)
    store.erasures.erase(subject=ada, basis="case 8")
    loaded = store.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    assert [memory.text for memory in store.memories.list(loaded.cube_id).items] == ["It rains."]
    assert loaded.left_out == {"erased": 1}


def test_without_keys_it_can_be_verified_and_not_read(
    store: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "bare", keys=False)
    assert (dumped.memories, dumped.readable) == (6, 0)
    assert sorted(every_file(tmp_path / "bare")) == ["checkpoint", "events.ndjson", "manifest.json", "signature"]
    assert len(read_bundle(tmp_path / "bare", dumped.verifier_key).rows) == dumped.events
    with pytest.raises(Invalid, match="without its keys"):
        store.bundles.load(tmp_path / "bare", name=called(), key=dumped.verifier_key)


# -- whose word it is


def test_without_a_key_everything_waits_in_quarantine(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    for key, quarantine in ((None, False), (dumped.verifier_key, True)):
        computed = elsewhere.parts.embeddings.computed
        loaded = elsewhere.bundles.load(tmp_path / "dump", name=called(), key=key, quarantine=quarantine)
        assert loaded.quarantined
        assert loaded.left_out == {"legal_holds": 1}
        assert not any(elsewhere.recall(loaded.cube_id, question).hits for question in QUESTIONS)
        assert elsewhere.parts.embeddings.computed == computed + 7, "whose vectors nobody vouches for are made here"
        memories = [elsewhere.memories.get(memory_id) for memory_id in loaded.memory_ids]
        assert {memory.state for memory in memories} == {"generated", "archived"}
        assert {memory.trust for memory in memories} == {TRUST[Source.IMPORT]}
        assert {memory.governance["source"] for memory in memories} == {"import"}
        elsewhere.memories.transition(loaded.memory_ids[0], State.ACTIVATED)
        assert elsewhere.recall(loaded.cube_id, QUESTIONS[0]).hits[0].text == "Tea is in the red tin."


def test_nobody_makes_more_of_a_word_by_signing_it_with_a_key_of_ones_own(
    store: Store, elsewhere: Store, cube: str, tmp_path: Path
) -> None:
    (held,) = store.memories.remember(cube, "Tea is in the tin.").memory_ids
    store.memories.transition(held, State.FROZEN, legal_hold=True)
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    agent = person(elsewhere, PrincipalKind.AGENT)
    loaded = agent.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    memory = agent.memories.get(loaded.memory_ids[0])
    assert (memory.trust, memory.governance["source"]) == (TRUST[Source.AGENT], "agent")
    assert (memory.legal_hold, memory.state, loaded.left_out) == (False, "frozen", {"legal_holds": 1})
    assert memory.governance["owner_id"] == str(agent.caller.principal_id)
    assert loaded.cube_id == agent.cubes.get(loaded.name).cube_id


def test_in_the_store_that_it_came_from_people_stay_who_they_are(store: Store, cube: str, tmp_path: Path) -> None:
    writer, stranger = person(store), new_id()
    row = store.cubes.get(cube)
    permit(store, writer, row.cube_id, Action.READ, Action.WRITE)
    readers = (store.caller.principal_id, stranger)
    writer.memories.remember(row.cube_id, Remember(text="Mine.", access_control=readers))
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    loaded = store.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    governance = store.memories.get(loaded.memory_ids[0]).governance
    assert governance["owner_id"] == str(writer.caller.principal_id)
    assert governance["access_control"] == [str(store.caller.principal_id)]
    assert loaded.left_out == {"access_control": 1}


def test_a_key_that_may_not_write_and_an_agent_for_somebody_load_nothing(
    store: Store, cube: str, tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    bound = store.acting_as(store.principals.issue_key(store.caller.principal_id, scopes=frozenset({Action.READ})).key)
    acting = Store(store.parts, replace(store.caller, on_behalf_of=store.caller.principal_id))
    for caller in (bound, acting):
        with pytest.raises(Denied):
            caller.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)


# -- all or nothing, once


def test_the_same_request_is_done_once_and_answered_the_same(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    name, request = called(), new_id()
    first = elsewhere.bundles.load(tmp_path / "dump", name=name, key=dumped.verifier_key, idempotency_key=request)
    head = heads(elsewhere)
    again = elsewhere.bundles.load(tmp_path / "dump", name=name, key=dumped.verifier_key, idempotency_key=request)
    assert again == replace(first, replayed=True)
    assert heads(elsewhere) == head
    with pytest.raises(IdempotencyKeyReused):
        elsewhere.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key, idempotency_key=request)
    with pytest.raises(AlreadyExists):
        elsewhere.bundles.load(tmp_path / "dump", name=name, key=dumped.verifier_key)
    assert heads(elsewhere) == head


class Whole:
    def __init__(self, folder: Path, dumped: Dumped) -> None:
        self.folder, self.dumped = folder, dumped
        self.files = every_file(folder)

    def __repr__(self) -> str:
        return "a dump"


@pytest.fixture(scope="module")
def whole(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("dumps") / "whole"
    store.memories.remember("main", "Tea is in the tin.", "The train leaves at nine.")
    return Whole(folder, store.bundles.dump("main", folder))


@settings(max_examples=60)
@given(data=st.data())
def test_one_byte_that_is_another_changes_nothing_anywhere(
    whole: Whole, elsewhere: Store, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(whole.files)))
    content = bytearray(whole.files[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("changed") / "dump"
    shutil.copytree(whole.folder, folder)
    (folder / name).write_bytes(content)
    before = heads(elsewhere), vectors_kept(elsewhere)
    key = data.draw(st.sampled_from((None, whole.dumped.verifier_key)))
    with pytest.raises(VerificationFailed) as refused:
        elsewhere.bundles.load(folder, name=called(), key=key)
    assert refused.value.exit_code == 6
    assert (heads(elsewhere), vectors_kept(elsewhere)) == before
    shutil.rmtree(folder)


def vectors_kept(store: Store) -> int:
    count: int = store.parts.application.log_recorder.rows("SELECT count(*) FROM mnemolog.embedding", {})[0][0]
    return count


def test_a_signed_history_that_no_store_could_have_written_changes_nothing(elsewhere: Store, tmp_path: Path) -> None:
    told = story()
    signer = write(told, tmp_path / "dump", rows=told.rows)
    loaded = elsewhere.bundles.load(tmp_path / "dump", name=called(), key=signer.verifier.verifier_key)
    assert [elsewhere.memories.get(each).text for each in loaded.memory_ids] == [
        "Tea is in the red tin.",
        "The train leaves at nine.",
    ]
    forged = forged_weight(told)
    signer = write(forged, tmp_path / "forged")
    before = heads(elsewhere), vectors_kept(elsewhere)
    with pytest.raises(BundleCorrupted, match="position"):
        elsewhere.bundles.load(tmp_path / "forged", name=called(), key=signer.verifier.verifier_key)
    assert (heads(elsewhere), vectors_kept(elsewhere)) == before


def forged_weight(told: Told) -> Told:
    """In a log of one's own everything can be proven, also that a memory supports another more than wholly."""
    last = told.rows[-1]
    payload = {**orjson.loads(last[13]), "target_id": str(told.rows[1][1]), "relation": "supports", "weight": 1e300}
    row = (*last[:3], "memory.linked.v1", *last[4:13], orjson.dumps(payload).decode(), *last[14:])
    row = (*row[:16], leaf_of(row), None)
    levels = HashLevels()
    leaves = {each[0]: each[16] for each in (*told.rows[:-1], row)}
    for position in range(1, told.levels.size + 1):
        levels.append(leaves.get(position, b"\x01" * 32))
    return replace(told, rows=(*told.rows[:-1], row), levels=levels)


def test_what_cannot_be_appended_leaves_no_vector(
    store: Store, elsewhere: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = store.bundles.dump(cube, tmp_path / "dump")
    before = heads(elsewhere), vectors_kept(elsewhere)
    monkeypatch.setattr(loading, "DECIDED", ())  # then any event that came in between refuses it
    head = elsewhere.parts.log.head()
    monkeypatch.setattr(elsewhere.parts.log, "head", lambda: head - 1)
    with pytest.raises(ConditionFailed):
        elsewhere.bundles.load(tmp_path / "dump", name=called(), key=dumped.verifier_key)
    monkeypatch.undo()
    assert (heads(elsewhere), vectors_kept(elsewhere)) == before


def test_a_process_that_signs_nothing_dumps_nothing(dsn: str, tmp_path: Path) -> None:
    with opened(tmp_path / "signs", dsn) as signing:
        signing.memories.remember("main", "Tea is in the tin.")
        (tmp_path / "not").mkdir()
        for name in ("owner.key", "key-encryption.key"):
            shutil.copy2(tmp_path / "signs" / name, tmp_path / "not" / name)
        signing.bundles.dump("main", tmp_path / "dump")
        with opened(tmp_path / "not", dsn) as other, pytest.raises(SigningKeyUnavailable):
            other.bundles.dump("main", tmp_path / "more")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump", "not", "signs"]


def test_what_no_checkpoint_binds_in_time_is_not_dumped(dsn: str, tmp_path: Path) -> None:
    never = Settings(home=tmp_path / "home", dsn=dsn, checkpoint_seconds=3600, wait_seconds=0.3)
    with open_store(settings=never, embedder=HashingEmbedder()) as store, pytest.raises(Unavailable, match="binds"):
        store.bundles.dump("main", tmp_path / "dump")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_place_that_cannot_be_written_to_is_refused(store: Store, cube: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be written"):
        store.bundles.dump(cube, tmp_path / "no" / "such" / "folder")


def test_the_lines_of_a_dump_are_those_of_the_log(
    store: Store, cube: str, told: tuple[UUID, ...], tmp_path: Path
) -> None:
    store.bundles.dump(cube, tmp_path / "dump")
    lines = [orjson.loads(line) for line in (tmp_path / "dump" / EVENTS_FILE).read_bytes().splitlines()]
    exported = {each["position"]: each for each in map(orjson.loads, store.evidence.export()) if "position" in each}
    for line in lines:
        proof = line.pop("proof")
        assert line == {name: exported[line["position"]][name] for name in line}
        assert len(proof) >= 1
