"""A store that is closed and opened again: the log decides what it says, and files only how soon."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mnemolog.adapters import hnsw_indexing
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.log import PostgresLog
from mnemolog.api import Store, open_store
from mnemolog.api.answers import RecallAnswer
from mnemolog.api.parts import EVERY, RECALL, origin
from mnemolog.domain.commands import Remember
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import LAST, Event, Selection
from mnemolog.domain.memory import Memory
from mnemolog.projections import nearest, vector_index, vectors
from mnemolog.projections.caretaker import WORTH_KEEPING
from mnemolog.projections.recall import Question

SIZE = WORTH_KEEPING + 100
SOON = 120.0  # seconds; never reached unless something is broken
SPRING = datetime(2023, 5, 1, tzinfo=UTC)
PLACES = ("tin", "jar", "drawer", "cellar", "garden", "boat", "shed")
THINGS = ("tea", "jam", "a letter", "the key", "bread", "a violin", "salt", "honey", "rope", "a map", "coins")
QUESTIONS = (
    "Where is the tea?",
    "What did Ada say about the cellar?",
    "What happened on 8 May 2023?",
    "the key, a map",
)


def said(number: int) -> Remember:
    return Remember(
        text=f"{THINGS[number % 11]} is in the {PLACES[number % 7]}, said number {number}.",
        speaker=("Ada", "Ben", None)[number % 3],
        context_id=UUID(int=1 + number // 20),
        occurred_at=SPRING + timedelta(days=number % 30),
    )


@dataclass
class House:
    home: Path
    dsn: str

    @contextmanager
    def opened(self) -> Iterator[Store]:
        with open_store(self.home, self.dsn, embedder=HashingEmbedder()) as store:
            store.parts.wait(EVERY, store.log.head())
            yield store

    @property
    def folder(self) -> Path:
        return self.home / "views"

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name != ".lock")


@pytest.fixture
def house(dsn: str, tmp_path: Path) -> House:
    """With a cube that is worth keeping, of which it has kept nothing yet."""
    house = House(tmp_path / "home", dsn)
    with house.opened() as store:
        store.memories.remember("main", *map(said, range(SIZE)))
    return house


def answers(store: Store) -> list[RecallAnswer]:
    """To questions about now, and as of when a part of the memories was not there yet."""
    told = [hit.position for hit in store.recall("main", Question(QUESTIONS[0], SIZE)).hits]
    asked = [Question(text, 20) for text in QUESTIONS]
    now = [store.recall("main", question) for question in asked]
    then = [store.recall("main", question, at=sorted(told)[SIZE // 2]) for question in asked]
    return [replace(answer, position=0) for answer in now + then]  # the log grows by itself: what is read is recorded


class Reads:
    """How many events were read from the log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events, read = 0, PostgresLog.read

        def counted(
            log: PostgresLog, after: int, limit: int, selection: Selection = Selection(), upto: int = LAST
        ) -> Sequence[Event]:
            found = read(log, after, limit, selection, upto)
            self.events += len(found)
            return found

        monkeypatch.setattr(PostgresLog, "read", counted)

    def since(self) -> int:
        found, self.events = self.events, 0
        return found


