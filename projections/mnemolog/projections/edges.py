"""What joins the memories of a cube, at any position of the log, for a caller who may see some of them.

Links and merges are what the log says. Contexts and names follow from the wordings: a name is known as long as a
memory mentions it, and the erasure of a memory takes its mentions out of the past too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from mnemolog.domain.cube import Cube
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.refusals import InvalidPosition, ProjectionBehind
from mnemolog.projections.cube_edges import MENTIONS, MERGED_TO, POSSIBLE, CubeEdges
from mnemolog.projections.cube_fold import CubeFold
from mnemolog.projections.fold import place_of
from mnemolog.projections.graph import CODES, Graph, Kind, Node
from mnemolog.projections.mentions import candidates, normalised
from mnemolog.projections.scopes import Mask, Permitted
from mnemolog.projections.visible_graph import visible_graph
from mnemolog.projections.wordings import Rows

Step = Callable[[CubeEdges, UUID, Event], None]


class Edges(CubeFold[CubeEdges]):
    name = "edges"
    version = 1  # raise it when `candidates` finds other names in any text
    state = CubeEdges

    def key(self, cube_id: UUID, permitted: Permitted, at: int) -> Hashable:
        """What decides the graph: as long as it is the same, the graph is. Raises as `graph` does."""
        self._check(at)
        with self._reading(cube_id) as cube:
            return _key(cube_id, cube, _shown(cube, permitted, at), at)

    def graph(self, cube_id: UUID, permitted: Permitted, at: int) -> Graph:
        """`permitted` is what the caller may see at `at`, as `Scopes.permitted` gives it for that position.

        Raises InvalidPosition, or ProjectionBehind when `at` is further than this view.
        """
        self._check(at)
        with self._reading(cube_id) as cube:
            shown = _shown(cube, permitted, at)
            key, held, entities = _key(cube_id, cube, shown, at), cube.held_at(at), len(cube.entities)
        return visible_graph(cube_id, key, held, np.flatnonzero(shown), entities)

    def find(self, graph: Graph, id: UUID | str) -> int | None:
        """The place of a memory or context by its id, or of an entity by its name; None when it is not in the graph."""
        with self._reading(graph.cube_id) as cube:
            if isinstance(id, str):
                return _place(cube.entities.find(normalised(id)), graph.entities, graph.first_entity)
            place = _place(cube.memories.find(id), graph.members, 0)
            return _place(cube.contexts.find(id), graph.contexts, len(graph.members)) if place is None else place

    def nodes(self, graph: Graph, places: Sequence[int]) -> list[Node | None]:
        """What is at these places; None for a name that was forgotten since the graph was made."""
        with self._reading(graph.cube_id) as cube:
            return [_node(cube, graph, place) for place in places]

    def _check(self, at: int) -> None:
        if at < 0:
            raise InvalidPosition(value=at, reason="positions start at 1, and 0 is before the first")
        if at > self._position:
            raise ProjectionBehind(view=self.name, position=self._position, wanted=at)

    def _fold_into(self, state: CubeEdges, event: Event) -> None:
        _, memory_id = place_of(event)
        STEPS[event.type](state, memory_id, event)
        state.changed = event.position


def _generate(cube: CubeEdges, memory_id: UUID, event: Event) -> None:
    cube.bear(memory_id, event.position)
    parents = [UUID(parent) for parent in event.data["parents"]]
    _word(cube, memory_id, event)
    cube.derive(memory_id, parents, event.position)


def _word(cube: CubeEdges, memory_id: UUID, event: Event) -> None:
    context_id = event.data["governance"].get("context_id")
    named = {} if event.erased else _named(event.data)
    cube.word(memory_id, event.position, UUID(context_id) if context_id else None, named)


def _named(data: Any) -> dict[str, int]:
    found = candidates(data["text"], data["description"])
    return {name: MENTIONS if sure else POSSIBLE for name, sure in found.items()}


def _link(cube: CubeEdges, memory_id: UUID, event: Event) -> None:
    code, target_id = CODES[Relation(event.data["relation"])], UUID(event.data["target_id"])
    cube.link(memory_id, target_id, code, float(event.data["weight"]), event.position)


def _unlink(cube: CubeEdges, memory_id: UUID, event: Event) -> None:
    code, target_id = CODES[Relation(event.data["relation"])], UUID(event.data["target_id"])
    cube.unlink(memory_id, target_id, code, event.position)


def _merge(cube: CubeEdges, memory_id: UUID, event: Event) -> None:
    cube.link(memory_id, UUID(event.data["into"]), MERGED_TO, 1.0, event.position)


def _return(cube: CubeEdges, memory_id: UUID, event: Event) -> None:
    cube.unmerge(memory_id, event.position)


def _erase(cube: CubeEdges, memory_id: UUID, event: Event) -> None:
    cube.erase(memory_id)


STEPS: dict[str, Step] = {
    Memory.Generated.TOPIC: _generate,
    Memory.Revised.TOPIC: _word,
    Memory.Linked.TOPIC: _link,
    Memory.Unlinked.TOPIC: _unlink,
    Memory.Merged.TOPIC: _merge,
    Memory.Thawed.TOPIC: _return,
    Memory.Restored.TOPIC: _return,
    Memory.Unmerged.TOPIC: _return,
    Memory.Erased.TOPIC: _erase,
}
Edges.types = (Cube.Founded.TOPIC, *STEPS)


def _shown(cube: CubeEdges, permitted: Permitted, at: int) -> Mask:
    """(n,) over the n memories that were born by `at`.

    Both views number all memories of a cube as they are born, so a mask of the right length fits as it is. If the
    other view had to pass over an event, memories are known by their ids only.
    """
    born = cube.born_by(at)
    if len(permitted.mask) == born:
        return permitted.mask
    found = [cube.memories.find(permitted.ids[member]) for member in permitted.members.tolist()]
    shown = np.zeros(born, np.bool_)
    shown[[number for number in found if number is not None and number < born]] = True
    return shown


def _key(cube_id: UUID, cube: CubeEdges, shown: Mask, at: int) -> Hashable:
    digest = hashlib.sha256(np.packbits(shown).tobytes()).digest()
    return cube_id, min(at, cube.changed), cube.erasures, len(shown), digest


def _place(number: int | None, nodes: Rows, first: int) -> int | None:
    found = [] if number is None else np.flatnonzero(nodes == number).tolist()
    return first + int(found[0]) if found else None


def _node(cube: CubeEdges, graph: Graph, place: int) -> Node | None:
    if place < len(graph.members):
        return Node(Kind.MEMORY, cube.memories[int(graph.members[place])])
    if place < graph.first_entity:
        return Node(Kind.CONTEXT, cube.contexts[int(graph.contexts[place - len(graph.members)])])
    name = cube.entities.name(int(graph.entities[place - graph.first_entity]))
    return None if name is None else Node(Kind.ENTITY, name)
