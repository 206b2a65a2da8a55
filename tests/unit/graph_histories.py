"""Random histories that join memories in every way, and the graph that the domain says they make."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from uuid import UUID

import numpy as np
from hypothesis import strategies as st

from mnemolog.domain.cube import Cube
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Description, Governance
from mnemolog.domain.refusals import Refusal
from mnemolog.projections.edges import Edges
from mnemolog.projections.graph import EDGE_TYPES, EdgeType, Graph, Kind, Node, Tie
from mnemolog.projections.ids import Ids
from mnemolog.projections.mentions import candidates
from mnemolog.projections.scopes import Permitted
from tests.histories import ANN, NOW, SUBJECT, TENANT, History, Step, begin, descriptions, erase, move, separate, unite

CONTEXTS = (UUID(int=31), UUID(int=32))
Joined = tuple[Node, Node, EdgeType, float, int]  # source, target, relation, weight, the position of the event

texts = st.lists(
    st.sampled_from(("Ben likes tea.", "I met Ben.", "We saw Cleo.", "Cleo left!", "咖啡", "In Rome.", "tea")),
    max_size=3,
).map(lambda sentences: " ".join(("so", *sentences)))
contexts = st.none() | st.sampled_from(CONTEXTS)


def written(
    history: History,
    text: str,
    *,
    cube: int = 0,
    context_id: UUID | None = None,
    parents: tuple[Memory, ...] = (),
    description: Description = Description(),
) -> Memory:
    memory = Memory.generate(
        tenant_id=TENANT,
        cube_id=history.cubes[cube].id,
        subject_ids=(SUBJECT,),
        text=text,
        governance=Governance(owner_id=ANN, context_id=context_id),
        occurred_at=NOW,
        description=description,
        parents=parents,
    )
    memory.activate(gate="owner")
    history.memories.append(memory)
    history.save(memory)
    return memory


@st.composite
def joined_histories(draw: st.DrawFn, max_steps: int = 20, erasures: bool = True) -> History:
    history = begin()
    possible = [step for step in STEPS if erasures or step is not erase]
    for _ in range(4):
        written(history, draw(texts), context_id=draw(contexts), description=draw(descriptions))
    for _ in range(draw(st.integers(max_steps // 2, max_steps))):
        step = draw(st.sampled_from(possible))
        try:
            touched = list(step(draw, history, history.pick(draw), True))
        except Refusal:
            continue
        history.save(*touched)
    return history


def say(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    parents = (memory,) if draw(st.booleans()) else ()
    cube = draw(st.sampled_from((0, 0, 0, 1)))
    context_id = draw(contexts)
    written(history, draw(texts), cube=cube, context_id=context_id, parents=parents, description=draw(descriptions))
    return ()


def reword(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    moved = replace(memory.governance, context_id=draw(contexts)) if draw(st.booleans()) else None
    memory.revise(NOW, draw(texts), draw(st.none() | descriptions), moved)
    return [memory]


def tie(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    relation = draw(st.sampled_from((Relation.SUPPORTS, Relation.CAUSES, Relation.DERIVED_FROM)))
    memory.link(history.pick(draw), relation, draw(st.sampled_from((1.0, 0.5, 0.25))))
    return [memory]


def untie(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    for target_id, relation in list(memory.links)[:1]:
        memory.unlink(target_id, relation)
    return [memory]


STEPS: list[Step] = [
    say,
    say,
    reword,
    reword,
    reword,
    tie,
    tie,
    tie,
    tie,
    untie,
    move,
    move,
    unite,
    unite,
    separate,
    erase,
]


def folded(history: History, upto: int | None = None) -> Edges:
    edges = Edges()
    edges.apply(history.events[:upto], history.head if upto is None else upto)
    return edges


def born(history: History, cube: Cube, at: int) -> list[UUID]:
    told = (event for event in history.events[:at] if event.type == Memory.Generated.TOPIC)
    return [event.stream_id for event in told if event.cube_id == cube.id]


def permitting(history: History, cube: Cube, shown: Collection[UUID], at: int) -> Permitted:
    ids = born(history, cube, at)
    mask = np.array([each in shown for each in ids], np.bool_)
    numbered = Ids()
    for each in ids:
        numbered.of(each)
    return Permitted(mask, np.flatnonzero(mask), np.zeros(int(mask.sum()), np.int64), {}, numbered)


def most_of(ids: list[UUID]) -> st.SearchStrategy[set[UUID]]:
    hidden = st.sets(st.sampled_from(ids), max_size=3) if ids else st.just(set[UUID]())
    return hidden.map(lambda each: set(ids) - each)


def joined(edges: Edges, graph: Graph) -> list[Joined]:
    """What the graph holds, in the open."""
    nodes = [node for node in edges.nodes(graph, range(graph.size)) if node is not None]
    assert len(nodes) == graph.size
    return sorted(
        (
            (nodes[source], nodes[target], EDGE_TYPES[code], float(weight), int(position))
            for source, target, code, weight, position in zip(
                graph.sources, graph.targets, graph.relations, graph.weights, graph.positions, strict=True
            )
        ),
        key=repr,
    )


def joined_by_the_domain(history: History, cube: Cube, shown: Collection[UUID], at: int) -> list[Joined]:
    """From the aggregates as they were at `at`, and whether they have been erased since."""
    visible = [each for each in born(history, cube, at) if each in shown]
    memories = [memory for each in visible if (memory := history.memory_at(each, at))]
    found = [edge for memory in memories for edge in _links(history, memory, visible, at)]
    found += _in_contexts(history, memories, at)
    return sorted(found + _mentions(history, memories, at), key=repr)


def _links(history: History, memory: Memory, visible: list[UUID], at: int) -> Iterable[Joined]:
    node = Node(Kind.MEMORY, memory.id)
    own = [event for event in history.events[:at] if event.memory_id == memory.id]
    for parent in memory.parents:
        if parent in visible:
            yield node, Node(Kind.MEMORY, parent), Relation.DERIVED_FROM, 1.0, own[0].position
    for (target_id, relation), weight in memory.links.items():
        told = (str(target_id), relation.value), (str(target_id), None)
        made = [e for e in own if (e.data.get("target_id", e.data.get("into")), e.data.get("relation")) in told]
        if target_id in visible:
            yield node, Node(Kind.MEMORY, target_id), relation, weight, made[-1].position


def _in_contexts(history: History, memories: list[Memory], at: int) -> Iterable[Joined]:
    last: dict[UUID, tuple[Memory, int]] = {}
    for memory in memories:
        if (context_id := memory.governance.context_id) is None:
            continue
        since = _in_context_since(history, memory, at)
        node = Node(Kind.MEMORY, memory.id)
        yield node, Node(Kind.CONTEXT, context_id), Tie.SAME_CONTEXT, 1.0, since
        if context_id in last:
            before, then = last[context_id]
            yield Node(Kind.MEMORY, before.id), node, Tie.NEXT, 1.0, max(then, since)
        last[context_id] = (memory, since)


def _in_context_since(history: History, memory: Memory, at: int) -> int:
    since = 0
    for event in reversed(history.events[:at]):
        if event.memory_id == memory.id and "governance" in event.data:
            if event.data["governance"].get("context_id") != str(memory.governance.context_id):
                break
            since = event.position
    return since


def _mentions(history: History, memories: list[Memory], at: int) -> list[Joined]:
    readable = [m for m in memories if (now := history.memory_at(m.id, history.head)) and now.state is not State.ERASED]
    named = {memory.id: candidates(memory.text, memory.description.to_json()) for memory in readable}
    certain = {name for found in named.values() for name, sure in found.items() if sure}
    return [
        (Node(Kind.MEMORY, each), Node(Kind.ENTITY, name), Tie.MENTIONS, 1.0, history.text_position(each, at))
        for each, found in named.items()
        for name in found
        if name in certain
    ]
