"""Vectors of every wording, compared exactly at any position of the log.

Components are kept as whole numbers (in float32, which BLAS is fast at) so small that every sum on the way to a dot
product is a whole number below 2**24, which float32 holds exactly. So a cosine is the same bits in whatever order it
is added up: on any machine, for any part of the rows, today and as of then. Rounding moves a cosine by about 1e-4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self
from uuid import UUID

import numpy as np

from mnemolog.domain.cube import Cube
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.cube_fold import CubeFold, Held, cube_of
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.fold import place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.moments import Sums
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.saved import Arrays, part, prefixed
from mnemolog.projections.vector_index import EXACT_UP_TO, GATHER_SHARE, Mask
from mnemolog.projections.wordings import Positions, Rows, Scores, Wordings

LENGTH = 4000  # of a stored vector; |x||y| and with it every partial sum stays below 2**24 for up to 16,000 dimensions
WORDED = (Memory.Generated.TOPIC, Memory.Revised.TOPIC)


class Indexing(Protocol):
    """Makes indexes of large cubes and keeps them up to date, somewhere else."""

    def of(self, cube_id: UUID) -> NearestRows:
        """A new one, which knows of no row yet, but may know a file. The one before of the same cube is retired."""
        ...

    def ask(self, cube_id: UUID, nearest: NearestRows, rows: Callable[[], tuple[Vectors, Mask]]) -> None:
        """Returns at once. `rows` gives the array as it is by then, and which of its rows are live."""
        ...


class EmbeddingStore(Protocol):
    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        """(len(items), dimensions) float32, unit vectors of (memory, text), computed once, kept as long as the memory.

        A text always gets the same vector, or a rebuilt view would differ. Raises EmbedderUnavailable or
        StoreUnreachable when they cannot be had now; anything else that is raised is taken for the text's fault.
        """
        ...


@dataclass(frozen=True, slots=True)
class Near:
    """`places`, ascending, of those that may be nearest; `sums` of the products with all."""

    places: Rows
    sums: Sums


class CubeVectors:
    def __init__(self, dimensions: int) -> None:
        self.nearest: NearestRows | None = None
        self.wordings = Wordings()
        self.cells = Growing(np.float32, (dimensions,))
        self._nothing = np.zeros(dimensions, np.float32)

    def add(self, memory_id: UUID, position: int, vector: Vectors | None) -> None:
        self.wordings.add(memory_id, position, readable=vector is not None)
        self.cells.append(self._nothing if vector is None else vector)

    def __len__(self) -> int:
        return len(self.wordings)

    def erase(self, memory_id: UUID) -> None:
        """Zeros first, and then no copy of a row in any index or file. Raises OSError when a file is left."""
        self.cells.rows[self.wordings.forget(memory_id)] = 0
        if self.nearest is not None:
            self.nearest.drop()

    def live(self) -> tuple[Vectors, Mask]:
        """All rows, and which of them hold now."""
        return self.cells.rows, self.wordings.live()

    def content(self) -> Iterator[bytes]:
        yield from self.wordings.content()
        yield self.cells.rows.astype("<f4").tobytes()

    def saved(self) -> Arrays:
        """Whole numbers up to LENGTH fit into two bytes."""
        return prefixed("wordings", self.wordings.saved()) | {"cells": self.cells.rows.astype(np.int16)}

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        cube = cls(arrays["cells"].shape[1])
        cube.wordings = Wordings.restored(part("wordings", arrays))
        cube.cells = Growing(np.float32, arrays["cells"].shape[1:], arrays["cells"])
        return cube


class VectorView(CubeFold[CubeVectors]):
    name = "vectors"
    version = 1
    state = CubeVectors
    types = (Cube.Founded.TOPIC, Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Erased.TOPIC)

    def __init__(
        self, store: EmbeddingStore, dimensions: int, model: str = "", indexing: Indexing | None = None
    ) -> None:
        """`model` is the fingerprint of what makes the vectors: kept ones of another are not continued."""
        super().__init__()
        self._store, self._dimensions, self._model, self._indexing = store, dimensions, model, indexing

    @property
    def kept_version(self) -> str:
        return f"{self.version}-{self._model}"

    def query(self, vector: Vectors) -> Vectors:
        """(dimensions,) whole numbers for a vector of that shape. Raises Invalid for one of another length."""
        if vector.shape != (self._dimensions,):
            raise Invalid(reason=f"The query's vector has shape {vector.shape}, and ({self._dimensions},) is needed.")
        whole: Vectors = whole_numbers(vector[None, :])[0]
        return whole

    def near(self, cube_id: UUID, query: Vectors, rows: Rows, k: int) -> Near | None:
        """Which k or more of `rows` (n,), of what holds now, may be the nearest. None when all must be compared."""
        with self._reading(cube_id) as cube:
            nearest, cells = cube.nearest, cube.cells.rows
        if nearest is None or not nearest.is_indexed:
            return None
        held = np.flatnonzero(rows >= 0)
        permitted, places = np.zeros(len(cells), np.bool_), np.zeros(len(cells), np.intp)
        permitted[rows[held]], places[rows[held]] = True, held
        found = nearest.candidates(cells, permitted, query, k)
        if found is None:
            return None
        return Near(np.sort(places[found.rows]), found.sums + Sums(len(rows) - len(held)))

    def rows(self, cube_id: UUID, positions: Positions, at: int) -> Rows:
        """(n,) the rows of the wordings at `positions` that hold at `at`, -1 for the others."""
        with self._reading(cube_id) as cube:
            return cube.wordings.rows_at(positions, at)

    def products(self, cube_id: UUID, query: Vectors, rows: Rows) -> Vectors:
        """(m,) whole numbers: LENGTH² times the cosine of a `query` with each of `rows`; 0 for -1."""
        with self._reading(cube_id) as cube:
            cells = cube.cells.rows
        # Outside the lock: rows are never moved, and one that is erased meanwhile only becomes zeros.
        if rows.min(initial=0) >= 0:
            return _products(cells, rows, query)
        found, held = np.zeros(len(rows), np.float32), rows >= 0
        found[held] = _products(cells, rows[held], query)
        return found

    def scores(self, cube_id: UUID, query: Vectors, positions: Positions, at: int) -> Scores:
        """(n,) cosine of `query` (dimensions,) with each wording at `positions` that holds at `at`; 0 for the others.

        Raises Invalid for a query of another length.
        """
        rows = self.rows(cube_id, positions, at)
        return self.products(cube_id, self.query(query), rows).astype(np.float64) / LENGTH**2

    def apply(self, events: Sequence[Event], upto: int) -> None:
        """An index is brought up to date in the background."""
        super().apply(events, upto)
        for cube_id in {event.cube_id for event in events if event.cube_id is not None}:
            self._index(cube_id)

    def release(self, cube_id: UUID) -> None:
        with self._lock:
            held = self._held.get(cube_id)
            if held is not None and held.state.nearest is not None:
                held.state.nearest.retire()
        super().release(cube_id)

    def is_indexed(self, cube_id: UUID) -> bool:
        """Whether the cube is in memory and has an index. Wakes nothing."""
        with self._lock:
            held = self._held.get(cube_id)
            return held is not None and held.state.nearest is not None and held.state.nearest.is_indexed

    def admit(self, cube_id: UUID, draft: Held[CubeVectors], upto: int) -> bool:
        admitted = super().admit(cube_id, draft, upto)
        if admitted:
            self._index(cube_id)
        return admitted

    def _index(self, cube_id: UUID) -> None:
        """Of a cube that is large enough and in memory."""
        with self._lock:
            held = self._held.get(cube_id)
            if held is None or self._indexing is None or len(held.state) <= EXACT_UP_TO:
                return
            state = held.state
            if state.nearest is None:
                state.nearest = self._indexing.of(cube_id)

        def rows() -> tuple[Vectors, Mask]:
            with self._lock:
                return state.live()

        self._indexing.ask(cube_id, state.nearest, rows)

    def _take(self, event: Event, fold: Callable[[CubeVectors, Event], None]) -> None:
        super()._take(event, fold)
        cube_id = cube_of(event)
        if event.type == Memory.Erased.TOPIC and self.wakener is not None and cube_id not in self._held:
            self.wakener.forget(self, cube_id)  # an index may have been kept since, by a cube that has been released

    def _vectors_of(self, events: Sequence[Event]) -> dict[int, Vectors]:
        texts = [event for event in events if event.type in WORDED and not event.erased]
        if not texts:
            return {}
        vectors = self._store.vectors([(place_of(event)[1], wording(event.data)) for event in texts])
        if vectors.shape != (len(texts), self._dimensions):
            raise ValueError(f"{vectors.shape} instead of {(len(texts), self._dimensions)}")
        return dict(zip((event.position for event in texts), whole_numbers(vectors), strict=True))

    def _folder(self, events: Sequence[Event]) -> Callable[[CubeVectors, Event], None]:
        """One question to the store for all of them, before anything is folded and without holding up readers."""
        arrived = self._vectors_of(events)

        def fold(state: CubeVectors, event: Event) -> None:
            _, memory_id = place_of(event)
            if event.type == Memory.Erased.TOPIC:
                state.erase(memory_id)
            else:
                state.add(memory_id, event.position, None if event.erased else arrived[event.position])

        return fold

    def _fold_into(self, state: CubeVectors, event: Event) -> None:
        self._folder([event])(state, event)

    def _empty(self) -> CubeVectors:
        return CubeVectors(self._dimensions)


def wording(data: Any) -> str:
    """What a memory means: its text alone. Names, labels and dates would blur it."""
    return str(data["text"])


def whole_numbers(vectors: Vectors) -> Vectors:
    """(n, d) -> (n, d) rows of length LENGTH, rounded; zero rows stay zero. Raises ValueError unless all are finite.

    No zero is negative: kept as a whole number it would come back as other bits.
    """
    wide = vectors.astype(np.float64)
    if not np.isfinite(wide).all():
        raise ValueError("a vector holds infinity or no number")
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    rounded: Vectors = np.rint(wide / np.where(lengths > 0, lengths, 1) * LENGTH).astype(np.float32)
    return rounded + np.float32(0)


def _products(cells: Vectors, rows: Rows, query: Vectors) -> Vectors:
    """(len(rows),) dot products. Both ways give the same bits, because the numbers are whole.

    Of rows of the past, none is after the last: what came later is not compared.
    """
    cells = cells[: int(rows.max(initial=-1)) + 1]
    if len(rows) <= GATHER_SHARE * len(cells):
        return cells[rows] @ query
    return (cells @ query)[rows]
