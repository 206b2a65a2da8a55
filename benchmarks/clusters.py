"""Made-up vectors."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.embedding import Vectors

DIMENSIONS, CLUSTERS, DIRECTIONS = 384, 200, 24
WITHIN, NOISE = 0.8, 0.3  # lengths beside that of a centre, which is 1


class Clusters:
    """As language models make them: in clusters, and within a cluster along few directions."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._centres = self._normal(CLUSTERS, DIMENSIONS)
        self._directions = self._normal(DIRECTIONS, DIMENSIONS)

    def draw(self, n: int) -> tuple[Vectors, NDArray[np.intp]]:
        """(n, DIMENSIONS) unit vectors, and the cluster of each."""
        clusters = self._rng.integers(0, CLUSTERS, n)
        vectors = self._centres[clusters]
        vectors += WITHIN * self._normal(n, DIRECTIONS) @ self._directions
        vectors += NOISE * self._normal(n, DIMENSIONS)
        return unit(vectors), clusters

    def _normal(self, n: int, dimensions: int) -> Vectors:
        """(n, dimensions) of a length of about 1."""
        drawn: Vectors = self._rng.standard_normal((n, dimensions), np.float32) / np.float32(np.sqrt(dimensions))
        return drawn


class Seeded:
    """Implements `Embedder` and `EmbeddingStore` at next to no cost: what a text means is not looked at."""

    name = "seeded"
    dimensions = DIMENSIONS
    fingerprint = bytes(32)

    def embed(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            np.random.default_rng(crc32(text.encode())).standard_normal(DIMENSIONS, np.float32, out=row)
        return unit(vectors)

    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        return self.embed([text for _, text in items])


def unit(vectors: Vectors) -> Vectors:
    rows: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return rows
