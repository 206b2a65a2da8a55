"""One cube in the views of recall, without a log: what is asked, and what an exact scan of its vectors takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.clusters import DIMENSIONS, Clusters
from benchmarks.figure import Figure
from benchmarks.meter import medians
from benchmarks.speech import Speech, Turn
from mnemolog.domain.cube import Cube
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Governance, Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.labels import Labels
from mnemolog.projections.recall import Views
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import EmbeddingStore, Indexing, VectorView, whole_numbers
from mnemolog.projections.wordings import Positions, Rows

TENANT, CUBE, OWNER, FIRST = UUID(int=1), UUID(int=2), UUID(int=3), 10**9
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALLER = Caller(OWNER, TENANT, OWNER)
CHUNK, ASKED, HITS = 5_000, 300, 10


@dataclass(frozen=True, slots=True)
class Drawn:
    """Implements `EmbeddingStore` for memories that are numbered from FIRST on."""

    vectors_: Vectors

    def vectors(self, items: Sequence[tuple[UUID, str]]) -> Vectors:
        return self.vectors_[[memory_id.int - FIRST for memory_id, _ in items]]


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """`drawn` (n, DIMENSIONS) are unit vectors, `cells` what the view holds of them, `clusters` (n,) theirs;
    `queries` (ASKED, DIMENSIONS) are unit vectors, `asked` the same in whole numbers, `asked_clusters` (ASKED,) theirs.
    """

    views: Views
    drawn: Vectors
    cells: Vectors
    clusters: NDArray[np.intp]
    queries: Vectors
    asked: Vectors
    asked_clusters: NDArray[np.intp]
    speech: Speech

    @classmethod
    def of(cls, n: int, indexing: Indexing | None = None) -> Self:
        space, speech = Clusters(), Speech()
        vectors, clusters = space.draw(n)
        queries, asked_clusters = space.draw(ASKED)
        views = views_of(Drawn(vectors), indexing)
        for events in _chunks(speech.turns(n)):
            fold(views, events)
        cells = np.vstack([whole_numbers(vectors[start : start + CHUNK]) for start in range(0, n, CHUNK)])
        return cls(views, vectors, cells, clusters, queries, whole_numbers(queries), asked_clusters, speech)

    @property
    def size(self) -> int:
        return len(self.cells)

    @property
    def positions(self) -> Positions:
        """Of all texts: a memory is generated, and then activated, after the founding of the cube."""
        return np.arange(2, 2 * self.size + 1, 2, dtype=np.int64)

    def scan(self, number: int) -> Rows:
        """The floor: the nearest rows to a question, by comparing all of them."""
        return top(self.cells @ self.asked[number])

    def nearest_of(self, number: int, rows: Rows) -> Rows:
        """Of some rows, by their exact cosines."""
        return rows[top(self.cells[rows] @ self.asked[number])]


def top(products: Vectors, k: int = HITS) -> Rows:
    nearest = np.argpartition(-products, k)[:k] if k < len(products) else np.arange(len(products))
    return nearest[np.argsort(-products[nearest])]


def against_scan(
    corpus: Corpus, name: str, answer: Callable[[int], object], slowest: float | None = None
) -> Iterator[Figure]:
    taken = medians(ASKED, {"scan": corpus.scan, "answer": answer})
    ratio, label = taken["answer"] / taken["scan"], f"{name} / the scan"
    yield Figure(label, ratio, "ratio") if slowest is None else Figure.at_most(slowest, label, ratio, "ratio")
    yield Figure(name, 1e3 * taken["answer"], "ms")
    yield Figure(f"{name}: the scan", 1e3 * taken["scan"], "ms")


def views_of(store: EmbeddingStore, indexing: Indexing | None = None) -> Views:
    return Views(Scopes(), Terms(), VectorView(store, DIMENSIONS, indexing=indexing), Turns(), Labels())


def fold(views: Views, events: Sequence[Event]) -> None:
    for view in (views.scopes, views.terms, views.vectors, views.turns, views.labels):
        view.apply(events, events[-1].position)


def founded() -> Event:
    return Event(1, CUBE, 1, Cube.Founded.TOPIC, TENANT, NOW, NOW, {"owner_id": str(OWNER), "name": "large"}, CUBE)


def _chunks(turns: Iterator[Turn]) -> Iterator[list[Event]]:
    events = [founded()]
    for number, turn in enumerate(turns):
        memory_id = UUID(int=FIRST + number)
        events += (generated(2 * number + 2, memory_id, turn), activated(2 * number + 3, memory_id))
        if len(events) >= 2 * CHUNK:
            yield events
            events = []
    if events:
        yield events


def generated(position: int, memory_id: UUID, turn: Turn) -> Event:
    data = wording(turn) | {"expires_at": None, "parents": []}
    return changed(position, memory_id, 1, Memory.Generated.TOPIC, data, turn.occurred_at)


def activated(position: int, memory_id: UUID) -> Event:
    return changed(position, memory_id, 2, Memory.Activated.TOPIC, {"gate": "owner"})


def wording(turn: Turn) -> dict[str, Any]:
    governance = Governance(owner_id=OWNER, visibility=Visibility.TENANT, context_id=turn.talk_id)
    return {"text": turn.text, "description": {"speaker": turn.speaker}, "governance": governance.to_json()}


def changed(
    position: int, memory_id: UUID, version: int, topic: str, data: dict[str, Any], occurred_at: datetime = NOW
) -> Event:
    return Event(position, memory_id, version, topic, TENANT, occurred_at, NOW, data, CUBE, memory_id)
