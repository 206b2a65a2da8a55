from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge
from mnemolog.domain.metadata import Description, Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import InvalidPosition, ProjectionBehind
from mnemolog.projections.edges import Edges
from mnemolog.projections.graph import Graph, Kind, Node, Tie
from mnemolog.projections.scopes import PAST, Scopes
from tests.histories import (
    ANN,
    BEN,
    NOW,
    SUBJECT,
    TENANT,
    History,
    begin,
    callers,
    histories,
    moments,
    shown_by_the_domain,
)
from tests.unit.graph_histories import (
    CONTEXTS,
    Joined,
    born,
    folded,
    joined,
    joined_by_the_domain,
    joined_histories,
    most_of,
    permitting,
    written,
)


def graph_at(history: History, edges: Edges, shown: Collection[UUID] | None = None, at: int | None = None) -> Graph:
    position, cube = history.head if at is None else at, history.cubes[0]
    everything = born(history, cube, position) if shown is None else shown
    return edges.graph(cube.id, permitting(history, cube, everything, position), position)


def told(history: History, at: int | None = None, shown: Collection[UUID] | None = None) -> list[Joined]:
    edges = folded(history)
    return joined(edges, graph_at(history, edges, shown, at))


def named(
    history: History, memory: Memory, at: int | None = None, shown: Collection[UUID] | None = None
) -> set[object]:
    edges = told(history, at, shown)
    return {target.id for source, target, relation, *_ in edges if source.id == memory.id and relation is Tie.MENTIONS}


def links(history: History, at: int) -> list[tuple[object, object, object, float]]:
    return [(source.id, target.id, relation, weight) for source, target, relation, weight, _ in told(history, at)]


