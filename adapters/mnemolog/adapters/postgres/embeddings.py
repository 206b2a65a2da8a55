"""Vectors of memories: computed once, kept by fingerprint, read back on every replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from eventsourcing.postgres import PostgresDatastore

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
        known = self._known(ids, fingerprints)
        missing = [i for i, key in enumerate(zip(ids, fingerprints, strict=True)) if key not in known]
        if missing:
            fresh = self.embedder.embed([items[i][1] for i in missing])
            self._keep([ids[i] for i in missing], [fingerprints[i] for i in missing], fresh)
            known = {**known, **{(ids[i], fingerprints[i]): row for i, row in zip(missing, fresh, strict=True)}}
        dimensions = self.embedder.dimensions
        rows = [known[key] for key in zip(ids, fingerprints, strict=True)]
        return np.stack(rows) if rows else np.zeros((0, dimensions), dtype=np.float32)

    def _fingerprint(self, text: str) -> bytes:
        return self._token(f"embedding:{self.embedder.fingerprint.hex()}:{text}")

    def _known(self, ids: list[UUID], fingerprints: list[bytes]) -> Mapping[tuple[UUID, bytes], Vectors]:
        rows = self._run("embeddings", {"memory_ids": ids, "fingerprints": fingerprints})
        return {(memory_id, key): np.frombuffer(vector, dtype="<f4") for memory_id, key, vector in rows}

    def _keep(self, ids: list[UUID], fingerprints: list[bytes], vectors: Vectors) -> None:
        self.computed += len(ids)
        blobs = [row.astype("<f4").tobytes() for row in vectors]
        self._run("add_embeddings", {"memory_ids": ids, "fingerprints": fingerprints, "vectors": blobs})

    def _run(self, name: str, facts: dict[str, Any]) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts)
