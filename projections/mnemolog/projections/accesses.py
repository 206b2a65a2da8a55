"""Who did, saw and was refused what: a row for each event of the log, and how often each memory was told.

The fold is here; where its rows are kept is an adapter's business. Ids only, so there is nothing to forget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from mnemolog.domain.access import Access
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory

# Reading the log or the audit tells of memories without telling what they say.
READS = frozenset({"recall", "get", "list", "history", "traverse", "path", "related", "lineage", "bundles.dump"}) | {
    "diff",
    "blame",
    "timeline",
    "cubes.fork",
}
ASKED = frozenset({Access.Recorded.TOPIC, Access.Refused.TOPIC})
PROCESSES = frozenset({Access.Opened.TOPIC, Access.Closed.TOPIC, Access.GapDeclared.TOPIC})
Owners = Mapping[UUID, tuple[UUID, UUID]]  # of a memory, its tenant and its owner, which never change


class AccessRow(NamedTuple):
    """`kind` of an answer or a refusal is what was asked for, else the type of the event without its version."""

    position: int
    tenant_id: UUID
    kind: str
    code: str | None
    actor_id: UUID | None
    on_behalf_of: UUID | None
    session_id: UUID | None
    cube_ids: list[UUID]
    memory_ids: list[UUID]
    involved: list[UUID]
    recorded_at: datetime


@dataclass(slots=True)
class Reads:
    """How often one memory was told in some events, and the last time."""

    count: int
    position: int
    moment: datetime


@dataclass(slots=True)
class Folded:
    """What some events add to the view."""

    rows: list[AccessRow] = field(default_factory=list)
    owners: dict[UUID, tuple[UUID, UUID]] = field(default_factory=dict)
    reads: dict[UUID, Reads] = field(default_factory=dict)
    processes: list[Event] = field(default_factory=list)  # beginnings and ends
    reached: dict[tuple[UUID, UUID], int] = field(default_factory=dict)  # by process and tenant


def memories_named(events: Iterable[Event]) -> list[UUID]:
    """Those whose owners the fold of these events needs to know."""
    return sorted({memory_id for event in events for memory_id in _memory_ids(event)})


def fold(events: Sequence[Event], known: Owners) -> Folded:
    """`known` are the owners of memories from before these events."""
    found, owners = Folded(), dict(known)
    for event in events:
        if event.type == Memory.Generated.TOPIC and event.memory_id is not None:
            owner = event.tenant_id, UUID(event.data["governance"]["owner_id"])
            found.owners[event.memory_id] = owners[event.memory_id] = owner
        found.rows.append(_row(event, owners))
        if event.type in ASKED:
            found.reached[UUID(event.data["process_id"]), event.tenant_id] = event.position
        elif event.type in PROCESSES:
            found.processes.append(event)
        if event.type == Access.Recorded.TOPIC and event.data["kind"] in READS:
            _count(event, found.reads, owners)
    return found


def _count(event: Event, reads: dict[UUID, Reads], owners: Owners) -> None:
    for memory_id in map(UUID, event.data["memory_ids"]):
        if owners.get(memory_id, (None,))[0] == event.tenant_id:
            before = reads.get(memory_id)
            reads[memory_id] = Reads(1 if before is None else before.count + 1, event.position, event.recorded_at)


def _row(event: Event, owners: Owners) -> AccessRow:
    data = event.data if event.type in ASKED else {}
    memory_ids = _memory_ids(event)
    owned = [owners[memory_id] for memory_id in memory_ids if memory_id in owners]
    people = {event.actor_id, event.on_behalf_of, *(owner for tenant, owner in owned if tenant == event.tenant_id)}
    session_id = data.get("session_id")
    return AccessRow(
        position=event.position,
        tenant_id=event.tenant_id,
        kind=data.get("kind") or event.type.rpartition(".")[0],
        code=data.get("code"),
        actor_id=event.actor_id,
        on_behalf_of=event.on_behalf_of,
        session_id=None if session_id is None else UUID(session_id),
        cube_ids=_cube_ids(event),
        memory_ids=memory_ids,
        involved=sorted(person for person in people if person is not None),
        recorded_at=event.recorded_at,
    )


def _memory_ids(event: Event) -> list[UUID]:
    if event.type == Access.Recorded.TOPIC:
        return [UUID(each) for each in event.data["memory_ids"]]
    target = _target(event, "memory_")
    return [each for each in (target, event.memory_id) if each is not None]


def _cube_ids(event: Event) -> list[UUID]:
    if event.type == Access.Recorded.TOPIC:
        return [UUID(each) for each in event.data["cube_ids"]]
    target = _target(event, "cube_")
    return [each for each in (target, event.cube_id) if each is not None]


def _target(event: Event, kind: str) -> UUID | None:
    """What a refusal was about, when its code says that it is of this kind."""
    if event.type != Access.Refused.TOPIC or not event.data["code"].startswith(kind):
        return None
    target = event.data["target_id"]
    return None if target is None else UUID(target)