@given(joined_histories(), st.data())
def test_the_graph_is_what_the_domain_says_at_any_position_for_whoever_may_see_it(
    history: History, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    edges = folded(history)
    for cube in history.cubes:
        ids = born(history, cube, at)
        shown = data.draw(most_of(ids))
        graph = edges.graph(cube.id, permitting(history, cube, shown, at), at)
        assert joined(edges, graph) == joined_by_the_domain(history, cube, shown, at)


@given(joined_histories() | histories(), callers, moments, st.data())
def test_with_the_past_the_graph_holds_what_the_domain_lets_this_caller_still_read(
    history: History, caller: Caller, moment: datetime, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    edges, scopes = folded(history), Scopes()
    scopes.apply(history.events, history.head)
    for cube in history.cubes:
        graph = edges.graph(cube.id, scopes.permitted(cube.id, caller, moment, at, states=PAST), at)
        shown = shown_by_the_domain(history, cube, caller, moment, at, PAST)
        assert joined(edges, graph) == joined_by_the_domain(history, cube, shown, at)


def test_the_parents_of_a_merge_are_in_the_graph_of_whoever_asks_for_the_past_and_may_read_them() -> None:
    history = begin()
    visibilities = {"tea": Visibility.TENANT, "milk": Visibility.TENANT, "sugar": Visibility.PRIVATE}
    parents = tuple(seen_as(written(history, text), each) for text, each in visibilities.items())
    result = merge(parents, "tea with milk", ANN, NOW)
    history.save(seen_as(result, Visibility.TENANT), *parents)
    edges, scopes, cube = folded(history), Scopes(), history.cubes[0]
    scopes.apply(history.events, history.head)
    for who, seen in ((ANN, parents), (BEN, parents[:2])):
        for states, expected in (((), ()), (PAST, seen), ([State.ARCHIVED], ())):
            permitted = scopes.permitted(cube.id, Caller(who, TENANT, SUBJECT), NOW, history.head, states=states)
            found = joined(edges, edges.graph(cube.id, permitted, history.head))
            assert {(source.id, target.id, relation) for source, target, relation, *_ in found} == {
                *((each.id, result.id, Relation.MERGED_TO) for each in expected),
                *((result.id, each.id, Relation.DERIVED_FROM) for each in expected),
            }


def seen_as(memory: Memory, visibility: Visibility) -> Memory:
    memory.revise(NOW, governance=replace(memory.governance, visibility=visibility))
    return memory


@given(joined_histories(), st.data())
def test_the_digest_is_that_of_a_rebuild_however_the_events_came(history: History, data: st.DataObject) -> None:
    edges, at = Edges(), 0
    while at < history.head:
        upto = data.draw(st.integers(at + 1, history.head))
        edges.apply(history.events[max(0, at - 1) : upto], upto)
        at = upto
        assert edges.digest() == folded(history, upto).digest()
    rebuilt = Edges()
    rebuilt.apply(history.reread(), history.head)
    assert edges.digest() == rebuilt.digest()


@given(joined_histories(erasures=False), st.data())
def test_the_graph_as_of_a_position_is_to_the_bit_that_of_a_view_that_stopped_there(
    history: History, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    shown = data.draw(most_of(born(history, history.cubes[0], at)))
    assert same(graph_at(history, folded(history), shown, at), graph_at(history, folded(history, at), shown, at))


@given(joined_histories(), st.data())
def test_hidden_memories_leave_no_trace(history: History, data: st.DataObject) -> None:
    cube = history.cubes[0]
    ids = born(history, cube, history.head)
    shown = data.draw(most_of(ids))
    alone = Edges()
    alone.apply([e for e in history.events if e.memory_id is None or e.memory_id in shown], history.head)
    edges, everything = folded(history), History(history.cubes)
    everything.events = [e for e in history.events if e.memory_id in shown]
    seen = graph_at(history, edges, shown)
    apart = alone.graph(cube.id, permitting(everything, cube, shown, history.head), history.head)
    assert same(seen, apart)
    assert edges.nodes(seen, range(seen.size)) == alone.nodes(apart, range(apart.size))


def same(one: Graph, other: Graph) -> bool:
    columns = ("sources", "targets", "relations", "weights", "positions")
    sizes = (len(one.members), len(one.contexts), len(one.entities))
    return sizes == (len(other.members), len(other.contexts), len(other.entities)) and all(
        getattr(one, column).tobytes() == getattr(other, column).tobytes() for column in columns
    )


def test_a_link_holds_from_its_event_on_with_each_of_its_weights_until_it_is_undone() -> None:
    history = begin()
    one, other = written(history, "tea"), written(history, "milk")
    positions = [history.head]
    for weight in (0.5, 1.0):
        one.link(other, Relation.SUPPORTS, weight)
        history.save(one)
        positions.append(history.head)
    one.unlink(other.id, Relation.SUPPORTS)
    history.save(one)
    link = (one.id, other.id, Relation.SUPPORTS)
    expected = [[], [(*link, 0.5)], [(*link, 1.0)], []]
    assert [links(history, at) for at in (*positions, history.head)] == expected
    assert told(history, positions[2])[0][4] == positions[2]


@pytest.mark.parametrize("route", [(), (State.ARCHIVED,), (State.ARCHIVED, State.FROZEN)], ids=len)
def test_a_merge_joins_its_parents_to_the_result_until_they_come_back(route: tuple[State, ...]) -> None:
    history = begin()
    parents = written(history, "tea"), written(history, "milk")
    result = merge(parents, "tea with milk", ANN, NOW)
    history.save(result, *parents)
    merged = history.head
    for state in (*route, State.ACTIVATED):
        parents[0].transition_state(state)
    history.save(parents[0])
    derived = {(result.id, parent.id, Relation.DERIVED_FROM, 1.0) for parent in parents}
    into = [(parent.id, result.id, Relation.MERGED_TO, 1.0) for parent in parents]
    assert set(links(history, merged)) == derived | set(into)
    assert set(links(history, history.head)) == derived | {into[1]}


def test_a_link_that_says_derived_from_goes_and_the_parent_stays() -> None:
    history = begin()
    parent = written(history, "tea")
    child = written(history, "milk", parents=(parent,))
    child.link(parent, Relation.DERIVED_FROM, 0.5)
    history.save(child)
    assert [weight for *_, weight in links(history, history.head)] == [0.5, 1.0]
    child.unlink(parent.id, Relation.DERIVED_FROM)
    history.save(child)
    assert [weight for *_, weight in links(history, history.head)] == [1.0]


def test_a_parent_in_another_cube_is_not_in_the_graph() -> None:
    history = begin()
    child = written(history, "milk", parents=(written(history, "tea", cube=1),))
    assert told(history, shown=[child.id]) == []


def test_a_revision_names_others_and_the_past_keeps_its_names() -> None:
    history = begin()
    memory = written(history, "I met Ben.", context_id=CONTEXTS[0])
    before = history.head
    memory.revise(NOW, "I met Cleo.", governance=replace(memory.governance, context_id=CONTEXTS[1]))
    history.save(memory)
    assert named(history, memory) == {"cleo"}
    assert named(history, memory, before) == {"ben"}
    contexts = [
        [target.id for _, target, relation, *_ in told(history, at) if relation is Tie.SAME_CONTEXT]
        for at in (before, history.head)
    ]
    assert contexts == [[CONTEXTS[0]], [CONTEXTS[1]]]


def test_what_is_erased_names_nobody_not_even_in_the_past_and_its_names_are_forgotten() -> None:
    history = begin()
    secret = written(history, "We met Zanzibar and Ben.", description=Description(speaker="Quentin", tags=("Umbra",)))
    known = written(history, "We met Ben.")
    before = history.head
    edges = folded(history)
    graph = graph_at(history, edges)
    secret.transition_state(State.ERASED)
    history.save(secret)
    edges.apply(history.events, history.head)
    held = b"".join(edges._content())
    assert b"ben" in held
    assert not [name for name in (b"zanzibar", b"quentin", b"umbra") if name in held]
    assert named(history, secret, before) == set()
    assert named(history, known, before) == {"ben"}
    assert edges.nodes(graph, range(graph.size)).count(None) == 3
    assert [edges.find(graph, name) is None for name in ("Zanzibar", "Ben")] == [True, False]


def test_the_number_of_a_forgotten_name_never_names_another() -> None:
    history = begin()
    memory = written(history, "We met Zanzibar.")
    edges = folded(history)
    graph = graph_at(history, edges)
    memory.transition_state(State.ERASED)
    history.save(memory)
    written(history, "We met Cleo.")
    edges.apply(history.events, history.head)
    assert edges.nodes(graph, [graph.size - 1]) == [None]


def test_a_name_that_only_hidden_memories_mention_does_not_exist() -> None:
    history = begin()
    hidden, shown = written(history, "We met Zanzibar."), written(history, "We met Ben.")
    edges = folded(history)
    graph = graph_at(history, edges, [shown.id])
    assert edges.find(graph, "Zanzibar") is None
    assert edges.find(graph, hidden.id) is None
    assert edges.nodes(graph, range(graph.size)) == [Node(Kind.MEMORY, shown.id), Node(Kind.ENTITY, "ben")]


def test_a_word_that_begins_a_sentence_is_a_name_for_those_who_see_it_used_as_one() -> None:
    history = begin()
    first = written(history, "Zanzibar is far.")
    proof = written(history, "We met Zanzibar.")
    assert named(history, first) == {"zanzibar"}
    assert named(history, first, birth_of(history, proof) - 1) == set()
    assert named(history, first, shown=[first.id]) == set()
    proof.transition_state(State.ERASED)
    history.save(proof)
    assert named(history, first) == set()


def birth_of(history: History, memory: Memory) -> int:
    return next(event.position for event in history.events if event.memory_id == memory.id)


def test_the_order_in_a_context_skips_what_is_hidden() -> None:
    history = begin()
    said = [written(history, "tea", context_id=CONTEXTS[0]) for _ in range(3)]

    def order(shown: list[Memory]) -> list[tuple[object, object]]:
        edges = told(history, shown=[memory.id for memory in shown])
        steps = [each for each in edges if each[2] is Tie.NEXT]
        return [(source.id, target.id) for source, target, *_ in sorted(steps, key=lambda step: step[4])]

    assert order(said) == [(said[0].id, said[1].id), (said[1].id, said[2].id)]
    assert order([said[0], said[2]]) == [(said[0].id, said[2].id)]


def test_two_follow_each_other_from_when_both_are_in_the_context() -> None:
    history = begin()
    late, early = written(history, "tea"), written(history, "milk", context_id=CONTEXTS[0])
    late.revise(NOW, governance=replace(late.governance, context_id=CONTEXTS[0]))
    history.save(late)
    step = next(edge for edge in told(history) if edge[2] is Tie.NEXT)
    assert (step[0].id, step[1].id, step[4]) == (late.id, early.id, history.head)


def test_no_mask_is_shifted_by_an_event_that_one_of_the_views_could_not_read() -> None:
    history = begin()
    known, secret, shown = (written(history, f"We met {name}.") for name in ("Ann", "Zanzibar", "Ben"))
    for memory, visibility in ((known, Visibility.PRIVATE), (secret, Visibility.PRIVATE), (shown, Visibility.TENANT)):
        memory.revise(NOW, governance=replace(memory.governance, visibility=visibility))
        history.save(memory)
    cube, caller = history.cubes[0], Caller(BEN, TENANT, SUBJECT)
    birth = birth_of(history, shown)
    spoilt = [replace(e, data={**e.data, "parents": ["?"]}) if e.position == birth else e for e in history.events]
    edges, scopes, blind = Edges(), Scopes(), Scopes()
    with pytest.raises(ValueError, match="UUID"):
        edges.apply(spoilt, history.head)
    edges.apply([], birth)
    edges.apply(spoilt, history.head)
    scopes.apply(history.events, history.head)
    blind.apply([event for event in history.events if event.memory_id != secret.id], history.head)
    for view in (scopes, blind):
        graph = edges.graph(cube.id, view.permitted(cube.id, caller, NOW, history.head), history.head)
        assert edges.nodes(graph, range(graph.size)) == [Node(Kind.MEMORY, shown.id), Node(Kind.ENTITY, "ben")]


def test_nothing_is_known_of_positions_that_do_not_exist_or_are_still_to_come() -> None:
    history = begin()
    written(history, "tea")
    edges, permitted = folded(history), permitting(history, history.cubes[0], [], history.head)
    with pytest.raises(ProjectionBehind):
        edges.graph(history.cubes[0].id, permitted, history.head + 1)
    with pytest.raises(InvalidPosition):
        edges.key(history.cubes[0].id, permitted, -1)
    assert edges.graph(UUID(int=404), permitting(history, history.cubes[0], [], 0), 0).size == 0


def test_the_key_changes_with_what_is_seen_and_not_with_what_happens_elsewhere() -> None:
    history = begin()
    one = written(history, "tea")
    edges, cube = folded(history), history.cubes[0]

    def key(shown: list[UUID], at: int) -> object:
        return edges.key(cube.id, permitting(history, cube, shown, at), at)

    first = key([one.id], history.head)
    written(history, "elsewhere", cube=1)
    edges.apply(history.events, history.head)
    assert key([one.id], history.head) == first
    assert key([], history.head) != first
    one.link(written(history, "milk"), Relation.SUPPORTS)
    history.save(one)
    edges.apply(history.events, history.head)
    assert key([one.id], history.head) != first
    past = key([], 3)
    one.transition_state(State.ERASED)
    history.save(one)
    edges.apply(history.events, history.head)
    assert key([], 3) != past
