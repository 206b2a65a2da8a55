"""What questions about the graph answer. A path is told whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from mnemolog.api.disclosure import Disclosed
from mnemolog.projections.graph import Kind, Node
from mnemolog.projections.traversal import Path, Step

Told = Mapping[UUID, Disclosed]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswer:
    """`id` is that of a memory or context, or the name of an entity; a memory alone has a text."""

    kind: str
    id: UUID | str
    text: str | None
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
class TraversalAnswer:
    """A path to each node that was reached. Not `complete` when there are more than the limit."""

    paths: Sequence[PathAnswer]
    position: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortestPathAnswer:
    """`path` is None when no way leads from the one to the other."""

    path: PathAnswer | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedHit:
    """`score` is the share of its time that a walker, who begins anew after every other step, spends here."""

    memory_id: UUID
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


def tell(path: Path, told: Told) -> PathAnswer | None:
    """None when one of its memories is not told: the names and contexts beside it are known from that memory."""
    if any(memory_id not in told for memory_id in memories_of([path])):
        return None
    return PathAnswer(start=_node(path.start, told), steps=[_step(step, told) for step in path.steps])


def tell_related(memory_id: UUID, score: float, memory: Disclosed) -> RelatedHit:
    return RelatedHit(memory_id=memory_id, text=memory.text, speaker=memory.description.speaker, score=score)


def _step(step: Step, told: Told) -> StepAnswer:
    return StepAnswer(
        relation=step.relation.value,
        weight=step.weight,
        position=step.position,
        forward=step.forward,
        node=_node(step.node, told),
    )


def _node(node: Node, told: Told) -> NodeAnswer:
    memory = told[node.id] if node.kind is Kind.MEMORY and isinstance(node.id, UUID) else None
    return NodeAnswer(
        kind=node.kind.value,
        id=node.id,
        text=None if memory is None else memory.text,
        speaker=None if memory is None else memory.description.speaker,
    )
