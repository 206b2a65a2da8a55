"""Lineage, influence and retractions for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mnemolog.api.terminal.tables import Column, cell

if TYPE_CHECKING:
    from mnemolog.api.audit import MemoryPattern
    from mnemolog.api.lineage_answers import DerivationAnswer, InfluenceAnswer, LineageAnswer, LineageNode
    from mnemolog.domain.retraction import Finding

Row = Sequence[Any]
POSITION = Column("position", right=True, style="cyan")
INFLUENCE_COLUMNS = (
    Column("what"),
    POSITION,
    Column("time"),
    Column("by"),
    Column("state"),
    Column("memories", style="dim", wide=True),
)
FINDING_COLUMNS = (Column("what"), Column("id", style="dim"), Column("outcome"), Column("why"))
PATTERN_COLUMNS = (
    Column("memory", style="dim"),
    Column("owner", style="dim"),
    Column("told", right=True),
    Column("last at", right=True, style="cyan"),
    Column("time"),
)


def tree(answer: LineageAnswer) -> Iterator[str]:
    """A memory, below it what it was made from, and below that what was made of it. Each is drawn once a side."""
    nodes = {node.memory_id: node for node in answer.nodes}
    root = answer.nodes[0]
    yield _line(root)
    for title, near, far in (
        ("made from", lambda each: each.child_id, lambda each: each.parent_id),
        ("made of it", lambda each: each.parent_id, lambda each: each.child_id),
    ):
        branches = list(_branches(answer.derivations, nodes, root.memory_id, near, far))
        yield from (title, *branches) if branches else ()
    if not answer.complete:
        yield "and more"


End = Callable[["DerivationAnswer"], UUID]


def _branches(
    derivations: Sequence[DerivationAnswer], nodes: dict[UUID, LineageNode], root: UUID, near: End, far: End
) -> Iterator[str]:
    seen = {root}

    def below(memory_id: UUID, indent: str) -> Iterator[str]:
        steps = [each for each in derivations if near(each) == memory_id and far(each) not in seen]
        seen.update(map(far, steps))
        for place, step in enumerate(steps, 1):
            last = place == len(steps)
            yield f"{indent}{'└─' if last else '├─'} {step.relation} {_line(nodes[far(step)])}"
            yield from below(far(step), indent + ("   " if last else "│  "))

    yield from below(root, "")


def _line(node: LineageNode) -> str:
    said = f" ({cell(node.sources)})" if node.sources else ""
    return f"{node.memory_id} {node.state} {node.source}{said}: {cell(node.text)}"


def influence_rows(answer: InfluenceAnswer, me: UUID) -> Iterator[Row]:
    """What was made from it, then who was told."""
    for each in answer.derived:
        path = [answer.memory_id, *(step.child_id for step in each.path)]
        yield each.path[-1].relation, each.since, None, None, each.state, path[::-1]
    for told in answer.items:
        who = "you" if told.actor_id == me else told.actor_id
        yield told.kind, told.position, told.recorded_at, who, None, told.memory_ids


def finding_row(finding: Finding) -> Row:
    return finding.kind, finding.id, finding.outcome, finding.why.replace("_", " ")


def pattern_row(pattern: MemoryPattern) -> Row:
    return pattern.memory_id, pattern.owner_id, pattern.reads, pattern.last_position, pattern.last_read_at
