"""The edges of one cube, as a table of numbers that is only ever appended to and closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.memory import Relation
from mnemolog.projections.entities import Entities
from mnemolog.projections.graph import CODES, EDGE_TYPES, Tie
from mnemolog.projections.growing import Growing
from mnemolog.projections.ids import Ids
from mnemolog.projections.saved import Arrays, part, prefixed
from mnemolog.projections.wordings import FOREVER

Table = NDArray[np.void]
Link = tuple[int, int, int]  # source, target, relation

EDGE = np.dtype(
    [("since", "<i8"), ("until", "<i8"), ("weight", "<f8"), ("source", "<i4"), ("target", "<i4"), ("relation", "<i4")]
)
DERIVED_FROM, MERGED_TO = CODES[Relation.DERIVED_FROM], CODES[Relation.MERGED_TO]
SAME_CONTEXT, NEXT, MENTIONS = CODES[Tie.SAME_CONTEXT], CODES[Tie.NEXT], CODES[Tie.MENTIONS]
POSSIBLE = len(EDGE_TYPES)  # a mention if another wording that the caller may see shows that the word is a name


class CubeEdges:
    """Memories are numbered as they are born. Edges to memories of other cubes are not kept."""

    def __init__(self) -> None:
        self.memories, self.contexts, self.entities = Ids(), Ids(), Entities()
        self.changed = 0  # the position of the last event
        self.erasures = 0
        self._born = Growing(np.int64)
        self._edges = Growing(EDGE)
        self._links: dict[Link, int] = {}  # to their rows, of those that hold
        self._merged: dict[int, int] = {}  # memory -> what it is merged into
        self._context: dict[int, tuple[int, int]] = {}  # memory -> the context that it is in, and the row that says so
        self._mentions: dict[int, list[int]] = {}  # memory -> the rows of all its wordings

    def __len__(self) -> int:
        return len(self._edges)

    def born_by(self, position: int) -> int:
        return int(np.searchsorted(self._born.rows, position, side="right"))

    def held_at(self, position: int) -> Table:
        """A copy of the edges that hold, in the order of the log."""
        rows = self._edges.rows
        return rows[(rows["since"] <= position) & (rows["until"] > position)]

    def bear(self, memory_id: UUID, position: int) -> None:
        """Done before the rest of the event is read, and once: a memory without a number would shift all masks."""
        if self.memories.of(memory_id) == len(self._born):
            self._born.append(position)

    def word(self, memory_id: UUID, position: int, context_id: UUID | None, named: Mapping[str, int]) -> None:
        """`named` is what the new wording names, with how sure that is: MENTIONS or POSSIBLE."""
        memory = self.memories.of(memory_id)
        rows = self._mentions.setdefault(memory, [])
        for row in rows:
            self._end(row, position)
        rows += [self._add(memory, self.entities.use(name), code, position) for name, code in named.items()]
        self._move(memory, context_id, position)

    def derive(self, memory_id: UUID, parents: Iterable[UUID], position: int) -> None:
        memory = self.memories.of(memory_id)
        for parent in map(self.memories.find, parents):
            if parent is not None:
                self._add(memory, parent, DERIVED_FROM, position)

    def link(self, memory_id: UUID, target_id: UUID, code: int, weight: float, position: int) -> None:
        """A link that holds gets another weight."""
        memory, target = self.memories.of(memory_id), self.memories.find(target_id)
        if target is None:
            return
        self._unlink((memory, target, code), position)
        self._links[memory, target, code] = self._add(memory, target, code, position, weight)
        if code == MERGED_TO:
            self._merged[memory] = target

    def unlink(self, memory_id: UUID, target_id: UUID, code: int, position: int) -> None:
        if (target := self.memories.find(target_id)) is not None:
            self._unlink((self.memories.of(memory_id), target, code), position)

    def unmerge(self, memory_id: UUID, position: int) -> None:
        memory = self.memories.of(memory_id)
        if memory in self._merged:
            self._unlink((memory, self._merged.pop(memory), MERGED_TO), position)

    def erase(self, memory_id: UUID) -> None:
        """Its mentions go from the past too. Rows are known by their place, so theirs stay, and hold nowhere."""
        rows = self._edges.rows
        for row in self._mentions.pop(self.memories.of(memory_id), []):
            self.entities.release(int(rows["target"][row]))
            rows["until"][row], rows["target"][row] = rows["since"][row], -1
        self.erasures += 1

    def content(self) -> Iterator[bytes]:
        """Without what is left of erased mentions, and with names in place of their numbers."""
        for ids in (self.memories, self.contexts):
            yield ids.cells.tobytes()
        yield self._born.rows.astype("<i8").tobytes()
        names, places = self.entities.sorted()
        yield from (name.encode() for name in names)
        edges = self._edges.rows[self._edges.rows["since"] < self._edges.rows["until"]].copy()
        named = np.isin(edges["relation"], (MENTIONS, POSSIBLE))
        edges["target"][named] = places[edges["target"][named]]
        yield edges.tobytes()
        yield repr((sorted(self._links), sorted(self._merged.items()))).encode()

    def saved(self) -> Arrays:
        links = [[*link, row] for link, row in self._links.items()]
        placed = [[memory, *place] for memory, place in self._context.items()]
        mentioned = [[memory, row] for memory, rows in self._mentions.items() for row in rows]
        return prefixed("entities", self.entities.saved()) | {
            "memories": self.memories.cells.copy(),
            "contexts": self.contexts.cells.copy(),
            "counts": np.array([self.changed, self.erasures], np.int64),
            "born": self._born.rows.copy(),
            "edges": self._edges.rows.copy(),
            "links": np.array(links, np.int64).reshape(-1, 4),
            "merged": np.array(list(self._merged.items()), np.int64).reshape(-1, 2),
            "placed": np.array(placed, np.int64).reshape(-1, 3),
            "mentioned": np.array(mentioned, np.int64).reshape(-1, 2),
        }

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        cube = cls()
        cube.memories, cube.contexts = Ids(arrays["memories"]), Ids(arrays["contexts"])
        cube.entities = Entities.restored(part("entities", arrays))
        cube.changed, cube.erasures = arrays["counts"].tolist()
        cube._born, cube._edges = Growing(np.int64, (), arrays["born"]), Growing(EDGE, (), arrays["edges"])
        cube._links = {(source, target, code): row for source, target, code, row in arrays["links"].tolist()}
        cube._merged = dict(arrays["merged"].tolist())
        cube._context = {memory: (context, row) for memory, context, row in arrays["placed"].tolist()}
        for memory, row in arrays["mentioned"].tolist():
            cube._mentions.setdefault(memory, []).append(row)
        return cube

    def _move(self, memory: int, context_id: UUID | None, position: int) -> None:
        context = None if context_id is None else self.contexts.of(context_id)
        before, row = self._context.pop(memory, (None, -1))
        if before != context and before is not None:
            self._end(row, position)
        if before != context and context is not None:
            row = self._add(memory, context, SAME_CONTEXT, position)
        if context is not None:
            self._context[memory] = (context, row)

    def _unlink(self, link: Link, position: int) -> None:
        if link in self._links:
            self._end(self._links.pop(link), position)

    def _add(self, source: int, target: int, code: int, position: int, weight: float = 1.0) -> int:
        return self._edges.append((position, FOREVER, weight, source, target, code))

    def _end(self, row: int, position: int) -> None:
        if self._edges.rows["until"][row] == FOREVER:
            self._edges.rows["until"][row] = position
