from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mnemolog.adapters.graphs import RustworkxAlgorithms
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Description
from mnemolog.domain.refusals import Invalid, MemoryNotFound, NotFound
from mnemolog.projections.compiled import Graphs, Seen
from mnemolog.projections.graph import Arcs, Direction, Kind, Node, Tie, Walks
from mnemolog.projections.recipes import RECIPES
from mnemolog.projections.traversal import (
    Order,
    Path,
    Traversal,
    nearest,
    neighbourhood,
    related,
    shortest_path,
    traverse,
)
from tests.histories import History, begin
from tests.unit.graph_histories import CONTEXTS, born, folded, joined, joined_histories, most_of, permitting, written

DIRECTIONS = st.sampled_from(Direction)
RELATIONS = st.none() | st.frozensets(st.sampled_from((Relation.SUPPORTS, Relation.CAUSES, Tie.NEXT, Tie.MENTIONS)))


def seen_by(history: History, shown: Collection[UUID] | None = None, at: int | None = None) -> Seen:
    position, cube = history.head if at is None else at, history.cubes[0]
    everything = born(history, cube, position) if shown is None else shown
    graphs = Graphs(folded(history), RustworkxAlgorithms())
    return graphs.seen(cube.id, permitting(history, cube, everything, position), position)


def following(seen: Seen, traversal: Traversal) -> dict[Node, set[Node]]:
    ways: dict[Node, set[Node]] = {}
    for source, target, relation, *_ in joined(seen.graphs.edges, seen.graph):
        if traversal.relations is None or relation in traversal.relations:
            if traversal.direction is not Direction.IN:
                ways.setdefault(source, set()).add(target)
            if traversal.direction is not Direction.OUT:
                ways.setdefault(target, set()).add(source)
    return ways


def within(ways: dict[Node, set[Node]], starts: list[Node], depth: int) -> dict[Node, int]:
    away = dict.fromkeys(starts, 0)
    for hops in range(1, depth + 1):
        for node in [each for each, before in away.items() if before == hops - 1]:
            for target in ways.get(node, ()):
                away.setdefault(target, hops)
    return away


def check_path(seen: Seen, path: Path, traversal: Traversal) -> None:
    """Every step is an edge that the caller sees, walked as it says, in a direction and relation that was asked for."""
    known = set(joined(seen.graphs.edges, seen.graph))
    nodes = [path.start, *(step.node for step in path.steps)]
    assert len(set(nodes)) == len(nodes)
    for (before, after), step in zip(pairwise(nodes), path.steps, strict=True):
        ends = (before, after) if step.forward else (after, before)
        assert (*ends, step.relation, step.weight, step.position) in known
        assert traversal.relations is None or step.relation in traversal.relations
        assert traversal.direction in (Direction.BOTH, Direction.OUT if step.forward else Direction.IN)


