from __future__ import annotations

import subprocess
import sys
import threading
from uuid import UUID

import numpy as np

from mnemolog.adapters.hnsw import HnswIndexes
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.index_builder import IndexBuilder
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import VectorIndex
from mnemolog.projections.wordings import Rows
from tests.unit.plain_indexes import PlainIndex, PlainIndexes
from tests.unit.vector_clouds import all_of, cloud, compared, recall

CELLS, QUERIES = cloud(1, 11_000)[0], cloud(2, 20)[0]
LIVE = all_of(CELLS)
CUBE, OTHER = UUID(int=1), UUID(int=2)


class Held(PlainIndexes):
    """Begins to build, and ends when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let = threading.Event(), threading.Event()

    def empty(self, dimensions: int, room: int) -> VectorIndex:
        self.begun.set()
        assert self.let.wait(30)
        return super().empty(dimensions, room)


class Failing(PlainIndexes):
    def empty(self, dimensions: int, room: int) -> VectorIndex:
        raise MemoryError


def test_searches_are_exact_while_an_index_is_built_and_use_it_once_it_is_there() -> None:
    indexes = Held()
    rows = NearestRows(indexes)
    with IndexBuilder() as builder:
        builder.ask(CUBE, rows, lambda: (CELLS, LIVE))
        assert indexes.begun.wait(30)
        assert rows.candidates(CELLS, LIVE, QUERIES[0], 10) is None
        indexes.let.set()
        assert builder.wait(30)
        assert rows.candidates(CELLS, LIVE, QUERIES[0], 10) is not None


def test_every_answer_is_right_while_the_index_is_swapped_in_under_searches() -> None:
    rows, wrong = NearestRows(HnswIndexes()), []
    indexed, done = threading.Event(), threading.Event()
    assert rows.candidates(CELLS, LIVE, QUERIES[0], 10) is None

    def search() -> None:
        while not done.is_set():
            for query in QUERIES:
                found = rows.candidates(CELLS, LIVE, query, 10)
                if found is not None:
                    indexed.set()
                    if recall(found.rows, compared(CELLS, LIVE, query, 10)) < 0.9:
                        wrong.append(found)

    searcher = threading.Thread(target=search)
    with IndexBuilder() as builder:
        searcher.start()
        builder.ask(CUBE, rows, lambda: (CELLS, LIVE))
        assert builder.wait(60)
        assert indexed.wait(30)
        done.set()
        searcher.join()
    assert wrong == []


def test_a_cube_that_is_asked_for_again_while_it_waits_is_built_once_with_what_holds_then() -> None:
    indexes = Held()
    rows, sizes = NearestRows(indexes), [10_500]
    with IndexBuilder() as builder:
        builder.ask(OTHER, NearestRows(indexes), lambda: (CELLS, LIVE))
        assert indexes.begun.wait(30)
        for _ in range(5):
            builder.ask(CUBE, rows, lambda: (CELLS[: sizes[-1]], LIVE[: sizes[-1]]))
        sizes.append(10_800)
        indexes.let.set()
        assert builder.wait(60)
    assert indexes.sizes == [11_000, 10_800]
    assert rows._indexed is not None
    assert (rows._indexed.index.rows == np.arange(10_800)).all()


def test_a_build_that_fails_leaves_exact_answers_and_does_not_keep_others_from_their_turn() -> None:
    failing, other = NearestRows(Failing()), NearestRows(PlainIndexes())
    with IndexBuilder() as builder:
        builder.ask(CUBE, failing, lambda: (CELLS, LIVE))
        builder.ask(OTHER, other, lambda: (CELLS, LIVE))
        assert builder.wait(60)
    assert not failing.is_indexed
    assert other.is_indexed


class Watched(PlainIndexes):
    """Says when the first rows are in, and then lets nothing more happen before the builder is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[int] = []
        self.begun, self.closing = threading.Event(), threading.Event()

    def empty(self, dimensions: int, room: int) -> VectorIndex:
        index, add = super().empty(dimensions, room), PlainIndex.add

        def watched(rows: Rows, cells: Vectors) -> None:
            assert isinstance(index, PlainIndex)
            add(index, rows, cells)
            self.added.append(len(rows))
            self.begun.set()
            assert self.closing.wait(30)

        index.add = watched  # type: ignore[method-assign]
        return index


def test_a_build_that_is_under_way_gives_up_when_the_builder_is_closed() -> None:
    """And its thread has ended then: hnswlib ends a process that leaves while a thread is inside of it."""
    indexes = Watched()
    rows = NearestRows(indexes)
    with IndexBuilder() as builder:
        builder.ask(CUBE, rows, lambda: (CELLS, LIVE))
        assert indexes.begun.wait(30)
        letting = threading.Timer(0.1, indexes.closing.set)
        letting.start()
    assert not builder._thread.is_alive()
    assert sum(indexes.added) < len(CELLS)
    assert not rows.is_indexed


def test_a_program_that_never_closes_anything_ends_well_in_the_middle_of_a_build() -> None:
    script = """
import threading, time, numpy as np
from uuid import UUID
from mnemolog.adapters.hnsw import HnswIndexes
from mnemolog.projections.index_builder import IndexBuilder
from mnemolog.projections import nearest
from mnemolog.projections.nearest import NearestRows
nearest.BUILD_STEP = 1  # so that the end comes between two steps
cells = np.rint(np.random.default_rng(1).normal(size=(50_000, 128)) * 300).astype(np.float32)
begun, builder = threading.Event(), IndexBuilder().__enter__()
builder.ask(UUID(int=1), NearestRows(HnswIndexes()), lambda: (cells, begun.set() or np.ones(50_000, bool)))
begun.wait(30)
time.sleep(0.2)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_begins_before_the_patience_is_over_and_nothing_at_all_if_the_builder_is_closed_by_then() -> None:
    indexes = PlainIndexes()
    with IndexBuilder(patience=60) as builder:
        builder.ask(CUBE, NearestRows(indexes), lambda: (CELLS, LIVE))
        assert not builder.wait(0.1)
    assert indexes.sizes == []
    with IndexBuilder(patience=0.1) as builder:
        builder.ask(CUBE, NearestRows(indexes), lambda: (CELLS, LIVE))
        assert builder.wait(30)
    assert indexes.sizes == [11_000]
