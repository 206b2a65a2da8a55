"""Which memories of a cube go into a fork of it: those that the forker may read now, as they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow, MemoryFilter
from mnemolog.api.disclosure import Disclosed, disclose, permitted
from mnemolog.api.moments import Moment
from mnemolog.api.parts import Parts, is_administrator
from mnemolog.domain.forking import Original
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Event, Selection, pages
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid
from mnemolog.domain.retention import EARLIEST, has_expired
from mnemolog.projections.catalogue import MemoryRow

MOST_MEMORIES = 20_000
AT_ONCE = 1000
Links = dict[tuple[UUID, Relation], float]


@dataclass(frozen=True, slots=True)
class Taken:
    """`left_out` counts by why; how much is hidden from a caller is itself hidden, except from an administrator."""

    originals: Sequence[Original]
    left_out: Mapping[str, int]


def taken(parts: Parts, caller: Caller, cube: CubeRow, moment: Moment) -> Taken:
    """Raises Invalid for more memories than are copied at once."""
    originals: list[Original] = []
    left_out: Counter[str] = Counter()
    past = _past(parts, cube.cube_id, moment.position)
    for ids in _ids(parts, cube.cube_id, moment.position):
        then = parts.directory.memories_at(ids, moment.position, caller.tenant_id)
        kept = _kept(parts, caller, ids, then, left_out)
        disclosed = disclose(parts, caller, kept, moment)
        left_out["erased"] += len(kept) - len(disclosed)
        trusted = _first_trust(parts, disclosed)
        originals += [_original(each, past, trusted) for each in disclosed.values()]
    if not is_administrator(caller):
        del left_out["not_permitted"]
    return Taken(originals, {code: count for code, count in sorted(left_out.items()) if count})


def _ids(parts: Parts, cube_id: UUID, position: int) -> Iterator[list[UUID]]:
    """Of all memories that there were, in the order of their birth."""
    after, found = 0, 0
    while rows := parts.directory.memory_page(cube_id, MemoryFilter(), EARLIEST, after, AT_ONCE, position):
        after, found = rows[-1].created_position, found + len(rows)
        if found > MOST_MEMORIES:
            raise Invalid(reason=f"A fork takes up to {MOST_MEMORIES} memories, and there were more.")
        yield [row.memory_id for row in rows]


def _kept(
    parts: Parts, caller: Caller, ids: Sequence[UUID], then: Mapping[UUID, MemoryRow], left_out: Counter[str]
) -> list[UUID]:
    rows = parts.directory.memories(ids, caller.tenant_id)
    allowed, now = permitted(parts, caller, list(rows.values())), parts.clock.now()
    kept = []
    for memory_id in ids:
        row = rows[memory_id]
        if memory_id not in allowed:
            left_out["not_permitted"] += 1
        elif row.state is State.ERASED:
            left_out["erased"] += 1
        elif has_expired(row.expires_at, now) or has_expired(then[memory_id].expires_at, now):
            left_out["expired"] += 1
        else:
            kept.append(memory_id)
    return kept


@dataclass(slots=True)
class _Past:
    """What the catalogue does not know of the memories of a cube as they were."""

    links: dict[UUID, Links] = field(default_factory=dict)
    reasons: dict[UUID, Reason] = field(default_factory=dict)
    witnesses: dict[UUID, set[UUID]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        data, memory_id = event.data, event.stream_id
        if event.type == Memory.Linked.TOPIC:
            self.links.setdefault(memory_id, {})[_link(data)] = data["weight"]
        elif event.type == Memory.Unlinked.TOPIC:
            self.links.get(memory_id, {}).pop(_link(data), None)
        elif event.type == Memory.Archived.TOPIC:
            self.reasons[memory_id] = Reason(data["reason"])
        elif event.type == Memory.Corroborated.TOPIC:
            self.witnesses.setdefault(memory_id, set()).add(UUID(data["by"]))
        elif data["rewritten"]:  # what others confirmed was the old text
            self.witnesses.pop(memory_id, None)


_TOLD = (
    Memory.Linked.TOPIC,
    Memory.Unlinked.TOPIC,
    Memory.Archived.TOPIC,
    Memory.Corroborated.TOPIC,
    Memory.Revised.TOPIC,
)


def _past(parts: Parts, cube_id: UUID, position: int) -> _Past:
    past = _Past()
    for page in pages(parts.log, 0, position, AT_ONCE, Selection(cube_id=cube_id, types=_TOLD)):
        for event in page:
            past.take(event)
    return past


def _first_trust(parts: Parts, disclosed: Mapping[UUID, Disclosed]) -> dict[UUID, float]:
    """What those began with that are trusted more by now."""
    rows = [each.row for each in disclosed.values() if each.row.standing.corroborations]
    events = parts.log.at([row.created_position for row in rows]) if rows else {}
    return {row.memory_id: events[row.created_position].data["trust"] for row in rows}


def _original(disclosed: Disclosed, past: _Past, trusted: Mapping[UUID, float]) -> Original:
    row = disclosed.row
    return Original(
        memory_id=row.memory_id,
        subject_ids=row.subject_ids,
        text=disclosed.text,
        description=disclosed.description,
        governance=row.governance,
        trust=trusted.get(row.memory_id, row.standing.trust),
        occurred_at=row.occurred_at,
        expires_at=row.expires_at,
        parents=row.parents,
        state=row.state,
        merged_into=row.merged_into,
        born_at=row.created_position,
        worded_at=row.text_position,
        reason=past.reasons.get(row.memory_id, Reason.MANUAL),
        witnesses=frozenset(past.witnesses.get(row.memory_id, ())),
        links=past.links.get(row.memory_id, {}),
    )


def _link(data: Mapping[str, str]) -> tuple[UUID, Relation]:
    return UUID(data["target_id"]), Relation(data["relation"])
