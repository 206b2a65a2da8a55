"""Questions over several steps, answered by walking from memory to memory. Each answer shows the way that led to it.

Every node on a way is visible to the caller, because what is not visible is not in the graph. Pure: no text is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

from mnemolog.domain.refusals import Invalid, MemoryNotFound, NotFound
from mnemolog.projections.compiled import Compiled, Relations, Seen
from mnemolog.projections.fusion import best
from mnemolog.projections.graph import EDGE_TYPES, Direction, EdgeType, Node, Way
from mnemolog.projections.wordings import Positions, Scores

MAX_STARTS, MAX_DEPTH, MAX_PATHS = 100, 16, 1000
SEEDS, DAMPING, ROUNDS = 20, 0.5, 20
LEAST = 1e-6  # of the walker's time: what is less counts as never


class Order(StrEnum):
    BREADTH_FIRST = "breadth_first"  # all that is near, nearest first
    DEPTH_FIRST = "depth_first"  # chain by chain


@dataclass(frozen=True, slots=True)
class Traversal:
    """`start` are memories and contexts by id and entities by name; `relations` None means all. Raises Invalid.

    `depth` counts edges: from a memory over a name to another memory are two.
    """

    start: tuple[UUID | str, ...]
    relations: Relations = None
    depth: int = 2
    direction: Direction = Direction.BOTH
    limit: int = 100
    order: Order = Order.BREADTH_FIRST

    def __post_init__(self) -> None:
        _check("start", len(self.start), MAX_STARTS)
        _check("depth", self.depth, MAX_DEPTH)
        _check("limit", self.limit, MAX_PATHS)
        edge_types(self.relations or ())


@dataclass(frozen=True, slots=True)
class Step:
    """`position` is that of the event that made the edge; not `forward` is against the edge's direction, to `node`."""

    relation: EdgeType
    weight: float
    position: int
    forward: bool
    node: Node


@dataclass(frozen=True, slots=True)
class Path:
    start: Node
    steps: tuple[Step, ...]

    @property
    def end(self) -> Node:
        return self.steps[-1].node if self.steps else self.start


@dataclass(frozen=True, slots=True)
class Traversed:
    """A path to each node that was reached, for `position`. Not `complete` when there are more than the limit."""

    paths: tuple[Path, ...]
    position: int
    complete: bool


def edge_types(names: Collection[str]) -> frozenset[EdgeType]:
    """Raises Invalid for what names none."""
    if unknown := sorted(set(names) - set(EDGE_TYPES)):
        raise Invalid(reason=f"There is no relation {unknown[0]!r}; there are {', '.join(EDGE_TYPES)}.")
    return frozenset(each for each in EDGE_TYPES if each in names)


def traverse(seen: Seen, traversal: Traversal) -> Traversed:
    """Of several starts, a node is told from the one that is nearest (depth first: the first). Raises NotFound."""
    starts = list(dict.fromkeys(_place(seen, each) for each in traversal.start))
    compiled = seen.walked(traversal.relations, traversal.direction)
    enough = traversal.limit + len(starts)
    breadth = traversal.order is Order.BREADTH_FIRST
    walk = compiled.walks.breadth_first if breadth else compiled.walks.depth_first
    found = [(start, way) for start in starts for way in walk(start, traversal.depth, enough)]
    if breadth:
        found.sort(key=lambda each: len(each[1]))
    ends: dict[int, tuple[int, Way]] = {}
    for start, way in found:
        ends.setdefault(int(compiled.arcs.targets[way[-1]]), (start, way))
    told = [each for end, each in ends.items() if end not in starts]
    paths = _paths(seen, compiled, told[: traversal.limit])
    return Traversed(tuple(paths), seen.at, len(told) <= traversal.limit)


def shortest_path(
    seen: Seen,
    start: UUID | str,
    goal: UUID | str,
    relations: Relations = None,
    direction: Direction = Direction.BOTH,
) -> Path | None:
    """An edge of weight w is 1/w long. None when no way leads there. Raises NotFound for what is not visible."""
    first, last = _place(seen, start), _place(seen, goal)
    compiled = seen.walked(relations, direction)
    way = compiled.walks.shortest(first, last)
    return None if way is None else next(_paths(seen, compiled, [(first, way)]), None)


