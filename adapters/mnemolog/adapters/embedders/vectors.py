"""What every embedder does to the texts it takes and the rows it gives."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mnemolog.domain.refusals import EmbedderUnavailable
from mnemolog.projections.embedding import Vectors


def unit_rows(rows: NDArray[np.floating[Any]]) -> Vectors:
    """(n, d) of any float type -> (n, d) float32 with rows of length 1.

    Raises EmbedderUnavailable for a row that has no direction: zero, infinite or not a number.
    """
    wide = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(wide).all():
        raise EmbedderUnavailable(reason="it gave a vector that holds infinity or no number")
    largest = np.abs(wide).max(axis=1, initial=0.0, keepdims=True)
    if not largest.all():
        raise EmbedderUnavailable(reason="it gave a vector of length zero")
    scaled = wide / largest  # or the squares of very large or very small numbers leave the range of a float
    unit: Vectors = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
    return unit


def encodable(text: str) -> str:
    """Lone surrogates, which no tokenizer and no JSON takes, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def fingerprint_of(**facts: Any) -> bytes:
    """sha256 of the facts as JSON with sorted keys."""
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).digest()
