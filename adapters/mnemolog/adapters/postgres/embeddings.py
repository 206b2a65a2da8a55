"""Vectors of memories: computed once, kept by fingerprint, read back on every replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from eventsourcing.postgres import PostgresDatastore
from numpy.typing import NDArray

from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.projections.catalogue import Token
from mnemolog.projections.embedding import Embedder, Vectors


class CachedEmbeddings:
    """Implements `mnemolog.projections.vectors.EmbeddingStore`.

    The fingerprint is keyed, because the plain hash of a short text can be guessed.
    """

    def __init__(self, datastore: PostgresDatastore, embedder: Embedder, token: Token) -> None:
        self.embedder = embedder
        self.computed = 0
        self._datastore = datastore
        self._token = token

    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        """(len(items), dimensions). Raises EmbedderUnavailable or StoreUnreachable."""
        fingerprints = [self._fingerprint(text) for _, text in items]
        ids = [memory_id for memory_id, _ in items]
        vectors = np.empty((len(items), self.embedder.dimensions), np.float32)
        missing = np.ones(len(items), np.bool_)
        places, known = self._known(ids, fingerprints)
        vectors[places], missing[places] = known, False
        if missing.any():
            self._borrow(ids, fingerprints, vectors, missing)
        if missing.any():
            new = np.flatnonzero(missing).tolist()
            vectors[new] = self.embedder.embed([items[place][1] for place in new])
            self._keep([ids[place] for place in new], [fingerprints[place] for place in new], vectors[new])
        return vectors

    def _borrow(self, ids: list[UUID], fingerprints: list[bytes], vectors: Vectors, missing: NDArray[np.bool_]) -> None:
        """A copy that says the same as its original is kept a copy of the vector, which goes when the copy goes."""
        asked = np.flatnonzero(missing).tolist()
        wanted = [ids[place] for place in asked], [fingerprints[place] for place in asked]
        found, known = self._known(*wanted, of="embeddings_of_originals")
        places = [asked[each] for each in found]
        if places:
            vectors[places], missing[places] = known, False
            kept = [ids[place] for place in places], [fingerprints[place] for place in places]
            self._run("add_embeddings", self._facts(*kept, vectors[places]))

    def adopt(self, items: Sequence[tuple[UUID, str]], vectors: Vectors) -> None:
        """Keep what the same model has computed elsewhere."""
        ids, fingerprints = [memory_id for memory_id, _ in items], [self._fingerprint(text) for _, text in items]
        self._run("add_embeddings", self._facts(ids, fingerprints, vectors))

    def forget(self, memory_ids: Sequence[UUID]) -> None:
        self._run("forget_embeddings", {"memory_ids": list(memory_ids)})

    def _fingerprint(self, text: str) -> bytes:
        return self._token(f"embedding:{self.embedder.fingerprint.hex()}:{text}")

    def _known(self, ids: list[UUID], fingerprints: list[bytes], of: str = "embeddings") -> tuple[list[int], Vectors]:
        """The places of those that there are, and their vectors in the same order."""
        rows = self._run(of, {"memory_ids": ids, "fingerprints": fingerprints})
        stored = np.frombuffer(b"".join(vector for _, vector in rows), "<f4")
        return [place for place, _ in rows], stored.reshape(-1, self.embedder.dimensions)

    def _keep(self, ids: list[UUID], fingerprints: list[bytes], vectors: Vectors) -> None:
        self.computed += len(ids)
        self._run("add_embeddings", self._facts(ids, fingerprints, vectors))

    def _facts(self, ids: list[UUID], fingerprints: list[bytes], vectors: Vectors) -> dict[str, Any]:
        blobs = [row.astype("<f4").tobytes() for row in vectors]
        return {"memory_ids": ids, "fingerprints": fingerprints, "vectors": blobs}

    def _run(self, name: str, facts: dict[str, Any]) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts)
