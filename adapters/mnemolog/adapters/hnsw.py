"""Indexes of vectors by hnswlib (hierarchical navigable small worlds)."""

from __future__ import annotations

import threading
from pathlib import Path

import hnswlib
import numpy as np

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.vector_index import VectorIndex
from mnemolog.projections.wordings import Rows

LINKS, BUILD_EFFORT, SEARCH_EFFORT, SEED = 16, 100, 64, 20_260_101
EFFORT_PER_HIT = 2
PARAMETERS = {"space": "ip", "M": LINKS, "ef_construction": BUILD_EFFORT, "random_seed": SEED}


class HnswIndex:
    """One thread at a time builds or searches: hnswlib does not let both happen at once.

    All vectors have the same length, so the inner product ranks them as the cosine would; hnswlib's own cosine would
    divide, and round.
    """

    def __init__(self, index: hnswlib.Index, removed: frozenset[int] = frozenset()) -> None:
        self._index, self._removed = index, set(removed)
        self._lock = threading.Lock()

    @property
    def rows(self) -> Rows:
        with self._lock:
            rows = np.array(sorted(self._index.get_ids_list()), np.intp)
            return rows[~np.isin(rows, list(self._removed))]

    @property
    def removed(self) -> int:
        return len(self._removed)

    @property
    def dimensions(self) -> int:
        return int(self._index.dim)

    def add(self, rows: Rows, cells: Vectors) -> None:
        """In one thread: with more, the same rows would not always make the same index."""
        if not len(rows):
            return
        with self._lock:
            needed = self._index.get_current_count() + len(rows)
            if needed > self._index.max_elements:
                self._index.resize_index(max(needed, 2 * self._index.max_elements))
            self._index.add_items(cells, rows, num_threads=1)

    def remove(self, rows: Rows) -> None:
        """Marks only. Reusing the place of a removed row is slow, and has returned removed rows."""
        with self._lock:
            for row in map(int, rows):
                self._index.mark_deleted(row)
                self._removed.add(row)

    def search(self, query: Vectors, k: int) -> Rows:
        with self._lock:
            size = self._index.get_current_count()
            k = min(k, size - len(self._removed))
            efforts = (max(SEARCH_EFFORT, EFFORT_PER_HIT * k), size) if k else ()
            for effort in efforts:
                self._index.set_ef(effort)
                try:
                    labels, _ = self._index.knn_query(query, k=k, num_threads=1)
                except RuntimeError:  # it came to fewer than k, which a greater effort may mend
                    continue
                return np.asarray(labels[0], np.intp)
        return np.zeros(0, np.intp)

    def save(self, path: Path) -> None:
        """Raises OSError when not all of it was written; hnswlib itself does not notice a full disk."""
        with self._lock:
            self._index.save_index(str(path))
            expected = self._index.index_file_size()
        if not path.exists() or path.stat().st_size != expected:
            raise OSError(f"{path.name} was not written whole")


class HnswIndexes:
    def empty(self, dimensions: int, room: int) -> VectorIndex:
        raw = hnswlib.Index(space="ip", dim=dimensions)
        raw.init_index(max(1, room), M=LINKS, ef_construction=BUILD_EFFORT, random_seed=SEED)
        return HnswIndex(raw)


def read(path: Path, dimensions: int) -> HnswIndex:
    """Never of a file that has not been tried: one that is damaged may end the process. Raises RuntimeError."""
    raw = hnswlib.Index(space="ip", dim=dimensions)
    raw.load_index(str(path))
    return HnswIndex(raw)
