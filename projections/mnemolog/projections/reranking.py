"""What reads a question and a text together to say how well the one answers the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """A model that scores texts against a question. Implementations are thread-safe."""

    @property
    def name(self) -> str:
        """What a person calls the model."""
        ...

    def rerank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """A finite score for each text, in their order: the higher the better.

        Raises RerankerUnavailable when a remote model does not answer, or answers with something that is no score.
        """
        ...
