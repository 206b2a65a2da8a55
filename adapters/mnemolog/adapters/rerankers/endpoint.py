"""Any server that speaks `POST {url}/rerank` as Cohere and Jina do, and vLLM and OpenVINO Model Server after them.

Neither the texts nor the key get into a log or an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import orjson

from mnemolog.adapters.embedders.post import Address, Poster
from mnemolog.adapters.embedders.vectors import encodable
from mnemolog.domain.refusals import RerankerUnavailable

LONGEST = 8000  # characters of a text that are sent: the models cut off what is longer


class EndpointReranker:
    """Raises Invalid for a url that would send texts over the network in the clear."""

    def __init__(
        self, url: str, model: str, api_key: str | None = None, timeout: float = 30, *, pause: float = 0.5
    ) -> None:
        self._address = Address.of(url)
        self._poster = Poster(
            self._address, api_key, timeout, pause, resource="rerank", unavailable=RerankerUnavailable
        )
        self._model = model

    @property
    def name(self) -> str:
        return f"{self._model} at {self._address.host}"

    def rerank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        if not texts:
            return []
        documents = [encodable(text[:LONGEST]) for text in texts]
        asked = {"model": self._model, "query": encodable(query[:LONGEST]), "documents": documents}
        return _scores(self._poster.post(orjson.dumps(asked)), len(texts))


def _scores(answer: bytes, expected: int) -> list[float]:
    """In the order of the texts, whatever the order of the answer."""
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise _nonsense("something that is not JSON") from None
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise _nonsense("no list of results")
    by_place = {item.get("index"): item.get("relevance_score") for item in results if type(item.get("index")) is int}
    if len(results) != expected or by_place.keys() != set(range(expected)):
        raise _nonsense("results whose indexes are not those of the texts")
    return [_score(by_place[place]) for place in range(expected)]


def _score(value: Any) -> float:
    if type(value) not in (float, int) or not isfinite(value):
        raise _nonsense("a score that is no number")
    return float(value)


def _nonsense(what: str) -> RerankerUnavailable:
    return RerankerUnavailable(reason=f"the endpoint answered with {what}")
