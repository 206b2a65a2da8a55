"""Graphs that were asked about lately, kept as they are, so that the next question about one of them is cheap.

They hold numbers only. When a memory is erased, nothing of it is left here but a number without a name.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from mnemolog.projections.edges import Edges
from mnemolog.projections.graph import Arcs, Direction, EdgeType, Graph, GraphAlgorithms, Node, Walks
from mnemolog.projections.scopes import Permitted

KEPT = 8
Relations = frozenset[EdgeType] | None
V = TypeVar("V")


class Recent(Generic[V]):
    """The values that were asked for last."""

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._limit = limit

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """`make` runs outside the lock: whoever asks for something else does not wait for it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._limit:
                self._values.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    arcs: Arcs
    walks: Walks


class Graphs:
    """The graphs of all cubes."""

    def __init__(self, edges: Edges, algorithms: GraphAlgorithms, kept: int = KEPT) -> None:
        self.edges = edges
        self._algorithms = algorithms
        self._graphs: Recent[Graph] = Recent(kept)
        self._compiled: Recent[Compiled] = Recent(kept)

    def seen(self, cube_id: UUID, permitted: Permitted, at: int) -> Seen:
        """What a caller sees who is permitted this much as of `at`. Raises InvalidPosition or ProjectionBehind."""
        key = self.edges.key(cube_id, permitted, at)
        graph = self._graphs.get(key, lambda: self.edges.graph(cube_id, permitted, at))
        return Seen(self, graph, at)

    def compiled(self, graph: Graph, relations: Relations, direction: Direction) -> Compiled:
        def make() -> Compiled:
            arcs = graph.arcs(relations, direction)
            return Compiled(arcs, self._algorithms.compile(arcs))

        return self._compiled.get((graph.key, relations, direction), make)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One graph, as of position `at`."""

    graphs: Graphs
    graph: Graph
    at: int

    def walked(self, relations: Relations, direction: Direction) -> Compiled:
        return self.graphs.compiled(self.graph, relations, direction)

    def find(self, id: UUID | str) -> int | None:
        return self.graphs.edges.find(self.graph, id)

    def nodes(self, places: Sequence[int]) -> list[Node | None]:
        return self.graphs.edges.nodes(self.graph, places)
