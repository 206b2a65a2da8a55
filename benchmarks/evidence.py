"""How much of the evidence recall finds in conversations, asked over REST as a program would."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.figure import Figure
from benchmarks.locomo import ADVERSARIAL, ANSWERABLE, Dialogue, dialogues
from benchmarks.rest import served

K, BATCH = 10, 200
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop", 5: "adversarial"}
RECIPES = ("dialogue", "documents", "keyword")
FOUND: Mapping[str, tuple[float, tuple[int, ...]]] = {
    "dialogue, categories 1-4": (0.80, ANSWERABLE),
    "keyword, categories 1-4": (0.63, ANSWERABLE),
    "dialogue, category 5": (0.88, (ADVERSARIAL,)),
}


def evidence(dsn: str) -> Iterator[Figure]:
    """R@10 at the level of turns: the mean share of a question's evidence that is among the first ten."""
    found = {recipe: defaultdict[int, list[float]](list) for recipe in RECIPES}
    with served(dsn, embedder="minilm") as (url, key), closing(HTTPConnection(urlsplit(url).netloc)) as connection:
        rest = Rest(connection, key)
        for dialogue in dialogues(_path()):
            position = _remember(rest, dialogue)
            for question in dialogue.questions:
                for recipe in RECIPES:
                    first = _recall(rest, dialogue, question.text, recipe, position)
                    share = len(first & question.evidence) / len(question.evidence)
                    found[recipe][question.category].append(share)
    for name, (bar, categories) in FOUND.items():
        shares = found[name.partition(",")[0]]
        yield Figure.at_least(bar, f"R@10, {name}", _mean(shares, categories), "share")
    for recipe, shares in found.items():
        for category, label in CATEGORIES.items():
            yield Figure(f"R@10, {recipe}, {label}", _mean(shares, (category,)), "share")
    yield Figure("questions", sum(map(len, found["dialogue"].values())), "questions")


class Rest:
    """One connection and one key."""

    def __init__(self, connection: HTTPConnection, key: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        self._connection.request("POST", path, orjson.dumps(body), self._headers)
        answer = self._connection.getresponse()
        content = orjson.loads(answer.read())
        assert answer.status < 300, content
        return content


def _remember(rest: Rest, dialogue: Dialogue) -> int:
    """The position from which all of it is known."""
    cube = rest.post("/v1/cubes", {"name": dialogue.name.lower()})
    position = int(cube["position"])
    for start in range(0, len(dialogue.turns), BATCH):
        body = {"memories": dialogue.turns[start : start + BATCH]}
        position = int(rest.post(f"/v1/cubes/{cube['cube_id']}/memories", body)["position"])
    return position


def _recall(rest: Rest, dialogue: Dialogue, question: str, recipe: str, position: int) -> frozenset[str]:
    asked = {"cube": dialogue.name.lower(), "query": question, "k": K, "recipe": recipe, "at_least": position}
    return frozenset(hit["key"] for hit in rest.post("/v1/recall", asked)["hits"])


def _mean(shares: Mapping[int, list[float]], categories: tuple[int, ...]) -> float:
    return fmean(share for category in categories for share in shares[category])


def _path() -> Path:
    """`LOCOMO` names the file: its licence does not let it come along with the code."""
    return Path(os.environ["LOCOMO"])
