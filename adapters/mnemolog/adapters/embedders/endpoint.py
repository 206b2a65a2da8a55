"""Any server that speaks `POST {url}/embeddings` as OpenAI does.

Neither the texts nor the key get into a log or an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mnemolog.adapters.embedders.post import Address, Poster
from mnemolog.adapters.embedders.vectors import encodable, fingerprint_of, unit_rows
from mnemolog.domain.refusals import EmbedderUnavailable
from mnemolog.projections.embedding import Vectors

BATCH = 64
LONGEST = 8000  # characters of a text that are sent: the rest would overflow 8191 tokens, and servers refuse that


class EndpointEmbedder:
    """`dimensions` asks the server for shorter vectors than the model's own; without it, they are as the server sends.

    A blank text is not sent, since some servers refuse it: its vector is (1, 0, 0, ...).
    Raises Invalid for a url that would send texts over the network in the clear.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        dimensions: int | None = None,
        timeout: float = 30,
        *,
        pause: float = 0.5,
    ) -> None:
        self._address = Address.of(url)
        self._poster = Poster(self._address, api_key, timeout, pause)
        self._model = model
        self._asked = dimensions
        self._dimensions = dimensions
        self._settling = Lock()

    @property
    def name(self) -> str:
        return f"{self._model} at {self._address.host}"

    @property
    def dimensions(self) -> int:
        """Asks the server when it is neither given nor known from an answer."""
        return self._dimensions or self._answer(["How many dimensions?"]).shape[1]

    @property
    def fingerprint(self) -> bytes:
        """Holds the dimensions that were asked for, not those discovered: it is known without the server."""
        return fingerprint_of(
            kind="openai",
            url=self._address.identity,
            model=self._model,
            dimensions=self._asked,
            longest=LONGEST,
        )

    def embed(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        sent = [encodable(text)[:LONGEST] for text in texts]
        spoken = [place for place, text in enumerate(sent) if text.strip()]
        answers = [
            self._answer([sent[place] for place in spoken[start : start + BATCH]])
            for start in range(0, len(spoken), BATCH)
        ]
        rows = np.zeros((len(texts), self.dimensions))
        rows[:, 0] = 1.0
        if answers:
            rows[spoken] = np.concatenate(answers)
        return unit_rows(rows)

    def _answer(self, texts: list[str]) -> NDArray[np.float64]:
        wish = {} if self._asked is None else {"dimensions": self._asked}
        answer = self._poster.post(orjson.dumps({"model": self._model, "input": texts, **wish}))
        rows = [_row(embedding) for embedding in _embeddings(answer, len(texts))]
        expected = self._settle(len(rows[0]))
        if any(len(row) != expected for row in rows):
            other = next(len(row) for row in rows if len(row) != expected)
            raise _nonsense(f"a vector of {other} dimensions where {expected} were expected")
        return np.array(rows, dtype=np.float64)

    def _settle(self, width: int) -> int:
        """The first answer's width is every answer's."""
        with self._settling:
            if self._dimensions is None:
                self._dimensions = width
            return self._dimensions


def _embeddings(answer: bytes, expected: int) -> list[Any]:
    """In the order of the texts, whatever the order of the answer."""
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise _nonsense("something that is not JSON") from None
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise _nonsense("no list of embeddings")
    if len(data) != expected:
        raise _nonsense(f"{len(data)} vectors for {expected} texts")
    by_place = {_place(item, default): item.get("embedding") for default, item in enumerate(data)}
    if sorted(by_place) != list(range(expected)):
        raise _nonsense("vectors whose indexes are not those of the texts")
    return [by_place[place] for place in range(expected)]


def _place(item: dict[str, Any], default: int) -> int:
    place = item.get("index", default)
    return place if type(place) is int else -1


def _row(embedding: Any) -> list[float]:
    if not isinstance(embedding, list) or not embedding:
        raise _nonsense("an embedding that is not a list of numbers")
    if not all(type(number) in (float, int) for number in embedding):
        raise _nonsense("an embedding that holds something else than numbers")
    return embedding


def _nonsense(what: str) -> EmbedderUnavailable:
    return EmbedderUnavailable(reason=f"the endpoint answered with {what}")