def neighbourhood(
    seen: Seen,
    start: Sequence[UUID | str],
    hops: int,
    relations: Relations = None,
    direction: Direction = Direction.BOTH,
) -> dict[Node, int]:
    """All within so many edges of a start, and how many they are away, nearest first. Raises NotFound."""
    starts = [_place(seen, each) for each in start]
    away = seen.walked(relations, direction).walks.hops(starts, hops)
    places = np.flatnonzero(away >= 0)
    places = places[np.argsort(away[places], kind="stable")]
    nodes = zip(seen.nodes(places.tolist()), away[places].tolist(), strict=True)
    return {node: distance for node, distance in nodes if node is not None}


def nearest(seen: Seen, start: Sequence[UUID | str], k: int) -> list[tuple[UUID, float]]:
    """The k other memories that have most to do with a start: by personalised PageRank, with its value, highest first.

    Memories that no way leads to are left out. Raises Invalid, or NotFound for what is not visible.
    """
    _check("start", len(start), MAX_STARTS)
    _check("k", k, MAX_PATHS)
    starts = [_place(seen, each) for each in start]
    seeds = np.zeros(seen.graph.size)
    seeds[starts] = 1.0
    ranks = seen.walked(None, Direction.BOTH).walks.pagerank(seeds, DAMPING, ROUNDS)
    others = np.where(seeds > 0, 0.0, ranks)[: len(seen.graph.members)]
    found = [place for place in best(others, seen.graph.members, k).tolist() if others[place] > 0]
    nodes = zip(found, seen.nodes(found), strict=True)
    return [(node.id, float(others[place])) for place, node in nodes if node and isinstance(node.id, UUID)]


def related(seen: Seen, scores: Scores, positions: Positions) -> Scores:
    """(n,) how much each permitted text has to do with the best of them: a signal for recall.

    `scores` (n,) are those of the other signals together, in the order of `Permitted.positions`. The logarithm of the
    personalised PageRank, with the best as seeds.
    """
    if not len(scores):
        return np.zeros(0)
    seeds = np.zeros(seen.graph.size)
    top = best(scores, positions, SEEDS)
    seeds[top] = np.exp(scores[top] - scores[top].max())
    ranks = seen.walked(None, Direction.BOTH).walks.pagerank(seeds, DAMPING, ROUNDS)
    logarithms: Scores = np.log(ranks[: len(scores)] + LEAST)
    return logarithms


def _check(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise Invalid(reason=f"{name} is {value}, and must be between 1 and {most}.")


def _place(seen: Seen, id: UUID | str) -> int:
    place = seen.find(id)
    if place is None:
        raise NotFound(kind="entity", id=id) if isinstance(id, str) else MemoryNotFound(memory_id=id)
    return place


def _paths(seen: Seen, compiled: Compiled, ways: Sequence[tuple[int, Way]]) -> Iterator[Path]:
    """Less those over a name that was forgotten since the graph was made."""
    starts = [start for start, _ in ways]
    arcs = list({arc: None for _, way in ways for arc in way})
    first, reached = seen.nodes(starts), seen.nodes(compiled.arcs.targets[arcs].tolist())
    steps = {arc: _step(seen, compiled, arc, node) for arc, node in zip(arcs, reached, strict=True) if node}
    for node, (_, way) in zip(first, ways, strict=True):
        if node and all(arc in steps for arc in way):
            yield Path(node, tuple(steps[arc] for arc in way))


def _step(seen: Seen, compiled: Compiled, arc: int, node: Node) -> Step:
    graph, edge = seen.graph, compiled.arcs.edges[arc]
    return Step(
        EDGE_TYPES[graph.relations[edge]],
        float(graph.weights[edge]),
        int(graph.positions[edge]),
        bool(compiled.arcs.forward[arc]),
        node,
    )
