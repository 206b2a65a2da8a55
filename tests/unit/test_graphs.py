from __future__ import annotations

from collections import deque
from itertools import pairwise
from math import inf
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters.graphs import RustworkxAlgorithms
from mnemolog.domain.memory import Relation
from mnemolog.projections.graph import CODES, Arcs, Direction, Graph, Way

Edge = tuple[int, int, float]
SIZE = 9
WEIGHTS = (1.0, 0.5, 0.25)
edges = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1), st.sampled_from(WEIGHTS)).filter(
        lambda e: e[0] != e[1]
    ),
    max_size=30,
)
nodes = st.integers(0, SIZE - 1)


def graph_of(told: list[Edge], size: int = SIZE) -> Graph:
    none = np.zeros(0, np.intp)
    sources, targets = (np.array([edge[end] for edge in told], np.intp) for end in (0, 1))
    relations = np.full(len(told), CODES[Relation.CAUSES])
    weights, positions = np.array([edge[2] for edge in told], float), np.arange(len(told))
    return Graph(UUID(int=1), 1, np.arange(size), none, none, sources, targets, relations, weights, positions)


def arcs_of(told: list[Edge]) -> Arcs:
    return graph_of(told).arcs(None, Direction.OUT)


def heaviest(told: list[Edge]) -> dict[int, dict[int, float]]:
    """Node -> the nodes that it leads to, oldest first, with the greatest weight to each."""
    following: dict[int, dict[int, float]] = {node: {} for node in range(SIZE)}
    for source, target, weight in sorted(told):
        following[source][target] = max(weight, following[source].get(target, 0))
    return following


def seen_as_nodes(arcs: Arcs, start: int, way: Way) -> tuple[int, ...]:
    """Checks that arcs join and that each is the heaviest of its kind."""
    assert all(arcs.targets[before] == arcs.sources[after] for before, after in pairwise(way))
    assert not way or arcs.sources[way[0]] == start
    for arc in way:
        parallel = (arcs.sources == arcs.sources[arc]) & (arcs.targets == arcs.targets[arc])
        assert arcs.weights[arc] == arcs.weights[parallel].max()
    return (start, *(int(arcs.targets[arc]) for arc in way))


@given(edges, nodes, st.integers(1, 4), st.integers(1, 12))
def test_breadth_first_is_a_queue(told: list[Edge], start: int, depth: int, limit: int) -> None:
    following = heaviest(told)
    found: dict[int, tuple[int, ...]] = {start: (start,)}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in following[node] if len(found[node]) <= depth else ():
            if target not in found:
                found[target] = (*found[node], target)
                queue.append(target)
    arcs = arcs_of(told)
    ways = RustworkxAlgorithms().compile(arcs).breadth_first(start, depth, limit)
    assert [seen_as_nodes(arcs, start, way) for way in ways] == list(found.values())[1:][:limit]


@given(edges, nodes, st.integers(1, 4), st.integers(1, 12))
def test_depth_first_is_a_stack(told: list[Edge], start: int, depth: int, limit: int) -> None:
    following = heaviest(told)
    found: dict[int, tuple[int, ...]] = {start: (start,)}

    def go_down(node: int) -> None:
        for target in following[node] if len(found[node]) <= depth else ():
            if target not in found:
                found[target] = (*found[node], target)
                go_down(target)

    go_down(start)
    arcs = arcs_of(told)
    ways = RustworkxAlgorithms().compile(arcs).depth_first(start, depth, limit)
    assert [seen_as_nodes(arcs, start, way) for way in ways] == list(found.values())[1:][:limit]


def distances(told: list[Edge], start: int) -> list[float]:
    """Bellman and Ford."""
    away = [inf] * SIZE
    away[start] = 0.0
    for _ in range(SIZE):
        for source, target, weight in told:
            away[target] = min(away[target], away[source] + 1 / weight)
    return away


