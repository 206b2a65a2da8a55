"""Parts of recall in one cube, each against an exact scan of its vectors: `cells @ query`, and the first ten of that.

Everything runs in one thread, and its CPU time counts. Scan and contender take turns, question by question.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from uuid import UUID

from benchmarks.corpus import ASKED, CUBE, Corpus, against_scan, top
from benchmarks.figure import Figure
from benchmarks.meter import medians
from benchmarks.nearest import filtered, nearest
from benchmarks.whole_recall import whole_recall
from mnemolog.adapters.hnsw import HnswIndexes
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.index_builder import IndexBuilder
from mnemolog.projections.language import terms
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import Mask, VectorIndex
from mnemolog.projections.wordings import Positions, Rows

MEMORIES, BUILD_SECONDS = int(os.environ.get("MEMORIES", "100000")), 3600.0


def large_cube(_: str) -> Iterator[Figure]:
    indexing = Watched()
    corpus = Corpus.of(MEMORIES, indexing)
    yield from words(corpus)
    yield from as_of(corpus)
    yield from whole_recall(corpus, "exact")
    with indexing.builder:  # what was asked of it begins now
        started = time.perf_counter()
        indexing.builder.wait(BUILD_SECONDS)
        yield Figure(f"index of {corpus.size:,}: built", time.perf_counter() - started, "s")
        yield from nearest(corpus, indexing.nearest, indexing.index)
        yield from filtered(corpus)
        yield from whole_recall(corpus, "with an index")


class Watched(HnswIndexes):
    """Implements `Indexing` and `VectorIndexes`, for one cube: what it makes can be asked without the view."""

    nearest: NearestRows
    index: VectorIndex

    def __init__(self) -> None:
        self.builder = IndexBuilder()

    def of(self, cube_id: UUID) -> NearestRows:
        self.nearest = NearestRows(self)
        return self.nearest

    def ask(self, cube_id: UUID, nearest: NearestRows, rows: Callable[[], tuple[Vectors, Mask]]) -> None:
        self.builder.ask(cube_id, nearest, rows)

    def empty(self, dimensions: int, room: int) -> VectorIndex:
        self.index = super().empty(dimensions, room)
        return self.index


def words(corpus: Corpus) -> Iterator[Figure]:
    """BM25 with statistics that are kept for the next question, and with new ones."""
    view, positions, asked = corpus.views.terms, corpus.positions, corpus.speech.words(ASKED)
    kept, last = view.statistics(CUBE, positions, view.position), view.position
    stems = [terms(" ".join(words)) for words in asked]
    name = f"BM25 of {corpus.size:,}"
    yield from against_scan(corpus, name, lambda number: view.scores(CUBE, stems[number], kept), 0.3)

    def anew(number: int) -> object:
        return view.scores(CUBE, stems[number], view.statistics(CUBE, positions, last))

    yield from against_scan(corpus, f"{name}, statistics too", anew)


def as_of(corpus: Corpus) -> Iterator[Figure]:
    """Vectors as of the position at which the cube had a tenth, half, all of its memories."""
    view = corpus.views.vectors
    for percent in (10, 50, 100):
        then = corpus.positions[: corpus.size * percent // 100]
        rows = view.rows(CUBE, then, int(then[-1]))
        taken = medians(ASKED, {"scan": corpus.scan, "then": _then(corpus, rows), "anew": _then_anew(corpus, then)})
        name, part = f"vectors as of {percent} % of {corpus.size:,}", taken["scan"] * percent / 100
        allowed = 1.3 * part + 0.2e-3
        yield Figure.at_most(1, f"{name} / (1.3 x that part of the scan + 0.2 ms)", taken["then"] / allowed, "ratio")
        yield Figure(f"{name}: that part of the scan", 1e3 * part, "ms")
        yield Figure(name, 1e3 * taken["then"], "ms")
        yield Figure(f"{name}, rows looked up too", 1e3 * taken["anew"], "ms")


def _then(corpus: Corpus, rows: Rows) -> Callable[[int], Rows]:
    return lambda number: top(corpus.views.vectors.products(CUBE, corpus.asked[number], rows))


def _then_anew(corpus: Corpus, positions: Positions) -> Callable[[int], Rows]:
    view, at = corpus.views.vectors, int(positions[-1])
    return lambda number: top(view.products(CUBE, corpus.asked[number], view.rows(CUBE, positions, at)))
