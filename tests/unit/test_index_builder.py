from __future__ import annotations

import threading
from uuid import UUID

import numpy as np

from mnemolog.adapters.hnsw import HnswIndexes
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.index_builder import IndexBuilder
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import VectorIndex
from mnemolog.projections.wordings import Rows
from tests.unit.plain_indexes import PlainIndexes
from tests.unit.vector_clouds import all_of, cloud, compared, recall

CELLS, QUERIES = cloud(1, 11_000)[0], cloud(2, 20)[0]
LIVE = all_of(CELLS)
CUBE, OTHER = UUID(int=1), UUID(int=2)


class Held(PlainIndexes):
    """Begins to build, and ends when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let = threading.Event(), threading.Event()

    def build(self, rows: Rows, cells: Vectors) -> VectorIndex:
        self.begun.set()
        assert self.let.wait(30)
        return super().build(rows, cells)


class Failing(PlainIndexes):
    def build(self, rows: Rows, cells: Vectors) -> VectorIndex:
        raise MemoryError


def test_searches_are_exact_while_an_index_is_built_and_use_it_once_it_is_there() -> None:
    indexes = Held()
    rows = NearestRows(indexes)
    with IndexBuilder() as builder:
        builder.ask(CUBE, rows, lambda: (CELLS, LIVE))
        assert indexes.begun.wait(30)
        for query in QUERIES:
            found = rows.nearest(CELLS, LIVE, query, 10)
            assert found.way == "exact"
            assert (found.rows == compared(CELLS, LIVE, query, 10)).all()
        indexes.let.set()
        assert builder.wait(30)
        assert rows.nearest(CELLS, LIVE, QUERIES[0], 10).way == "index"


def test_every_answer_is_right_while_the_index_is_swapped_in_under_searches() -> None:
    rows, ways, wrong = NearestRows(HnswIndexes()), set(), []
    indexed, done = threading.Event(), threading.Event()

    def search() -> None:
        while not done.is_set():
            for query in QUERIES:
                found = rows.nearest(CELLS, LIVE, query, 10)
                ways.add(found.way)
                if found.way == "index":
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
    assert ways == {"exact", "index"}


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
    assert failing.nearest(CELLS, LIVE, QUERIES[0], 10).way == "exact"
    assert other.nearest(CELLS, LIVE, QUERIES[0], 10).way == "index"
