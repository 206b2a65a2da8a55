"""Indexes of the vectors of cubes, built in the background and kept in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from mnemolog.adapters.hnsw import HnswIndexes
from mnemolog.adapters.hnsw_files import HnswFiles
from mnemolog.adapters.view_files import index_path
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.index_builder import IndexBuilder
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import Mask
from mnemolog.projections.vectors import VectorView

PATIENCE = 2.0  # seconds in which a process that came for one answer is gone again


class HnswIndexing:
    """Implements `Indexing`. `folder` is that of `ViewFiles`, which drops an index with the file of its cube."""

    def __init__(self, folder: Path, secret: bytes, patience: float = PATIENCE) -> None:
        self._folder, self._secret = folder, secret
        self._builder = IndexBuilder(patience)
        self._latest: dict[UUID, NearestRows] = {}

    def of(self, cube_id: UUID) -> NearestRows:
        """Two of one cube would share a file, and an erasure would reach only one of them."""
        if (former := self._latest.get(cube_id)) is not None:
            former.retire()
        path = index_path(self._folder, VectorView.name, cube_id)
        self._latest[cube_id] = NearestRows(HnswIndexes(), HnswFiles(path, self._secret))
        return self._latest[cube_id]

    def ask(self, cube_id: UUID, nearest: NearestRows, rows: Callable[[], tuple[Vectors, Mask]]) -> None:
        self._builder.ask(cube_id, nearest, rows)

    def wait(self, seconds: float) -> bool:
        """Until all that was asked for is done; False when that took longer."""
        return self._builder.wait(seconds)

    def close(self) -> None:
        self._builder.close()

    def __enter__(self) -> Self:
        self._builder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
