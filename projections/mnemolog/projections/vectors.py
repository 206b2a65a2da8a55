"""Vectors of every wording, compared exactly at any position of the log.

Components are kept as whole numbers (in float32, which BLAS is fast at) so small that every sum on the way to a dot
product is a whole number below 2**24, which float32 holds exactly. So a cosine is the same bits in whatever order it
is added up: on any machine, for any part of the rows, today and as of then. Rounding moves a cosine by about 1e-4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import numpy as np

from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.fold import Fold, place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.wordings import Positions, Rows, Scores, Wordings

LENGTH = 4000  # of a stored vector; |x||y| and with it every partial sum stays below 2**24 for up to 16,000 dimensions
GATHER_SHARE = 0.2  # below this share of the rows, copying them together is quicker than scanning all


class EmbeddingStore(Protocol):
    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        """(len(items), dimensions) float32, unit vectors of (memory, text), computed once, kept as long as the memory.

        A text always gets the same vector, or a rebuilt view would differ. Raises EmbedderUnavailable or
        StoreUnreachable when they cannot be had now; anything else that is raised is taken for the text's fault.
        """
        ...


class CubeVectors:
    def __init__(self, dimensions: int) -> None:
        self.wordings = Wordings()
        self.cells = Growing(np.float32, (dimensions,))

    def add(self, memory_id: UUID, position: int, vector: Vectors | None) -> None:
        self.wordings.add(memory_id, position, readable=vector is not None)
        self.cells.append(0 if vector is None else vector)

    def erase(self, memory_id: UUID) -> None:
        self.cells.rows[self.wordings.forget(memory_id)] = 0


class VectorView(Fold):
    name = "vectors"
    version = 1
    types = (Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Erased.TOPIC)

    def __init__(self, store: EmbeddingStore, dimensions: int) -> None:
        super().__init__()
        self._store, self._dimensions = store, dimensions
        self._cubes: dict[UUID, CubeVectors] = {}
        self._arrived: Mapping[int, Vectors] = {}

    def apply(self, events: Sequence[Event], upto: int) -> None:
        """One question to the store for the whole batch, before anything is folded and without holding up readers."""
        self._arrived = self._vectors_of(self._new(events))
        super().apply(events, upto)
        self._arrived = {}

    def scores(self, cube_id: UUID, query: Vectors, positions: Positions, at: int) -> Scores:
        """(n,) cosine of `query` (dimensions,) with each wording at `positions` that holds at `at`; 0 for the others.

        Raises Invalid for a query of another length.
        """
        if query.shape != (self._dimensions,):
            raise Invalid(reason=f"The query's vector has shape {query.shape}, and ({self._dimensions},) is needed.")
        scores = np.zeros(len(positions))
        with self._lock:
            cube = self._cubes.get(cube_id)
            if cube is None:
                return scores
            rows, cells = cube.wordings.rows_at(positions, at), cube.cells.rows
        # Outside the lock: rows are never moved, and one that is erased meanwhile only becomes zeros.
        held = rows >= 0
        scores[held] = _products(cells, rows[held], whole_numbers(query[None, :])[0])
        return scores / LENGTH**2

    def _vectors_of(self, events: Sequence[Event]) -> dict[int, Vectors]:
        texts = [event for event in events if event.type != Memory.Erased.TOPIC and not event.erased]
        if not texts:
            return {}
        vectors = self._store.vectors([(place_of(event)[1], wording(event.data)) for event in texts])
        if vectors.shape != (len(texts), self._dimensions):
            raise ValueError(f"{vectors.shape} instead of {(len(texts), self._dimensions)}")
        return dict(zip((event.position for event in texts), whole_numbers(vectors), strict=True))

    def _fold(self, event: Event) -> None:
        cube_id, memory_id = place_of(event)
        cube = self._cubes.get(cube_id) or CubeVectors(self._dimensions)
        if event.type == Memory.Erased.TOPIC:
            cube.erase(memory_id)
        else:
            cube.add(memory_id, event.position, None if event.erased else self._arrived[event.position])
        self._cubes[cube_id] = cube

    def _content(self) -> Iterator[bytes]:
        for cube_id, cube in sorted(self._cubes.items()):
            yield cube_id.bytes
            yield from cube.wordings.content()
            yield cube.cells.rows.astype("<f4").tobytes()


def wording(data: Any) -> str:
    """What a memory means: its text alone. Names, labels and dates would blur it."""
    return str(data["text"])


def whole_numbers(vectors: Vectors) -> Vectors:
    """(n, d) -> (n, d) rows of length LENGTH, rounded; zero rows stay zero. Raises ValueError unless all are finite."""
    wide = vectors.astype(np.float64)
    if not np.isfinite(wide).all():
        raise ValueError("a vector holds infinity or no number")
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    rounded: Vectors = np.rint(wide / np.where(lengths > 0, lengths, 1) * LENGTH).astype(np.float32)
    return rounded


def _products(cells: Vectors, rows: Rows, query: Vectors) -> Vectors:
    """(len(rows),) dot products. Both ways give the same bits, because the numbers are whole."""
    if len(rows) <= GATHER_SHARE * len(cells):
        return cells[rows] @ query
    return (cells @ query)[rows]
