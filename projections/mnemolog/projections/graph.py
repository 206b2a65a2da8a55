"""The graph of a cube as one caller sees it at one position, in numbers; and what computes on it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.memory import Relation
from mnemolog.projections.wordings import Positions, Rows, Scores


class Tie(StrEnum):
    """What joins memories besides the links that somebody made."""

    SAME_CONTEXT = "same_context"  # from a memory to the conversation or document that it was said in
    NEXT = "next"  # from a memory to the one that was said after it in the same context
    MENTIONS = "mentions"  # from a memory to a name


EdgeType = Relation | Tie
EDGE_TYPES: tuple[EdgeType, ...] = (*Relation, *Tie)
CODES: dict[EdgeType, int] = {each: code for code, each in enumerate(EDGE_TYPES)}


class Kind(StrEnum):
    MEMORY = "memory"
    CONTEXT = "context"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class Node:
    """`id` is a UUID of a memory or context, and the normalised name of an entity."""

    kind: Kind
    id: UUID | str


class Direction(StrEnum):
    OUT = "out"
    IN = "in"
    BOTH = "both"


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """A directed graph of `size` nodes, with an arc from `sources[i]` to `targets[i]` of weight `weights[i]` > 0.

    Sorted by source, then target, then weight, heaviest first. `edges[i]` is the edge of the Graph that it comes from,
    walked from its source to its target where `forward[i]`.
    """

    size: int
    sources: Rows
    targets: Rows
    weights: Scores
    edges: Rows
    forward: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Nodes are places: first the memories as they were born, then the contexts and the names as they first appear.

    What the caller may not see is not in it, so neither ways nor scores can tell of it. It holds no text: `members`,
    `contexts` and `entities` (a node each) are numbers that the view can name as long as it holds the names.
    `sources`, `targets`, `relations`, `weights` and `positions` have a row for each edge; a position is that of the
    event which made the edge. Graphs with the same `key` are the same.
    """

    cube_id: UUID
    key: Hashable
    members: Rows
    contexts: Rows
    entities: Rows
    sources: Rows
    targets: Rows
    relations: NDArray[Any]
    weights: Scores
    positions: Positions

    @property
    def size(self) -> int:
        return self.first_entity + len(self.entities)

    @property
    def first_entity(self) -> int:
        return len(self.members) + len(self.contexts)

    def arcs(self, relations: Collection[EdgeType] | None, direction: Direction) -> Arcs:
        """The edges of these relations (None means all), as they are walked in this direction."""
        edges = np.arange(len(self.sources))
        if relations is not None:
            edges = edges[np.isin(self.relations, [CODES[relation] for relation in relations])]
        forward = np.full(len(edges), direction is not Direction.IN)
        if direction is Direction.BOTH:
            edges, forward = np.concatenate([edges, edges]), np.concatenate([forward, ~forward])
        sources = np.where(forward, self.sources[edges], self.targets[edges])
        targets = np.where(forward, self.targets[edges], self.sources[edges])
        weights = self.weights[edges]
        order = np.lexsort((~forward, edges, -weights, targets, sources))
        return Arcs(self.size, sources[order], targets[order], weights[order], edges[order], forward[order])


Way = tuple[int, ...]  # arcs, each beginning where the one before ends


class Walks(Protocol):
    """Ways over some Arcs. Where several arcs or ways are equally good, the one to the older memory comes first."""

    def breadth_first(self, start: int, depth: int, limit: int) -> list[Way]:
        """Shortest ways (fewest arcs) to at most `limit` other nodes, of at most `depth` arcs, nearest nodes first.

        Each node is reached from the first of the list (at first `start`) that leads to it, by its heaviest arc.
        """
        ...

    def depth_first(self, start: int, depth: int, limit: int) -> list[Way]:
        """Goes down one branch, at most `depth` arcs, before it tries the next, and sees each node once.

        So what lies behind the end of a branch that was cut off may be missing, although a shorter way leads there:
        to follow chains use this, to find everything near use `breadth_first`.
        """
        ...

    def shortest(self, start: int, goal: int) -> Way | None:
        """The way that is shortest when an arc of weight w is 1/w long; None when there is none.

        Of ways of equal length it is the one that, seen from `goal` backwards, comes through the oldest nodes.
        """
        ...

    def hops(self, starts: Sequence[int], depth: int) -> Rows:
        """(size,) how many arcs each node is away from the nearest start, and -1 when it is more than `depth`."""
        ...

    def pagerank(self, seeds: Scores, damping: float, rounds: int) -> Scores:
        """(size,) personalised PageRank (Haveliwala 2002) after `rounds` rounds of power iteration; it sums to 1.

        A walker follows an arc, chosen by weight, with probability `damping`, and else begins anew at a node chosen by
        `seeds` (size,), which are not negative and not all 0. It also begins anew where no arc leads on.
        """
        ...


class GraphAlgorithms(Protocol):
    def compile(self, arcs: Arcs) -> Walks:
        """Safe to be used by many threads at once."""
        ...
