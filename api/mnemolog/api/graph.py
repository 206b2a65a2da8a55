"""The graph: follow what joins memories, and be told the way.

Asked within what the caller may recall, and with `history` within what could once be recalled and may still be read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from mnemolog.api.accesses import audited, current
from mnemolog.api.disclosure import disclose
from mnemolog.api.graph_answers import (
    MemoryNode,
    PathAnswer,
    RelatedAnswer,
    ShortestPathAnswer,
    TraversalAnswer,
    is_told,
    memories_of,
    tell,
    tell_memories,
    tell_related,
)
from mnemolog.api.moments import At, Moment, moment_of
from mnemolog.api.parts import CATALOGUE, GRAPH, Parts
from mnemolog.domain.content import check_label
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.compiled import Relations, Seen
from mnemolog.projections.graph import Direction
from mnemolog.projections.scopes import PAST
from mnemolog.projections.traversal import Order, Path, Traversal, edge_types, nearest, shortest_path, traverse

Starts = UUID | str | Sequence[UUID | str]
E = TypeVar("E", bound=StrEnum)


@audited()
class Graph:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def traverse(
        self,
        cube: str | UUID,
        start: Starts,
        *,
        relations: Collection[str] | None = None,
        depth: int = 2,
        direction: str = Direction.BOTH,
        limit: int = 100,
        order: str = Order.BREADTH_FIRST,
        history: bool = False,
        at: At = None,
        at_least: int | None = None,
    ) -> TraversalAnswer:
        """A path to all that is near: memories, names and contexts. Ids are of memories or contexts, strings are names.

        With `history`, memories that are merged or archived are followed too.
        Raises CubeNotFound, MemoryNotFound, NotFound, Invalid, InvalidText, InvalidPosition, ProjectionBehind.
        """
        asked = Traversal(
            _starts(start), _relations(relations), depth, _one_of(Direction, direction), limit, _one_of(Order, order)
        )
        seen, moment = self._look(cube, at, at_least, history)
        found = traverse(seen, asked)
        memories, paths = self._tell(found.paths, moment, found.position)
        return TraversalAnswer(memories=memories, paths=paths, position=found.position, complete=found.complete)

    def path(
        self,
        cube: str | UUID,
        start: UUID | str,
        goal: UUID | str,
        *,
        relations: Collection[str] | None = None,
        direction: str = Direction.BOTH,
        history: bool = False,
        at: At = None,
        at_least: int | None = None,
    ) -> ShortestPathAnswer:
        """The shortest way, where a relation of weight w is 1/w long. Raises as `traverse` does."""
        (first,), (last,) = _starts(start), _starts(goal)
        wanted, way = _relations(relations), _one_of(Direction, direction)
        seen, moment = self._look(cube, at, at_least, history)
        found = shortest_path(seen, first, last, wanted, way)
        memories, paths = self._tell(() if found is None else (found,), moment, seen.at)
        return ShortestPathAnswer(memories=memories, path=next(iter(paths), None), position=seen.at)

    def related(
        self,
        cube: str | UUID,
        start: Starts,
        *,
        k: int = 10,
        history: bool = False,
        at: At = None,
        at_least: int | None = None,
    ) -> RelatedAnswer:
        """The other memories that have most to do with these, by personalised PageRank. Raises as `traverse` does."""
        starts = _starts(start)
        seen, moment = self._look(cube, at, at_least, history)
        found = nearest(seen, starts, k)
        disclosed = disclose(self._parts, self._caller, [memory_id for memory_id, _ in found], moment)
        hits = [tell_related(each, score, disclosed[each]) for each, score in found if each in disclosed]
        current().tell([hit.memory_id for hit in hits], seen.at)
        return RelatedAnswer(hits=hits, position=seen.at)

    def _tell(
        self, found: Sequence[Path], moment: Moment | None, position: int
    ) -> tuple[list[MemoryNode], list[PathAnswer]]:
        disclosed = disclose(self._parts, self._caller, memories_of(found), moment)
        told = [path for path in found if is_told(path, disclosed)]
        memories = tell_memories(told, disclosed)
        current().tell([memory.memory_id for memory in memories], position)
        return memories, [tell(path) for path in told]

    def _look(self, cube: str | UUID, at: At, at_least: int | None, history: bool) -> tuple[Seen, Moment | None]:
        """What the caller sees: what is permitted at a position and the edges at that position."""
        parts = self._parts
        parts.wait(CATALOGUE, at_least)
        row = parts.cube(self._caller, cube)
        moment = None if at is None else moment_of(parts, self._caller, at)
        parts.wait(GRAPH, at_least if moment is None else moment.position)
        scopes, graphs = parts.views.scopes, parts.graphs
        position = min(scopes.position, graphs.edges.position) if moment is None else moment.position
        now = parts.clock.now() if moment is None else moment.clock
        reading = parts.reading(self._caller, row.cube_id)
        permitted = scopes.permitted(row.cube_id, reading, now, position, states=PAST if history else ())
        current().asks([row.cube_id], moment, now)
        return graphs.seen(row.cube_id, permitted, position), moment


def _starts(start: Starts) -> tuple[UUID | str, ...]:
    """Raises InvalidText."""
    starts = (start,) if isinstance(start, UUID | str) else tuple(start)
    return tuple(check_label("a name", each) if isinstance(each, str) else each for each in starts)


def _relations(names: Collection[str] | None) -> Relations:
    """Raises Invalid."""
    return None if names is None else edge_types([names] if isinstance(names, str) else names)


def _one_of(kind: type[E], name: str) -> E:
    """Raises Invalid."""
    try:
        return kind(name)
    except ValueError:
        raise Invalid(reason=f"There is no {kind.__name__.lower()} {name!r}; there are {', '.join(kind)}.") from None
