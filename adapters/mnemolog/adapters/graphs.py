"""Graph algorithms: searches by rustworkx; distances and PageRank over sparse matrices of scipy.

Distances are scipy's because rustworkx asks Python for the length of every arc that it looks at.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np
import rustworkx
from rustworkx.visit import BFSVisitor, DFSVisitor, PruneSearch, StopSearch
from scipy.sparse import csr_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import dijkstra  # type: ignore[import-untyped]

from mnemolog.projections.graph import Arcs, Walks, Way
from mnemolog.projections.wordings import Rows, Scores

LONGEST = 1e9  # an arc of almost no weight is that long, and not infinitely


class RustworkxAlgorithms:
    def compile(self, arcs: Arcs) -> Walks:
        return CompiledArcs(arcs)


class CompiledArcs:
    """Each form is made when it is first needed; two threads may make it twice, and then one is dropped."""

    def __init__(self, arcs: Arcs) -> None:
        self._arcs = arcs

    def breadth_first(self, start: int, depth: int, limit: int) -> list[Way]:
        search = BreadthFirst(start, depth, limit)
        with suppress(StopSearch):
            rustworkx.bfs_search(self._graph, [start], search)
        return search.found()

    def depth_first(self, start: int, depth: int, limit: int) -> list[Way]:
        search = DepthFirst(start, depth, limit)
        with suppress(StopSearch):
            rustworkx.dfs_search(self._graph, [start], search)
        return search.found()

    def shortest(self, start: int, goal: int) -> Way | None:
        """Distances first; then back from the goal, each time by the first arc that keeps to them."""
        away: Scores = dijkstra(self._lengths, indices=start)
        if not np.isfinite(away[goal]):
            return None
        arcs: list[int] = []
        node = goal
        while node != start:
            arriving = self._arriving[self._arrivals[node] : self._arrivals[node + 1]]
            sources = self._arcs.sources[arriving]
            arcs.append(int(arriving[np.argmin(away[sources] + length(self._arcs.weights[arriving]))]))
            node = int(self._arcs.sources[arcs[-1]])
        return tuple(reversed(arcs))

    def hops(self, starts: Sequence[int], depth: int) -> Rows:
        away = np.full(self._arcs.size, -1, np.intp)
        away[list(starts)] = 0
        for distance in range(1, depth + 1):
            targets = self._arcs.targets[self._arcs_from(np.flatnonzero(away == distance - 1))]
            targets = targets[away[targets] < 0]
            if not len(targets):
                break
            away[targets] = distance
        return away

    def pagerank(self, seeds: Scores, damping: float, rounds: int) -> Scores:
        begin = seeds / seeds.sum()
        ends = np.flatnonzero(self._outgoing == 0)
        ranks: Scores = begin
        for _ in range(rounds):
            ranks = damping * (self._transitions @ ranks) + (damping * ranks[ends].sum() + 1 - damping) * begin
        return ranks

    @cached_property
    def _heaviest(self) -> Rows:
        """Of each set of parallel arcs the first."""
        pairs = np.stack([self._arcs.sources, self._arcs.targets])
        first = np.ones(pairs.shape[1], np.bool_)
        first[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
        return np.flatnonzero(first)

    @cached_property
    def _graph(self) -> rustworkx.PyDiGraph[int, int]:
        """rustworkx visits what was added last first, so the first come last."""
        arcs, chosen = self._arcs, self._heaviest[::-1]
        graph: rustworkx.PyDiGraph[int, int] = rustworkx.PyDiGraph(multigraph=True)
        graph.add_nodes_from(range(arcs.size))
        lists = (arcs.sources[chosen].tolist(), arcs.targets[chosen].tolist(), chosen.tolist())
        graph.add_edges_from(list(zip(*lists, strict=True)))
        return graph

    @cached_property
    def _lengths(self) -> csr_array:
        """(size, size) from row to column."""
        arcs, chosen = self._arcs, self._heaviest
        places = (arcs.sources[chosen], arcs.targets[chosen])
        return csr_array((length(arcs.weights[chosen]), places), shape=(arcs.size, arcs.size))

    @cached_property
    def _arriving(self) -> Rows:
        """The heaviest arcs by target, then by source."""
        by_target: Rows = self._heaviest[np.argsort(self._arcs.targets[self._heaviest], kind="stable")]
        return by_target

    @cached_property
    def _arrivals(self) -> Rows:
        """(size + 1,) where in `_arriving` the arcs to each node begin."""
        return np.searchsorted(self._arcs.targets[self._arriving], np.arange(self._arcs.size + 1))

    @cached_property
    def _outgoing(self) -> Scores:
        weights: Scores = np.bincount(self._arcs.sources, self._arcs.weights, self._arcs.size).astype(np.float64)
        return weights

    @cached_property
    def _transitions(self) -> csr_array:
        """(size, size): what share of the rank of a column goes to a row."""
        arcs = self._arcs
        shares = arcs.weights / self._outgoing[arcs.sources]
        return csr_array((shares, (arcs.targets, arcs.sources)), shape=(arcs.size, arcs.size))

    @cached_property
    def _firsts(self) -> Rows:
        """(size + 1,) where the arcs of each node begin."""
        return np.searchsorted(self._arcs.sources, np.arange(self._arcs.size + 1))

    def _arcs_from(self, nodes: Rows) -> Rows:
        firsts, counts = self._firsts[nodes], self._firsts[nodes + 1] - self._firsts[nodes]
        before = np.cumsum(counts) - counts
        rows: Rows = np.repeat(firsts - before, counts) + np.arange(counts.sum())
        return rows


def length(weights: Scores) -> Scores:
    return np.asarray(1 / np.maximum(weights, 1 / LONGEST))


class Discoveries:
    """The ways to the nodes that a search has come to, in that order."""

    def __init__(self, start: int, depth: int, limit: int) -> None:
        self._ways: dict[int, Way] = {start: ()}
        self._start, self._depth, self._limit = start, depth, limit

    def reach(self, edge: tuple[int, int, int]) -> None:
        source, target, arc = edge
        self._ways[target] = (*self._ways[source], arc)

    def check(self, node: int) -> None:
        if len(self._ways) > self._limit:
            raise StopSearch
        if len(self._ways[node]) == self._depth:
            raise PruneSearch

    def found(self) -> list[Way]:
        return [way for node, way in self._ways.items() if node != self._start]


class BreadthFirst(Discoveries, BFSVisitor):
    def tree_edge(self, edge: tuple[int, int, int]) -> None:
        self.reach(edge)

    def discover_vertex(self, node: int) -> None:
        self.check(node)


class DepthFirst(Discoveries, DFSVisitor):
    def tree_edge(self, edge: tuple[int, int, int]) -> None:
        self.reach(edge)

    def discover_vertex(self, node: int, time: int) -> None:
        self.check(node)
