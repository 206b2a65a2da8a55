"""What was made from what, folded from the log. Where the rows are kept is an adapter's business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation

COPIED_FROM = "copied_from"  # of another cube, which was forked


class DerivationRow(NamedTuple):
    """A derivation of from_position <= position < to_position."""

    child_id: UUID
    parent_id: UUID
    relation: str
    tenant_id: UUID
    from_position: int
    to_position: int | None = None


@dataclass(slots=True)
class Folded:
    """What some events add to the view; `ended` has (child, parent, position) for what was there before them."""

    rows: list[DerivationRow] = field(default_factory=list)
    ended: list[tuple[UUID, UUID, int]] = field(default_factory=list)


def fold(events: Sequence[Event]) -> Folded:
    found = Folded()
    for event in events:
        if event.type == Memory.Generated.TOPIC:
            found.rows.extend(_made(event, event.data["parents"], Relation.MERGED_TO))
            if (original := event.data.get("copied_from")) is not None:
                found.rows.extend(_made(event, [original], COPIED_FROM))
        elif event.data.get("relation") != Relation.DERIVED_FROM:
            continue
        elif event.type == Memory.Linked.TOPIC:
            found.rows.extend(_made(event, [event.data["target_id"]], Relation.DERIVED_FROM))
        elif event.type == Memory.Unlinked.TOPIC:
            _end(found, event.stream_id, UUID(event.data["target_id"]), event.position)
    return found


def _made(event: Event, parents: Sequence[str], relation: str) -> Iterator[DerivationRow]:
    for parent_id in map(UUID, parents):
        yield DerivationRow(event.stream_id, parent_id, str(relation), event.tenant_id, event.position)


def _end(found: Folded, child_id: UUID, parent_id: UUID, position: int) -> None:
    ending = (child_id, parent_id, Relation.DERIVED_FROM.value)
    found.rows = [
        row._replace(to_position=position) if row[:3] == ending and row.to_position is None else row
        for row in found.rows
    ]
    found.ended.append((child_id, parent_id, position))
