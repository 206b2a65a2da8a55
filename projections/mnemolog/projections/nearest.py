"""The permitted rows of an array that may be nearest to a query, by an index, and how all that are permitted compare.

The index names candidates. How near they are is read from the array, which is the truth, and mean and deviation come
from sums that are kept next to the index: both are what a comparison with every row would give, to the bit. So an index
can only overlook a row. Whatever it cannot answer well, or not to the bit, is left to that comparison.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from math import ceil

import numpy as np

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.moments import Moments, Sums, sums_of
from mnemolog.projections.vector_index import (
    EXACT_UP_TO,
    IndexFiles,
    Mask,
    NoFiles,
    VectorIndex,
    VectorIndexes,
    choose,
)
from mnemolog.projections.wordings import Rows

SUMMED_SHARE = (
    0.05  # of the rows that may be hidden or new; each of them is compared, to be taken off the sums or added
)
CANDIDATE_SHARE = 0.05  # of the index that may be asked for before a scan is quicker
WORN_SHARE = 0.5  # of an index that may be removed, or of the rows that may be new to it, before it is built again
OVERFETCH = 4  # times the share of the index that is hidden: so many more candidates are asked for
STEP = 32  # rows that are added in one go to an index that is searched: searches wait so long
BUILD_STEP = 512  # and to one that is not: so long it takes to give up


@dataclass(frozen=True, slots=True)
class Candidates:
    """`rows` in ascending order; `sums` are of the products of the query with all permitted rows."""

    rows: Rows
    sums: Sums


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

    Readers never wait for a build: until one is done, and whenever it fails, they compare exactly. Whoever builds gives
    up within a step when it is dropped or retired meanwhile.
    """

    def __init__(self, indexes: VectorIndexes, files: IndexFiles | None = None) -> None:
        self._indexes, self._files = indexes, files or NoFiles()
        self._lock = threading.Lock()
        self._indexed: Indexed | None = None
        self._drops = 0
        self._retired = False

    @property
    def is_indexed(self) -> bool:
        return self._indexed is not None

    def candidates(self, cells: Vectors, permitted: Mask, query: Vectors, k: int) -> Candidates | None:
        """At least k rows, among which are the k nearest but for a few in a thousand; None when all must be compared.

        `permitted` is (len(cells),), within the live rows; `query` is (dimensions,).
        """
        indexed = self._indexed
        if indexed is None or choose(len(cells), int(np.count_nonzero(permitted))) != "index":
            return None
        try:
            found = _by_index(indexed, cells, permitted, query, k)
        except RuntimeError:
            self._give_up(indexed)
            return None
        return found if self._indexed is indexed else None  # or it may lack what was removed meanwhile

    def refresh(self, cells: Vectors, live: Mask) -> None:
        """Bring the index up to the live rows; takes seconds for 10,000 new ones. One thread at a time may call it.

        One that is overtaken by `drop` does nothing, and has to be asked for again.

        Raises RuntimeError, MemoryError or OSError, after which there is no index.
        """
        drops, indexed = self._drops, self._indexed
        if self._retired:
            return
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

    def retire(self) -> None:
        """For good: from now on it holds nothing and writes no file. What is in files stays there."""
        with self._lock:
            self._drops += 1
            self._retired = True
            self._indexed = None

    def _renew(self, cells: Vectors, live: Mask, drops: int) -> None:
        index = self._files.read(cells) if self._indexed is None else None
        if index is not None:
            read = _indexed(index, cells)
            if not read.is_worn(live):
                self._catch_up(read, cells, live, drops)
                return
        rows = np.flatnonzero(live)
        index = self._indexes.empty(cells.shape[1], len(rows))
        if self._add(index, rows, cells, BUILD_STEP, drops) and self._publish(_indexed(index, cells), drops):
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
        if self._add(index, new, cells, STEP, drops):
            self._publish(Indexed(index, fewer.moments.changed(cells[new], none), live.copy()), drops)

    def _add(self, index: VectorIndex, rows: Rows, cells: Vectors, step: int, drops: int) -> bool:
        """False when it is in vain, since what it is made of has been dropped."""
        for start in range(0, len(rows), step):
            if drops != self._drops:
                return False
            part = rows[start : start + step]
            index.add(part, cells[part])
        return True

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


def _by_index(indexed: Indexed, cells: Vectors, permitted: Mask, query: Vectors, k: int) -> Candidates | None:
    """None when too few of the candidates are permitted, or too many rows are hidden or not indexed yet."""
    if indexed.held[len(cells) :].any():  # it has moved on meanwhile, and its sums have rows that are not asked about
        return None
    held = indexed.holds(len(cells))
    hidden, new = np.flatnonzero(held & ~permitted), np.flatnonzero(permitted & ~held)
    size = int(np.count_nonzero(held))
    seen = size - len(hidden)
    if k > seen or max(len(hidden), len(new)) > SUMMED_SHARE * size:
        return None
    wanted = ceil(k * (1 + OVERFETCH * len(hidden) / seen))
    if wanted > CANDIDATE_SHARE * size:
        return None
    found = indexed.index.search(query, wanted)
    found = found[found < len(cells)]
    found = found[permitted[found]]
    if len(found) < k:
        return None
    sums = indexed.moments.sums(query) - sums_of(cells[hidden] @ query) + sums_of(cells[new] @ query)
    return Candidates(np.union1d(found, new), sums)
