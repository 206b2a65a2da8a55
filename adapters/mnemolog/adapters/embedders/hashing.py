"""Feature hashing: vectors without a model.

Texts are near when they share words or character trigrams; meaning is not seen. Weinberger et al. 2009, with a signed
hash so that collisions cancel on average.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from mnemolog.adapters.embedders.vectors import encodable, fingerprint_of, unit_rows
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.embedding import Vectors

ALGORITHM = 1  # raise it whenever any text would get another vector
TRIGRAM_WEIGHT = 0.3  # a word of average length has about four trigrams, which together weigh what the word does

_WORD = re.compile(r"\w+")


class HashingEmbedder:
    def __init__(self, dimensions: int = 256, seed: int = 0) -> None:
        if dimensions < 1:
            raise Invalid(reason=f"A vector needs at least one dimension, not {dimensions}.")
        self._dimensions = dimensions
        self._seed = seed
        self._salt = fingerprint_of(seed=seed)[: blake2b.SALT_SIZE]

    @property
    def name(self) -> str:
        return f"hashing-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def fingerprint(self) -> bytes:
        return fingerprint_of(kind="hashing", algorithm=ALGORITHM, dimensions=self._dimensions, seed=self._seed)

    def embed(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        rows = np.zeros((len(texts), self._dimensions))
        for row, text in zip(rows, texts, strict=True):
            row[:] = self._row(text)
        return unit_rows(rows)

    def _row(self, text: str) -> NDArray[np.float64]:
        row = np.zeros(self._dimensions)
        for (feature, weight), count in Counter(_features(text)).items():
            place, sign = self._place(feature)
            row[place] += sign * weight * (1.0 + np.log(count))
        if not row.any():  # no features, or all of them cancelled
            row[0] = 1.0
        return row

    def _place(self, feature: str) -> tuple[int, float]:
        number = int.from_bytes(blake2b(feature.encode(), digest_size=9, salt=self._salt).digest(), "big")
        return (number >> 8) % self._dimensions, 1.0 if number & 1 else -1.0


def _features(text: str) -> Iterator[tuple[str, float]]:
    """Words, and the trigrams of the whole text, so that signs and scripts without words count too."""
    plain = " ".join(unicodedata.normalize("NFKC", encodable(text)).casefold().split())
    for word in _WORD.findall(plain):
        yield f"word {word}", 1.0
    padded = f" {plain} " if plain else ""
    for start in range(len(padded) - 2):
        yield f"part {padded[start : start + 3]}", TRIGRAM_WEIGHT
