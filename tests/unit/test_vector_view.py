from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.log import Event
from mnemolog.domain.refusals import EmbedderUnavailable, Invalid
from mnemolog.projections import nearest, vector_index, vectors
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.moments import sums_of
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import GATHER_SHARE, Mask
from mnemolog.projections.vectors import LENGTH, VectorView, whole_numbers, wording
from tests.histories import TENANT, History, histories, texts
from tests.unit.hashed_vectors import DIMENSIONS, HashedVectors
from tests.unit.plain_indexes import PlainIndexes

CUBE = UUID(int=7)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOLD = ("memory.generated.v1", "memory.revised.v1")
STORE = HashedVectors()


def told(position: int, text: str, memory: int | None = None, kind: str = "memory.generated.v1") -> Event:
    memory_id = UUID(int=1000 + (position if memory is None else memory))
    data = {"text": text, "description": {}}
    return Event(position, memory_id, 1, kind, TENANT, NOW, NOW, data, CUBE, memory_id)


def folded(events: Sequence[Event]) -> VectorView:
    view = VectorView(HashedVectors(), DIMENSIONS)
    view.apply(events, max((event.position for event in events), default=0))
    return view


def asked(view: VectorView, text: str, *positions: int, at: int | None = None) -> list[float]:
    query = STORE.query(text)[0]
    found = view.scores(CUBE, query, np.array(positions, np.int64), view.position if at is None else at)
    return [float(score) for score in found]