def test_a_store_that_is_opened_again_answers_the_same_and_reads_next_to_nothing_of_the_log(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    for path in house.files():
        path.unlink()
    with house.opened() as store:
        before = answers(store)
        assert reads.since() >= SIZE
    with house.opened() as store:
        assert answers(store) == before
        assert reads.since() < SIZE / 10
        store.memories.remember("main", "Saffron is in the attic.")
        assert store.recall("main", "Where is the saffron?", k=1).hits[0].text == "Saffron is in the attic."
    assert {path.name.split(".")[0] for path in house.files()} == {"reached", *RECALL} - {"catalogue"}


def test_one_flipped_byte_in_every_file_costs_time_and_nothing_else(house: House) -> None:
    with house.opened() as store:
        before = answers(store)
    for number, path in enumerate(house.files()):
        content = bytearray(path.read_bytes())
        content[len(content) * number // 10] ^= 1
        path.write_bytes(content)
    with house.opened() as store:
        assert answers(store) == before


@pytest.mark.parametrize("name", ["scopes", "labels", "terms", "turns", "vectors"])
def test_one_flipped_byte_in_one_file_costs_time_and_nothing_else(
    house: House, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with house.opened() as store:
        before = answers(store)
    (path,) = house.folder.glob(f"{name}.*.view")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with house.opened() as store:
        assert answers(store) == before
        assert f"what was kept of view {name} is dropped" in caplog.text


def test_where_nothing_can_be_kept_a_store_says_so_once_and_works(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with house.opened() as store:
        before = answers(store)
    for path in [*house.files(), house.folder / ".lock"]:
        path.unlink()
    house.folder.rmdir()
    house.folder.write_bytes(b"in the way")
    caplog.clear()
    with house.opened() as store:
        assert answers(store) == before
        store.memories.remember("main", "Saffron is in the attic.")
        erased(store, store.recall("main", "Where is the saffron?", k=1).hits[0].memory_id)
    assert [record.message for record in caplog.records] == ["views are not kept: FileExistsError"]


def test_no_file_can_be_read_without_the_key(house: House) -> None:
    assert house.files()
    for path in house.files():
        content = path.read_bytes()
        assert not any(word.encode() in content for word in ("said number", "in the garden", "garden", "violin"))


@pytest.fixture
def small_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes are built at once, and of fewer memories than it would be worth."""
    for module in (nearest, vector_index, vectors):
        monkeypatch.setattr(module, "EXACT_UP_TO", 400)
    monkeypatch.setattr(nearest, "CANDIDATE_SHARE", 1.0)
    monkeypatch.setattr(hnsw_indexing.HnswIndexing.__init__, "__defaults__", (0.0,))


def indexed(store: Store) -> None:
    """Until the index of `main` is there."""
    store.recall("main", "tea")
    indexing = store.parts.views.vectors._indexing
    assert isinstance(indexing, hnsw_indexing.HnswIndexing)
    assert indexing.wait(SOON)
    assert store.parts.views.vectors.is_indexed(store.cubes.get("main").cube_id)


def erased(store: Store, memory_id: UUID) -> None:
    memory = store.parts.application.load(Memory, memory_id)
    memory.transition_state(State.ERASED)
    appended = store.parts.application.record(memory, origin=origin(store.caller))
    assert appended is not None
    store.parts.written(appended)


@pytest.mark.usefixtures("small_indexes")
def test_an_index_says_so_and_changes_no_score_and_serves_the_next_opening_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in ("built", "read"):
        with house.opened() as store:
            indexed(store)
            for text in QUESTIONS:
                answer = store.recall("main", Question(text, 5))
                wanted = store.recall("main", Question(text, SIZE, exact=True))
                assert (answer.exact, wanted.exact) == (False, True)
                scores = {hit.memory_id: (hit.score, hit.signals) for hit in wanted.hits}
                assert all(scores[hit.memory_id] == (hit.score, hit.signals) for hit in answer.hits)
                assert store.recall("main", Question(text, 5), at=answer.position).exact
        (path,) = house.folder.glob("vectors.*.index")
        made = path.stat().st_ino
        monkeypatch.setattr(nearest, "BUILD_STEP", 0)  # with which nothing could be built
    assert path.stat().st_ino == made


@pytest.mark.usefixtures("small_indexes")
def test_an_erasure_leaves_no_index_with_what_was_erased_also_where_the_cube_is_not_in_memory(house: House) -> None:
    with house.opened() as store:
        indexed(store)
        memory_id = store.recall("main", "Where is the tea?", k=1).hits[0].memory_id
    assert any(house.folder.glob("vectors.*.index"))
    with house.opened() as store:
        erased(store, memory_id)
        store.parts.wait(EVERY)
        assert not any(house.folder.glob("vectors.*"))
        found = store.recall("main", Question("Where is the tea?", SIZE))
        assert memory_id not in {hit.memory_id for hit in found.hits}


def test_without_hnswlib_all_are_compared(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mnemolog.adapters.hnsw_indexing", None)
    with house.opened() as store:
        assert store.parts.views.vectors._indexing is None
        assert store.recall("main", "Where is the tea?").exact
