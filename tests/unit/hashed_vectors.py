"""An EmbeddingStore without a model or a database."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.projections.embedding import Vectors

DIMENSIONS = 1024  # enough that texts which share nothing have next to no cosine


class HashedVectors:
    """Remembers the sizes of the batches that it was asked for, and fails with what it is told to."""

    def __init__(self) -> None:
        self._embedder = HashingEmbedder(DIMENSIONS)
        self.asked: list[int] = []
        self.failures: list[Exception] = []

    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        if self.failures:
            raise self.failures.pop()
        self.asked.append(len(items))
        return self._embedder.embed([text for _, text in items])

    def query(self, text: str) -> Vectors:
        return self._embedder.embed([text], as_query=True)