@given(joined_histories(max_steps=20), RELATIONS, DIRECTIONS, st.integers(1, 4), st.sampled_from(Order), st.data())
def test_all_that_is_near_is_found_over_ways_that_the_caller_may_see(
    history: History, relations: Any, direction: Direction, depth: int, order: Order, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    ids = born(history, history.cubes[0], at)
    shown = data.draw(most_of(ids))
    start = tuple(each for each in ids if each in shown)[: data.draw(st.integers(1, 3))]
    assume(start)
    seen = seen_by(history, shown, at)
    traversal = Traversal(start, relations, depth, direction, 1000, order)
    traversed = traverse(seen, traversal)
    away = within(following(seen, traversal), [Node(Kind.MEMORY, each) for each in start], depth)
    assert neighbourhood(seen, start, depth, relations, direction) == away
    reached = {path.end: len(path.steps) for path in traversed.paths}
    assert len(reached) == len(traversed.paths)
    if order is Order.BREADTH_FIRST:
        assert reached == {node: hops for node, hops in away.items() if hops}
        assert list(reached.values()) == sorted(reached.values())
    assert set(reached) <= set(away)
    assert (traversed.complete, traversed.position) == (True, at)
    for path in traversed.paths:
        check_path(seen, path, traversal)
        assert {step.node.id for step in path.steps if step.node.kind is Kind.MEMORY} <= shown


@given(joined_histories(max_steps=15), st.integers(1, 8), st.sampled_from(Order))
def test_a_limit_cuts_the_answer_and_changes_nothing_before_it(history: History, limit: int, order: Order) -> None:
    seen, starts = seen_by(history), tuple(born(history, history.cubes[0], history.head)[:3])
    whole = traverse(seen, Traversal(starts, depth=4, limit=1000, order=order))
    part = traverse(seen, Traversal(starts, depth=4, limit=limit, order=order))
    assert part.paths == whole.paths[:limit]
    assert part.complete == (len(whole.paths) <= limit)


def a_journey() -> tuple[History, list[Memory]]:
    """Ann's trip leads over a place and a conversation to what somebody else said about the weather."""
    history = begin()
    memories = [
        written(history, "I am off to Rome.", description=Description(speaker="Ann")),
        written(history, "We had lunch near Rome.", context_id=CONTEXTS[0]),
        written(history, "It rained all day.", context_id=CONTEXTS[0]),
        written(history, "The tin is blue."),
    ]
    memories[2].link(memories[3], Relation.CAUSES, 0.5)
    history.save(memories[2])
    return history, memories


def test_a_question_over_several_steps_is_answered_with_the_way_that_explains_it() -> None:
    history, (trip, lunch, rain, tin) = a_journey()
    path = shortest_path(seen_by(history), "ann", tin.id)
    assert path is not None
    assert [(step.relation, step.forward, step.node.id) for step in path.steps] == [
        (Tie.MENTIONS, False, trip.id),
        (Tie.MENTIONS, True, "rome"),
        (Tie.MENTIONS, False, lunch.id),
        (Tie.NEXT, True, rain.id),
        (Relation.CAUSES, True, tin.id),
    ]
    cause = path.steps[-1]
    assert (cause.weight, cause.position) == (0.5, history.head)
    assert path.end == Node(Kind.MEMORY, tin.id)
    traversed = traverse(seen_by(history), Traversal(("ANN ",), depth=5))
    assert path in traversed.paths


def test_there_is_no_way_through_what_is_hidden() -> None:
    history, (trip, _lunch, rain, tin) = a_journey()
    seen = seen_by(history, [trip.id, rain.id, tin.id])
    assert shortest_path(seen, trip.id, tin.id) is None
    assert shortest_path(seen, rain.id, tin.id) is not None
    assert set(neighbourhood(seen, [trip.id], 9)) == {
        Node(Kind.MEMORY, trip.id), Node(Kind.ENTITY, "ann"), Node(Kind.ENTITY, "rome"),
    }  # fmt: skip


def test_chains_are_followed_before_neighbours_when_depth_comes_first() -> None:
    history = begin()
    first, second, third, aside = (written(history, text) for text in ("a", "b", "c", "d"))
    for source, target in ((first, second), (second, third), (first, aside)):
        source.link(target, Relation.CAUSES)
        history.save(source)

    def told(order: Order) -> list[object]:
        causes = frozenset({Relation.CAUSES})
        return [path.end.id for path in traverse(seen_by(history), Traversal((first.id,), causes, order=order)).paths]

    assert told(Order.DEPTH_FIRST) == [second.id, third.id, aside.id]
    assert told(Order.BREADTH_FIRST) == [second.id, aside.id, third.id]


@pytest.mark.parametrize("start", [UUID(int=404), "Zanzibar", "", "ann"])
def test_what_is_hidden_is_refused_like_what_does_not_exist(start: UUID | str) -> None:
    history, (trip, _lunch, rain, _tin) = a_journey()
    seen = seen_by(history, [rain.id])
    with pytest.raises(NotFound) as refusal:
        traverse(seen, Traversal((rain.id, start)))
    assert str(start) in str(refusal.value)
    with pytest.raises(MemoryNotFound):
        shortest_path(seen, rain.id, trip.id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": ()},
        {"start": ("x",) * 101},
        {"depth": 0},
        {"depth": 17},
        {"limit": 0},
        {"limit": 1001},
        {"relations": frozenset({"likes"})},
    ],
)
def test_a_traversal_has_bounds(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Traversal(**{"start": ("ann",), **wrong})


def test_an_answer_about_the_past_is_the_one_that_was_given_then() -> None:
    history, (trip, _lunch, rain, tin) = a_journey()
    then, before = traverse(seen_by(history), Traversal((trip.id,), depth=6)), history.head
    tin.link(trip, Relation.CAUSES)
    rain.unlink(tin.id, Relation.CAUSES)
    history.save(tin, rain)
    written(history, "I am in Rome.")
    assert traverse(seen_by(history, at=before), Traversal((trip.id,), depth=6)) == then
    assert traverse(seen_by(history), Traversal((trip.id,), depth=6)) != then


class Counting:
    def __init__(self) -> None:
        self.compiled = 0

    def compile(self, arcs: Arcs) -> Walks:
        self.compiled += 1
        return RustworkxAlgorithms().compile(arcs)


def test_a_graph_is_compiled_once_and_again_after_anything_in_it_has_changed() -> None:
    history, (trip, lunch, rain, _tin) = a_journey()
    edges, algorithms, cube = folded(history), Counting(), history.cubes[0]
    graphs = Graphs(edges, algorithms, kept=2)

    def ask(shown: Collection[UUID], direction: Direction = Direction.BOTH) -> int:
        at = edges.position
        seen = graphs.seen(cube.id, permitting(history, cube, shown, at), at)
        traverse(seen, Traversal((trip.id,), direction=direction))
        return algorithms.compiled

    assert [ask([trip.id]), ask([trip.id]), ask([trip.id, rain.id]), ask([trip.id])] == [1, 1, 2, 2]
    assert [ask([trip.id], Direction.OUT), ask([trip.id]), ask([trip.id, rain.id])] == [3, 3, 4]
    lunch.transition_state(State.ERASED)
    history.save(lunch)
    edges.apply(history.events, history.head)
    assert [ask([trip.id]), ask([trip.id])] == [5, 5]


def test_a_way_over_a_name_that_was_erased_meanwhile_is_not_told() -> None:
    history = begin()
    first, second = written(history, "I met Zanzibar."), written(history, "I saw Zanzibar.")
    first.link(second, Relation.CAUSES)
    history.save(first)
    seen = seen_by(history)
    for memory in (first, second):
        memory.transition_state(State.ERASED)
        history.save(memory)
    seen.graphs.edges.apply(history.events, history.head)
    assert [path.end.id for path in traverse(seen, Traversal((first.id,))).paths] == [second.id]
    assert shortest_path(seen, first.id, second.id, frozenset({Tie.MENTIONS})) is None


def test_what_is_joined_to_the_best_is_related_to_the_question() -> None:
    history, (trip, lunch, rain, tin) = a_journey()
    apart = written(history, "Nothing of the kind.")
    seen = seen_by(history)
    scores, positions = np.array([0.0, 9.0, 0.0, 0.0, 0.0]), np.arange(5)
    signal = dict(zip((m.id for m in (trip, lunch, rain, tin, apart)), related(seen, scores, positions), strict=True))
    assert signal[lunch.id] > signal[rain.id] > signal[tin.id] > signal[apart.id]
    assert signal[trip.id] > signal[apart.id]
    assert len(related(seen_by(history, []), np.zeros(0), np.zeros(0, np.int64))) == 0


def test_what_is_nearest_to_a_start_comes_first_and_what_no_way_leads_to_never() -> None:
    history, (trip, lunch, rain, tin) = a_journey()
    apart = written(history, "Nothing of the kind.")
    found = nearest(seen_by(history), [trip.id, "Rome"], 10)
    assert [memory_id for memory_id, _ in found] == [lunch.id, rain.id, tin.id]
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert nearest(seen_by(history), [trip.id, "Rome"], 1) == found[:1]
    assert nearest(seen_by(history), [apart.id], 10) == []
    assert nearest(seen_by(history, [trip.id, rain.id, tin.id]), [trip.id], 10) == []
    with pytest.raises(MemoryNotFound):
        nearest(seen_by(history, [rain.id]), [trip.id], 10)
    for start, k in (([], 10), ([trip.id], 0), ([trip.id], 1001), ([trip.id] * 101, 10)):
        with pytest.raises(Invalid):
            nearest(seen_by(history), start, k)


def test_one_recipe_gives_the_graph_a_weight_in_recall() -> None:
    assert {name for name, recipe in RECIPES.items() if recipe.related} == {"graph"}


@given(joined_histories(max_steps=15), st.data())
def test_hidden_memories_change_no_bit_of_what_is_related(history: History, data: st.DataObject) -> None:
    ids = born(history, history.cubes[0], history.head)
    shown = data.draw(most_of(ids))
    scores = np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(shown), max_size=len(shown))))
    apart = History(history.cubes)
    apart.events = [event for event in history.events if event.memory_id is None or event.memory_id in shown]
    alone = folded(apart, history.head)
    permitted = permitting(apart, history.cubes[0], shown, history.head)
    without = Graphs(alone, RustworkxAlgorithms()).seen(history.cubes[0].id, permitted, history.head)
    positions = np.arange(len(shown))
    assert (
        related(seen_by(history, shown), scores, positions).tobytes() == related(without, scores, positions).tobytes()
    )