@given(edges, nodes, nodes)
def test_the_shortest_way_is_as_long_as_it_must_be_and_comes_through_the_oldest(
    told: list[Edge], start: int, goal: int
) -> None:
    arcs, away = arcs_of(told), distances(told, start)
    way = RustworkxAlgorithms().compile(arcs).shortest(start, goal)
    if way is None:
        assert away[goal] == inf
        return
    passed = seen_as_nodes(arcs, start, way)
    assert passed[-1] == goal
    assert sum(1 / float(arcs.weights[arc]) for arc in way) == away[goal]
    for before, node in pairwise(passed):
        assert before == min(s for s, t, weight in told if t == node and away[s] + 1 / weight == away[node])


@given(edges, st.lists(nodes, min_size=1, max_size=3), st.integers(0, 4))
def test_hops_are_counted_from_the_nearest_start(told: list[Edge], starts: list[int], depth: int) -> None:
    plain = [(source, target, 1.0) for source, target, _ in told]
    away = [min(distances(plain, start)[node] for start in starts) for node in range(SIZE)]
    expected = [int(hops) if hops <= depth else -1 for hops in away]
    assert RustworkxAlgorithms().compile(arcs_of(told)).hops(starts, depth).tolist() == expected


@given(edges, st.lists(st.floats(0, 1), min_size=SIZE, max_size=SIZE).filter(lambda seeds: sum(seeds) > 0.1))
def test_pagerank_is_where_the_walker_is(told: list[Edge], seeds: list[float]) -> None:
    chances = np.zeros((SIZE, SIZE))
    for source, target, weight in told:
        chances[source, target] += weight
    begin = np.array(seeds) / sum(seeds)
    for node in range(SIZE):
        chances[node] = chances[node] / chances[node].sum() if chances[node].any() else begin
    expected = begin
    for _ in range(50):
        expected = 0.85 * expected @ chances + 0.15 * begin
    walks = RustworkxAlgorithms().compile(arcs_of(told))
    ranks = walks.pagerank(np.array(seeds), 0.85, 50)
    assert ranks == pytest.approx(expected)
    assert ranks.sum() == pytest.approx(1)
    assert walks.pagerank(np.array(seeds), 0.85, 50).tobytes() == ranks.tobytes()


@given(edges)
def test_against_the_direction_and_in_both_directions_the_same_edges_are_walked(told: list[Edge]) -> None:
    def walked(direction: Direction) -> list[tuple[int, int, float, int, bool]]:
        arcs = graph_of(told).arcs(None, direction)
        columns = (arcs.sources, arcs.targets, arcs.weights, arcs.edges, arcs.forward)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    out = [(source, target, weight, edge, True) for edge, (source, target, weight) in enumerate(told)]
    back = [(target, source, weight, edge, False) for edge, (source, target, weight) in enumerate(told)]

    def by_weight(arc: tuple[int, int, float, int, bool]) -> tuple[int, int, float, int, bool]:
        return arc[0], arc[1], -arc[2], arc[3], not arc[4]

    assert walked(Direction.OUT) == sorted(out, key=by_weight)
    assert walked(Direction.IN) == sorted(back, key=by_weight)
    assert walked(Direction.BOTH) == sorted(out + back, key=by_weight)


def test_only_the_wanted_relations_are_walked() -> None:
    graph = graph_of([(0, 1, 1.0), (1, 2, 1.0)])
    assert len(graph.arcs({Relation.CAUSES}, Direction.OUT).sources) == 2
    assert len(graph.arcs({Relation.SUPPORTS}, Direction.OUT).sources) == 0
    assert len(graph.arcs(frozenset(), Direction.BOTH).sources) == 0


def test_an_arc_of_almost_no_weight_is_very_long_and_can_be_walked() -> None:
    walks = RustworkxAlgorithms().compile(arcs_of([(0, 1, 5e-324), (1, 2, 1.0)]))
    assert walks.shortest(0, 2) == (0, 1)
    assert walks.shortest(2, 0) is None
    assert walks.shortest(1, 1) == ()


def test_a_graph_may_have_neither_arcs_nor_more_than_one_node() -> None:
    walks = RustworkxAlgorithms().compile(graph_of([], size=1).arcs(None, Direction.BOTH))
    assert walks.breadth_first(0, 3, 10) == walks.depth_first(0, 3, 10) == []
    assert walks.hops([0], 3).tolist() == [0]
    assert walks.pagerank(np.ones(1), 0.5, 5).tolist() == [1.0]
    assert walks.shortest(0, 0) == ()
