"""What turns text into vectors, as the views see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """A model that maps texts to unit vectors. Implementations are thread-safe."""

    @property
    def name(self) -> str:
        """What a person calls the model, for example `all-MiniLM-L6-v2`."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def fingerprint(self) -> bytes:
        """sha256 over all that decides a vector except the text: weights, tokenizer, pooling, length, dtype, prompt."""
        ...

    def embed(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """(len(texts), dimensions) float32, rows of length 1. `as_query` selects a model's prompt for queries, if any.

        Raises EmbedderUnavailable when a remote model does not answer, or answers with something that is no vector.
        """
        ...
