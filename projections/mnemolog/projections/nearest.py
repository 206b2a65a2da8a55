"""The permitted rows of an array that are nearest to a query, and how they compare with all that are permitted.

Up to EXACT_UP_TO rows, and for the past, every row is compared. Above, an index names candidates, the array says how
near they are, and mean and deviation come from sums that are kept next to the index. Whatever the index cannot answer
well is compared exactly, so that it decides how long an answer takes, and next to nothing else.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from math import ceil

import numpy as np

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.fusion import best
from mnemolog.projections.moments import Moments, Sums, sums_of
from mnemolog.projections.vector_index import (
    EXACT_UP_TO,
    IndexFiles,
    Mask,
    NoFiles,
    VectorIndex,
    VectorIndexes,
    Way,
    choose,
)
from mnemolog.projections.vectors import LENGTH
from mnemolog.projections.wordings import Rows, Scores

SUMMED_SHARE = 0.05  # of the rows that may be hidden or new before a sample is taken instead of exact sums
UNINDEXED_SHARE = 0.2  # of the permitted rows that may be new before all of them are compared exactly
CANDIDATE_SHARE = 0.05  # of the index that may be asked for before a scan is quicker
SAMPLE = 4096  # rows; the deviation is then off by about one part in ninety
WORN_SHARE = 0.5  # of an index that may be removed, or of the rows that may be new to it, before it is built again
OVERFETCH = 2  # candidates for each hit that is wanted, when some of them may be hidden
STEP = 32  # rows that are added to an index in one go, while searches wait


@dataclass(frozen=True, slots=True)
class Nearest:
    """`rows`, nearest first, with their `cosines` (k,); mean and deviation are over all permitted rows.

    `exact` says whether the two are, and not from a sample.
    """

    rows: Rows
    cosines: Scores
    mean: float
    deviation: float
    exact: bool
    way: Way


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """An index and the sums of the same rows; `held` says which of the first len(held) rows of the array they are."""

    index: VectorIndex
    moments: Moments
    held: Mask

    def holds(self, size: int) -> Mask:
        """(size,) for an array that has grown since, or that was looked at before."""
        held = np.zeros(size, np.bool_)
        common = min(size, len(self.held))
        held[:common] = self.held[:common]
        return held

    def is_worn(self, live: Mask) -> bool:
        held = self.holds(len(live))
        kept, gone = np.count_nonzero(held & live), np.count_nonzero(held & ~live) + self.index.removed
        return bool(gone > WORN_SHARE * (kept + gone) or np.count_nonzero(live & ~held) > WORN_SHARE * live.sum())


class NearestRows:
    """Of one array, which grows and whose rows stay where they are. `cells` are whole numbers of length LENGTH.

    Readers never wait for a build: until one is done, and whenever it fails, they compare exactly.
    """

    def __init__(self, indexes: VectorIndexes, files: IndexFiles | None = None) -> None:
        self._indexes, self._files = indexes, files or NoFiles()
        self._lock = threading.Lock()
        self._indexed: Indexed | None = None
        self._drops = 0

    @property
    def is_indexed(self) -> bool:
        return self._indexed is not None

    def nearest(self, cells: Vectors, permitted: Mask, query: Vectors, k: int, *, as_of: bool = False) -> Nearest:
        """`permitted` is (len(cells),), and for a question about now within the live rows; `query` is (dimensions,)."""
        way = choose(len(cells), int(np.count_nonzero(permitted)), as_of=as_of)
        indexed = self._indexed
        if way == "index" and indexed is not None:
            try:
                found = _by_index(indexed, cells, permitted, query, k)
            except RuntimeError:
                self._give_up(indexed)
            else:
                if found is not None and self._indexed is indexed:  # or it may lack what was removed meanwhile
                    return found
        return _exactly(cells, permitted, query, k, "gather" if way == "gather" else "exact")

    def refresh(self, cells: Vectors, live: Mask) -> None:
        """Bring the index up to the live rows; takes seconds for 10,000 new ones. One thread at a time may call it.

        One that is overtaken by `drop` does nothing, and has to be asked for again.

        Raises RuntimeError, MemoryError or OSError, after which there is no index.
        """
        drops, indexed = self._drops, self._indexed
        try:
            if np.count_nonzero(live) <= EXACT_UP_TO:
                self.drop()
            elif indexed is None or indexed.is_worn(live):
                self._renew(cells, live, drops)
            else:
                self._catch_up(indexed, cells, live, drops)
        except (RuntimeError, MemoryError, OSError):
            self.drop()
            raise

    def drop(self) -> None:
        """Forget every copy of a row, in memory and in files: for when one has been erased from the array.

        Raises OSError when a file cannot be removed.
        """
        with self._lock:
            self._drops += 1
            self._indexed = None
            self._files.drop()

    def _renew(self, cells: Vectors, live: Mask, drops: int) -> None:
        index = self._files.read(cells) if self._indexed is None else None
        if index is not None:
            read = _indexed(index, cells)
            if not read.is_worn(live):
                self._catch_up(read, cells, live, drops)
                return
        rows = np.flatnonzero(live)
        index = self._indexes.build(rows, cells[rows])
        if self._publish(_indexed(index, cells), drops):
            self._files.keep(index, cells)
            with self._lock:
                if drops != self._drops:  # dropped while it was written
                    self._files.drop()

    def _catch_up(self, indexed: Indexed, cells: Vectors, live: Mask, drops: int) -> None:
        """What has ended is no longer held before it leaves the index, and what is new is in it before it is held.

        So a row that is permitted is always found: by the index, or as one that is not held.
        """
        index, held, none = indexed.index, indexed.holds(len(live)), cells[:0]
        new, gone = np.flatnonzero(live & ~held), np.flatnonzero(held & ~live)
        fewer = Indexed(index, indexed.moments.changed(none, cells[gone]), held & live)
        if not self._publish(fewer, drops):
            return
        index.remove(gone)
        for start in range(0, len(new), STEP):
            rows = new[start : start + STEP]
            index.add(rows, cells[rows])
        self._publish(Indexed(index, fewer.moments.changed(cells[new], none), live.copy()), drops)

    def _give_up(self, indexed: Indexed) -> None:
        with self._lock:
            if self._indexed is indexed:
                self._indexed = None

    def _publish(self, indexed: Indexed, drops: int) -> bool:
        """False, and nothing done, when what it was made of has been dropped since."""
        with self._lock:
            if drops != self._drops:
                return False
            self._indexed = indexed
            return True


def _indexed(index: VectorIndex, cells: Vectors) -> Indexed:
    held = np.zeros(len(cells), np.bool_)
    held[index.rows] = True
    return Indexed(index, Moments.of(cells[held]), held)


def _exactly(cells: Vectors, permitted: Mask, query: Vectors, k: int, way: Way) -> Nearest:
    rows = np.flatnonzero(permitted)
    products = cells[rows] @ query if way == "gather" else (cells @ query)[rows]
    return _nearest(rows, products, k, sums_of(products), True, way)


def _by_index(indexed: Indexed, cells: Vectors, permitted: Mask, query: Vectors, k: int) -> Nearest | None:
    """None when too few of the candidates are permitted, or too many of the permitted rows are not indexed yet."""
    held = indexed.holds(len(cells))
    hidden, new = np.flatnonzero(held & ~permitted), np.flatnonzero(permitted & ~held)
    size = int(np.count_nonzero(held))
    seen = size - len(hidden)
    if k > seen or len(new) > UNINDEXED_SHARE * (seen + len(new)):
        return None
    wanted = ceil(OVERFETCH * k * size / seen) if len(hidden) else k
    if wanted > CANDIDATE_SHARE * size:
        return None
    found = indexed.index.search(query, wanted)
    found = found[found < len(cells)]
    found = found[permitted[found]]
    if len(found) < k:
        return None
    candidates = np.union1d(found, new)
    if max(len(hidden), len(new)) <= SUMMED_SHARE * size:
        sums = indexed.moments.sums(query) - sums_of(cells[hidden] @ query) + sums_of(cells[new] @ query)
        return _nearest(candidates, cells[candidates] @ query, k, sums, True, "index")
    sums = sums_of(cells[_spread_out(permitted)] @ query)
    return _nearest(candidates, cells[candidates] @ query, k, sums, False, "index")


def _spread_out(permitted: Mask) -> Rows:
    """The same rows for the same mask, so that a question that is asked again has the same answer."""
    rows = np.flatnonzero(permitted)
    return rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.intp)]


def _nearest(rows: Rows, products: Vectors, k: int, sums: Sums, exact: bool, way: Way) -> Nearest:
    places = best(products.astype(np.float64), rows, k)
    cosines, unit = products[places] / np.float64(LENGTH**2), LENGTH**2
    return Nearest(rows[places], cosines, sums.mean / unit, sums.deviation / unit, exact, way)
