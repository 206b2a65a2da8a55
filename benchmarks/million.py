"""One million memories: in a hundred cubes of one store, and in one cube in the views alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.apart import apart
from benchmarks.corpus import Corpus
from benchmarks.figure import Figure, Measure
from benchmarks.hundred_cubes import MEMORIES, hundred_cubes
from benchmarks.meter import resident_bytes
from benchmarks.whole_recall import whole_recall


def one_cube(_: str) -> Iterator[Figure]:
    """Without an index, and without a log. The benchmark's own copies of the vectors are not counted."""
    before = resident_bytes()
    corpus = Corpus.of(MEMORIES)
    own = corpus.cells.nbytes + corpus.drawn.nbytes
    each = (resident_bytes() - before - own) / MEMORIES
    yield Figure(f"one cube of {MEMORIES:,}: resident in views, each", each, "bytes")
    yield from whole_recall(corpus, "exact")


def left_out() -> str:
    """Why a run is not the whole one."""
    return f"MEMORIES is {MEMORIES:,}" if "MEMORIES" in os.environ else ""


MEASURES: tuple[Measure, ...] = (hundred_cubes, apart(one_cube))
PACKAGES = ("cryptography", "hnswlib", "mnemolog", "numpy", "psycopg", "snowballstemmer")