class Given:
    """A store of vectors that are given."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        return self._vectors[: len(items)]


def some_unit_vectors(seed: int) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(12, 24))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


unit_vectors = st.integers(0, 2**32).map(some_unit_vectors)


@given(unit_vectors)
def test_scores_are_cosines_but_for_rounding(vectors: Vectors) -> None:
    view = VectorView(Given(vectors), vectors.shape[1])
    view.apply([told(position, "x") for position in range(1, len(vectors) + 1)], len(vectors))
    found = view.scores(CUBE, vectors[0], np.arange(1, len(vectors) + 1), len(vectors))
    assert found == pytest.approx(vectors @ vectors[0], abs=2e-3)


def test_a_state_that_was_saved_comes_back_to_the_bit() -> None:
    """Also where a component is rounded to zero from below."""
    vectors = np.array([[1, -1e-6, 0], [0, 1, -1e-5], [-1e-9, -1e-9, 1]], np.float32)
    view = VectorView(Given(vectors), 3)
    view.apply([told(position, "x") for position in (1, 2, 3)], 3)
    again, saved = VectorView(Given(vectors), 3), view.saved(CUBE)
    again.admit(CUBE, again.draft(saved), 3)
    assert again.digest() == view.digest()


@given(unit_vectors, st.permutations(range(24)))
def test_a_score_is_the_same_bits_in_whatever_order_it_is_added_up(vectors: Vectors, order: list[int]) -> None:
    whole = whole_numbers(vectors)
    exact = whole.astype(np.int64) @ whole[0].astype(np.int64)
    shuffled = np.ascontiguousarray(whole[:, order]) @ np.ascontiguousarray(whole[0, order])
    assert (shuffled == exact).all()
    assert np.abs(exact).max() < 2**24


@pytest.mark.parametrize("dimensions", [1, 384, 4096, 16000])
def test_no_number_of_dimensions_in_use_leaves_the_exact_range(dimensions: int) -> None:
    """The worst case: rounding lengthens every component, and both vectors are the same."""
    rng = np.random.default_rng(dimensions)
    vectors = np.stack([np.ones(dimensions), rng.normal(size=dimensions)]).astype(np.float32)
    whole = whole_numbers(vectors).astype(np.int64)
    assert (whole**2).sum(axis=1).max() < 2**24
    assert (LENGTH + np.sqrt(dimensions) / 2) ** 2 < 2**24


def test_few_and_many_rows_give_the_same_scores_although_they_are_read_differently() -> None:
    view = folded([told(position, f"word{position} tea") for position in range(1, 101)])
    everything = asked(view, "tea word7", *range(1, 101))
    few = list(range(3, 3 + int(GATHER_SHARE * 100)))
    assert asked(view, "tea word7", *few) == [everything[position - 1] for position in few]


def test_the_meaning_is_the_text_alone_without_speaker_and_labels() -> None:
    description = {"speaker": "Ann", "key": "Drinks", "tags": ["hot"]}
    assert wording({"text": "I like tea.", "description": description}) == "I like tea."


def test_the_nearest_text_scores_highest() -> None:
    view = folded([told(1, "The train leaves at nine"), told(2, "Tea is kept in the blue tin")])
    train, tea = asked(view, "where is the blue tin with tea", 1, 2)
    assert tea > train


def test_an_older_wording_is_compared_as_of_then_and_only_then() -> None:
    view = folded([told(1, "Tea"), told(2, "Coffee", memory=1, kind="memory.revised.v1")])
    assert asked(view, "Tea", 1, 2, at=1) == [pytest.approx(1, abs=1e-3), 0]
    assert asked(view, "Coffee", 1, 2, at=2) == [0, pytest.approx(1, abs=1e-3)]


def test_what_is_erased_scores_nothing_at_any_position_and_its_numbers_are_gone() -> None:
    view = folded([told(1, "Tea")])
    view.apply([told(2, "", memory=1, kind="memory.erased.v1")], 2)
    assert asked(view, "Tea", 1, at=1) == [0]
    assert not view._held[CUBE].state.cells.rows.any()


def test_a_batch_is_embedded_in_one_question_and_never_twice() -> None:
    store = HashedVectors()
    view = VectorView(store, DIMENSIONS)
    events = [told(1, "Tea"), told(2, "Milk"), told(3, "", memory=1, kind="memory.erased.v1")]
    view.apply(events, 3)
    view.apply(events, 3)
    assert store.asked == [2]


def test_an_embedder_that_does_not_answer_leaves_the_view_as_it_was() -> None:
    store = HashedVectors()
    view = VectorView(store, DIMENSIONS)
    view.apply([told(1, "Tea")], 1)
    before = view.digest()
    store.failures = [EmbedderUnavailable(reason="it sleeps")]
    with pytest.raises(EmbedderUnavailable):
        view.apply([told(2, "Milk")], 2)
    assert (view.digest(), view.position) == (before, 1)
    view.apply([told(2, "Milk")], 2)
    assert view.digest() == folded([told(1, "Tea"), told(2, "Milk")]).digest()


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.full((1, DIMENSIONS), np.nan), np.ones((2, DIMENSIONS))])
def test_what_is_no_vector_of_the_view_is_not_taken(vectors: Vectors) -> None:
    class Wrong(HashedVectors):
        def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
            return vectors.astype(np.float32)

    view = VectorView(Wrong(), DIMENSIONS)
    with pytest.raises(ValueError, match=r"instead of|no number"):
        view.apply([told(1, "Tea")], 1)
    assert view.position == 0


def test_a_query_of_another_model_is_refused() -> None:
    with pytest.raises(Invalid, match="1024"):
        folded([told(1, "Tea")]).scores(CUBE, np.ones(5, np.float32), np.array([1]), 1)


@given(histories(), st.data())
def test_scores_as_of_a_position_are_to_the_bit_those_of_a_view_that_stopped_there(
    history: History, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    query = STORE.query(data.draw(texts))[0]
    whole, stopped = folded(history.events), folded(history.reread()[:at])
    positions = np.array([e.position for e in history.events if e.type in TOLD and data.draw(st.booleans())], np.int64)
    for cube in history.cubes:
        found = whole.scores(cube.id, query, positions, at)
        assert found.tobytes() == stopped.scores(cube.id, query, positions, at).tobytes()


@given(histories(), st.data())
def test_the_digest_is_that_of_a_rebuild_however_the_events_came(history: History, data: st.DataObject) -> None:
    view, at = VectorView(HashedVectors(), DIMENSIONS), 0
    while at < history.head:
        upto = data.draw(st.integers(at + 1, history.head))
        view.apply(history.events[max(0, at - 1) : upto], upto)
        at = upto
        assert view.digest() == folded(history.events[:upto]).digest()
    assert view.digest() == folded(history.reread()).digest()


def test_the_digest_sees_a_single_number_that_is_off() -> None:
    view, other = folded([told(1, "Tea")]), folded([told(1, "Tea")])
    other._held[CUBE].state.cells.rows[0, 0] += 1
    assert view.digest() != other.digest()


class Remembered:
    """Implements `Indexing`, and does nothing with what it is asked for."""

    def __init__(self) -> None:
        self.rows: list[Callable[[], tuple[Vectors, Mask]]] = []
        self.made: list[NearestRows] = []

    def of(self, cube_id: UUID) -> NearestRows:
        self.made.append(NearestRows(PlainIndexes()))
        return self.made[-1]

    def ask(self, cube_id: UUID, nearest: NearestRows, rows: Callable[[], tuple[Vectors, Mask]]) -> None:
        self.rows.append(rows)


@pytest.fixture
def indexing(monkeypatch: pytest.MonkeyPatch) -> Remembered:
    for module in (vectors, nearest, vector_index):
        monkeypatch.setattr(module, "EXACT_UP_TO", 1)
    return Remembered()


def indexed(indexing: Remembered) -> VectorView:
    view = VectorView(HashedVectors(), DIMENSIONS, indexing=indexing)
    view.apply([told(position, f"word{position}") for position in range(1, 6)], 5)
    return view


def test_an_index_is_asked_for_when_a_cube_is_large_and_whenever_it_changes(indexing: Remembered) -> None:
    view = VectorView(HashedVectors(), DIMENSIONS, indexing=indexing)
    view.apply([told(1, "Tea")], 1)
    assert not indexing.made
    view.apply([told(2, "Milk")], 2)
    view.apply([told(3, "Jam")], 3)
    assert (len(indexing.made), len(indexing.rows)) == (1, 2)
    assert [len(rows()[0]) for rows in indexing.rows] == [3, 3]


def test_rows_for_an_index_are_never_read_while_an_event_is_folded(indexing: Remembered) -> None:
    """Appended rows settle when they are read: two threads at once would lose some."""
    view, read = indexed(indexing), threading.Event()

    def look() -> None:
        indexing.rows[-1]()
        read.set()

    looking = threading.Thread(target=look)
    with view._reading(CUBE):
        looking.start()
        assert not read.wait(0.2)
    looking.join()
    assert read.is_set()


def test_an_index_knows_nothing_more_once_its_cube_has_been_let_go(indexing: Remembered) -> None:
    view = indexed(indexing)
    indexing.made[0].refresh(*indexing.rows[0]())
    assert view.is_indexed(CUBE)
    view.release(CUBE)
    assert not view.is_indexed(CUBE)
    indexing.made[0].refresh(*indexing.rows[0]())
    assert not indexing.made[0].is_indexed


def test_memories_without_a_vector_count_in_the_sums_and_are_never_named(
    indexing: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "CANDIDATE_SHARE", 1.0)
    view = indexed(indexing)
    indexing.made[0].refresh(*indexing.rows[0]())
    query, rows = view.query(STORE.query("word3")[0]), np.array([-1, 0, 1, 2, 3, 4, -1, -1])
    near = view.near(CUBE, query, rows, 2)
    assert near is not None
    assert near.sums == sums_of(view.products(CUBE, query, rows))
    assert len(near.places) == 2
    assert 3 in near.places
    assert (rows[near.places] >= 0).all()


def test_what_is_erased_leaves_the_index_in_the_same_step(indexing: Remembered) -> None:
    view = indexed(indexing)
    indexing.made[0].refresh(*indexing.rows[0]())
    view.apply([told(6, "", memory=3, kind="memory.erased.v1")], 6)
    assert not view.is_indexed(CUBE)
    assert not indexing.rows[-1]()[0][2].any()


def test_an_index_that_was_kept_between_an_order_to_forget_and_the_erasure_is_forgotten_too(
    indexing: Remembered,
) -> None:
    view, events = indexed(indexing), list[str]()

    class Leaving:
        """Lets the cube go in just that moment."""

        def wake(self, view: object, cube_id: UUID) -> None:
            raise AssertionError("nobody asks")

        def forget(self, view: VectorView, cube_id: UUID) -> None:
            events.append("forgotten")
            if view.is_held(cube_id):
                events.append("kept")
                view.release(cube_id)

    view.wakener = Leaving()  # type: ignore[assignment]
    view.apply([told(6, "", memory=3, kind="memory.erased.v1")], 6)
    assert events == ["forgotten", "kept", "forgotten"]
