"""What questions about the graph answer. A path is told whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mnemolog.api.disclosure import Disclosed
from mnemolog.projections.graph import Kind, Node
from mnemolog.projections.traversal import Path, Step

Told = Mapping[UUID, Disclosed]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswer:
    """`id` is that of a memory or context, or the name of an entity."""

    kind: str
    id: UUID | str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNode:
    """What a node of the kind `memory` stands for. `state` is that of the moment that was asked about."""

    memory_id: UUID
    state: str
    text: str
    speaker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswer:
    """To `node`. Not `forward` is against the relation's direction; `position` is that of the event that made it."""

    relation: str
    weight: float
    position: int
    forward: bool
    node: NodeAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class PathAnswer:
    start: NodeAnswer
    steps: Sequence[StepAnswer]

    @property
    def end(self) -> NodeAnswer:
        return self.steps[-1].node if self.steps else self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsAnswer:
    """`memories` are those of all paths, each once."""

    memories: Sequence[MemoryNode]
    position: int

    @property
    def by_id(self) -> dict[UUID | str, MemoryNode]:
        return {memory.memory_id: memory for memory in self.memories}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraversalAnswer(PathsAnswer):
    """A path to each node that was reached. Not `complete` when there are more than the limit."""

    paths: Sequence[PathAnswer]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortestPathAnswer(PathsAnswer):
    """`path` is None when no way leads from the one to the other."""

    path: PathAnswer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedHit:
    """`score` is the share of its time that a walker, who begins anew after every other step, spends here."""

    memory_id: UUID
    state: str
    text: str
    speaker: str | None
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedAnswer:
    hits: Sequence[RelatedHit]
    position: int


def nodes_of(path: Path) -> Iterator[Node]:
    yield path.start
    yield from (step.node for step in path.steps)


def memories_of(paths: Iterable[Path]) -> list[UUID]:
    """Each once."""
    found = (node.id for path in paths for node in nodes_of(path) if node.kind is Kind.MEMORY)
    return list(dict.fromkeys(id for id in found if isinstance(id, UUID)))


def is_told(path: Path, told: Told) -> bool:
    """Not when one of its memories is not told: the names and contexts beside it are known from that memory."""
    return all(memory_id in told for memory_id in memories_of([path]))


def tell(path: Path) -> PathAnswer:
    return PathAnswer(start=_node(path.start), steps=[_step(step) for step in path.steps])


def tell_memories(paths: Iterable[Path], told: Told) -> list[MemoryNode]:
    return [MemoryNode(**_memory(memory_id, told[memory_id])) for memory_id in memories_of(paths)]


def tell_related(memory_id: UUID, score: float, memory: Disclosed) -> RelatedHit:
    return RelatedHit(score=score, **_memory(memory_id, memory))


def _memory(memory_id: UUID, memory: Disclosed) -> dict[str, Any]:
    facts = {"state": memory.row.state.value, "text": memory.text, "speaker": memory.description.speaker}
    return {"memory_id": memory_id, **facts}


def _step(step: Step) -> StepAnswer:
    return StepAnswer(
        relation=step.relation.value,
        weight=step.weight,
        position=step.position,
        forward=step.forward,
        node=_node(step.node),
    )


def _node(node: Node) -> NodeAnswer:
    return NodeAnswer(kind=node.kind.value, id=node.id)
