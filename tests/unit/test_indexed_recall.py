"""A cube that is large enough for an index: who is found by one, and that nothing else depends on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from mnemolog.adapters.hnsw import HnswIndex
from mnemolog.adapters.hnsw_files import Manifest
from mnemolog.adapters.hnsw_indexing import HnswIndexing
from mnemolog.adapters.seal import Seal
from mnemolog.adapters.view_files import ViewFiles, index_path
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description, Governance, Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.labels import Labels
from mnemolog.projections.recall import Question, Ranking, Views, recall
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import LENGTH, VectorView, whole_numbers
from tests.histories import ANN, NOW, SUBJECT, TENANT, History, begin
from tests.unit.asking import ADMINISTRATOR, AS_ANN, AS_BEN
from tests.unit.vector_clouds import DIMENSIONS, cloud

SIZE, MORE, QUESTIONS = 12_000, 300, 50
SECRET = b"s" * 32
SOON = 120.0  # seconds; never reached unless something is broken
NAMES = ("Ada Berg", "Cem", "Dora", "Emil", "Fay")
WORDS = ("boat", "tea", "garden", "violin", "train", "bread", "window", "letter", "storm", "lamp", "coin", "river")
CELLS, TOPICS = cloud(1, SIZE + MORE)
ASKED, ASKED_TOPICS = cloud(2, QUESTIONS)
CHANCE = np.random.default_rng(3)
SPRING = datetime(2023, 3, 1, tzinfo=UTC)


class Prepared:
    """Implements `EmbeddingStore`. The vector of a text is the one that its last word numbers."""

    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        return CELLS[[int(text.split()[-1]) for _, text in items]] / np.float32(LENGTH)


def told(number: int, cube_id: UUID) -> Memory:
    """One in ten is for everybody in the tenant, three in four belong to a talk, and all have a day in spring."""
    words = [WORDS[TOPICS[number] % len(WORDS)], *CHANCE.choice(WORDS, 3)]
    memory = Memory.generate(
        tenant_id=TENANT,
        cube_id=cube_id,
        subject_ids=(SUBJECT,),
        text=f"{' '.join(words)} {number}",
        governance=Governance(
            owner_id=ANN,
            visibility=Visibility.TENANT if number % 10 == 0 else Visibility.CUBE,
            context_id=UUID(int=100 + number // 40) if number % 4 else None,
        ),
        description=Description(speaker=NAMES[number % 7] if number % 7 < len(NAMES) else None),
        occurred_at=SPRING + timedelta(days=number % 90),
    )
    memory.activate(gate="owner")
    return memory


@dataclass
class Cube:
    """One that is followed by views, with an index that is kept in `folder`."""

    views: Views
    indexing: HnswIndexing
    folder: Path
    history: History
    memories: list[Memory]

    @property
    def id(self) -> UUID:
        return self.history.cubes[0].id

    def has_index(self) -> bool:
        return self.views.vectors.is_indexed(self.id)

    @property
    def index_path(self) -> Path:
        return index_path(self.folder, "vectors", self.id)

    def tell(self, numbers: range) -> None:
        for number in numbers:
            memory = told(number, self.id)
            self.memories.append(memory)
            self.history.save(memory)
        self.follow()

    def follow(self) -> None:
        for view in (self.views.scopes, self.views.terms, self.views.vectors, self.views.turns, self.views.labels):
            view.apply(self.history.events[view.position :], self.history.head)

    def ask(
        self,
        number: int,
        caller: Caller = AS_ANN,
        *,
        k: int = 10,
        recipe: str = "dialogue",
        exact: bool = False,
        at: int | None = None,
        views: Views | None = None,
    ) -> Ranking:
        question = Question(text_of(number), k, recipe, exact=exact)
        return recall(views or self.views, self.id, question, lambda text: ASKED[number], caller, NOW, at)


def text_of(number: int) -> str:
    """Every second names somebody, every third a day."""
    word = WORDS[ASKED_TOPICS[number] % len(WORDS)]
    said = f" {NAMES[number % len(NAMES)]} said" if number % 2 else ""
    day = (SPRING + timedelta(days=number)).date() if number % 3 == 0 else None
    return f"What about the {word}{said}{f' on {day}' if day else ''}?"


def vectors_view(indexing: HnswIndexing | None) -> VectorView:
    return VectorView(Prepared(), DIMENSIONS, indexing=indexing)


@pytest.fixture(scope="module")
def history() -> History:
    return begin()


@pytest.fixture(scope="module")
def cube(history: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cube]:
    folder = tmp_path_factory.mktemp("views")
    with HnswIndexing(folder, SECRET, patience=0) as indexing:
        views = Views(Scopes(), Terms(), vectors_view(indexing), Turns(), Labels())
        cube = Cube(views, indexing, folder, history, [])
        cube.tell(range(SIZE))
        assert indexing.wait(SOON)
        yield cube


def explained(ranking: Ranking) -> dict[UUID, tuple[float, Mapping[str, Mapping[str, float]]]]:
    return {hit.memory_id: (hit.score, hit.signals) for hit in ranking.hits}


def overlap(one: Ranking, other: Ranking) -> float:
    wanted = {hit.memory_id for hit in other.hits}
    return len(wanted & {hit.memory_id for hit in one.hits}) / len(wanted)


def mean_overlap(cube: Cube, recipe: str = "dialogue") -> float:
    pairs = [(cube.ask(n, recipe=recipe), cube.ask(n, recipe=recipe, exact=True)) for n in range(QUESTIONS)]
    assert not any(found.exact for found, _ in pairs)
    return float(np.mean([overlap(found, wanted) for found, wanted in pairs]))


@pytest.mark.parametrize("recipe", ["dialogue", "documents", "meaning"])
def test_an_index_finds_nearly_all_that_a_comparison_with_all_finds(cube: Cube, recipe: str) -> None:
    assert cube.has_index()
    assert mean_overlap(cube, recipe) >= 0.98


def test_scores_and_every_signal_are_to_the_bit_those_of_a_comparison_with_all(cube: Cube) -> None:
    seen = set[str]()
    for number in range(QUESTIONS):
        found, wanted = cube.ask(number, k=30), explained(cube.ask(number, k=1000, exact=True))
        assert all(wanted[memory_id] == each for memory_id, each in explained(found).items())
        seen |= {name for hit in found.hits for name in hit.signals}
    assert seen == {"vector", "terms", "neighbours", "context", "subject", "date"}


def test_they_are_so_too_when_some_memories_are_newer_than_the_index(
    cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cube.indexing, "ask", lambda *asked: None)
    cube.tell(range(len(cube.memories), len(cube.memories) + 100))
    number = next(n for n in range(QUESTIONS) if ASKED_TOPICS[n] in TOPICS[SIZE : SIZE + 100])
    found, wanted = cube.ask(number), explained(cube.ask(number, k=1000, exact=True))
    assert not found.exact
    assert all(wanted[memory_id] == each for memory_id, each in explained(found).items())


def test_what_is_new_is_found_before_it_is_indexed_and_after(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cube.indexing, "ask", lambda *asked: None)
        cube.tell(range(len(cube.memories), len(cube.memories) + 100))
        assert is_found(cube, len(cube.memories) - 1)
    cube.tell(range(len(cube.memories), len(cube.memories) + 1))
    assert cube.indexing.wait(SOON)
    assert all(is_found(cube, len(cube.memories) - back) for back in (1, 2, 3))


def test_while_memories_come_in_every_answer_has_the_scores_of_its_position(cube: Cube) -> None:
    first = len(cube.memories)

    def tell_one_by_one() -> None:
        for number in range(first, first + 60):
            cube.tell(range(number, number + 1))

    telling = threading.Thread(target=tell_one_by_one)
    telling.start()
    asked = 0
    while telling.is_alive() or asked < QUESTIONS:
        found = cube.ask(asked % QUESTIONS)
        wanted = explained(cube.ask(asked % QUESTIONS, k=1000, at=found.position))
        assert all(wanted[memory_id] == each for memory_id, each in explained(found).items())
        asked += 1
    telling.join()
    assert cube.indexing.wait(SOON)
    assert not cube.ask(0).exact


def is_found(cube: Cube, number: int) -> bool:
    """By its own vector."""
    question = Question("?", 10, "meaning")
    ranking = recall(cube.views, cube.id, question, lambda text: CELLS[number], AS_ANN, NOW)
    assert not ranking.exact
    return cube.memories[number].id in {hit.memory_id for hit in ranking.hits}


def test_all_are_compared_when_that_is_asked_for_and_as_of_a_position(cube: Cube) -> None:
    assert not cube.ask(0).exact
    assert cube.ask(0, exact=True).exact
    at = cube.ask(0, at=cube.views.vectors.position)
    assert at.exact
    assert at == cube.ask(0, exact=True)


def test_without_a_signal_of_meaning_no_index_is_asked(cube: Cube) -> None:
    assert cube.ask(0, recipe="keyword").exact


def test_whoever_may_see_a_tenth_is_answered_by_comparing_all_of_it(cube: Cube) -> None:
    for number in range(5):
        found = cube.ask(number, AS_BEN)
        assert found.exact
        assert found.considered < len(cube.memories) / 9
        assert found == cube.ask(number, AS_BEN, exact=True)


def test_an_administrator_who_sees_all_is_answered_by_the_index(cube: Cube) -> None:
    assert not cube.ask(0, ADMINISTRATOR).exact


def test_more_hits_than_an_index_is_good_for_are_found_by_comparing_all(cube: Cube) -> None:
    assert cube.ask(0, k=900).exact


def test_a_view_without_an_index_says_the_same_about_the_same_memories(cube: Cube) -> None:
    bare = vectors_view(None)
    bare.apply(cube.history.events, cube.history.head)
    views = replace(cube.views, vectors=bare)
    for number in range(3):
        assert cube.ask(number, views=views) == cube.ask(number, exact=True)
    assert bare.digest() == cube.views.vectors.digest()


def rows_in_the_index(cube: Cube) -> set[int]:
    with cube.views.vectors._reading(cube.id) as state:
        nearest = state.nearest
    assert nearest is not None
    assert nearest._indexed is not None
    index = nearest._indexed.index
    assert isinstance(index, HnswIndex)
    return set(index.rows.tolist())


def plain_file(cube: Cube) -> bytes:
    """The file of the index, opened."""
    with cube.index_path.open("rb") as file:
        unsealed = Seal(SECRET, "index").open(file)
        content = bytearray(Manifest.parse(unsealed.header).size)
        unsealed.fill(memoryview(content))
    return bytes(content)


def test_what_is_erased_is_in_no_index_and_no_file_and_is_never_found_again(cube: Cube) -> None:
    memory = cube.memories[77]
    vector = whole_numbers(CELLS[77][None, :])[0].astype("<f4").tobytes()
    assert is_found(cube, 77)
    assert vector in plain_file(cube)
    memory.transition_state(State.ERASED)
    cube.history.save(memory)
    for view in (cube.views.scopes, cube.views.terms, cube.views.turns, cube.views.labels):
        view.apply(cube.history.events[view.position :], cube.history.head)
    paused, cube.indexing.ask = cube.indexing.ask, lambda *asked: None  # type: ignore[method-assign]
    cube.views.vectors.apply(cube.history.events[cube.views.vectors.position :], cube.history.head)
    assert not cube.has_index()
    assert not cube.index_path.exists()
    assert cube.ask(0).exact
    cube.indexing.ask = paused  # type: ignore[method-assign]
    cube.tell(range(len(cube.memories), len(cube.memories) + 1))
    assert cube.indexing.wait(SOON)
    assert cube.has_index()
    assert not is_found(cube, 77)
    assert 77 not in rows_in_the_index(cube)
    assert vector not in plain_file(cube)
    assert mean_overlap(cube) >= 0.98


def test_a_cube_that_is_let_go_keeps_its_file_and_one_that_comes_back_reads_it(cube: Cube) -> None:
    before = cube.index_path.read_bytes()
    saved = cube.views.vectors.saved(cube.id)
    cube.views.vectors.release(cube.id)
    assert not cube.has_index()
    assert cube.index_path.read_bytes() == before
    cube.views.vectors.admit(cube.id, cube.views.vectors.draft(saved), cube.history.head)
    assert cube.indexing.wait(SOON)
    assert cube.has_index()
    assert cube.index_path.read_bytes() == before
    assert mean_overlap(cube) >= 0.98


def test_an_erasure_in_a_cube_that_is_not_in_memory_takes_the_file_of_its_index_too(cube: Cube) -> None:
    class Forgetting:
        """What a view that holds not all cubes asks to forget."""

        def wake(self, view: object, cube_id: UUID) -> None:
            raise AssertionError("nobody asks")

        def forget(self, view: VectorView, cube_id: UUID) -> None:
            ViewFiles(cube.folder, SECRET).drop(view.name, cube_id)

    vectors = cube.views.vectors
    draft = vectors.draft(vectors.saved(cube.id))
    assert cube.index_path.exists()
    vectors.release(cube.id)
    vectors.wakener = Forgetting()  # type: ignore[assignment]
    cube.memories[78].transition_state(State.ERASED)
    cube.history.save(cube.memories[78])
    cube.follow()
    assert not cube.index_path.exists()
    vectors.wakener = None
    vectors.extend(draft, cube.history.events[-1:])
    vectors.admit(cube.id, draft, cube.history.head)
    assert cube.indexing.wait(SOON)
    assert 78 not in rows_in_the_index(cube)
