"""What happened in a cube, one event after the other, as far as somebody may know of it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mnemolog.adapters.postgres.policies import GrantRow
from mnemolog.api.disclosure import disclose, readable
from mnemolog.api.parts import Parts
from mnemolog.api.time_answers import TimelineEntry
from mnemolog.domain import cube, memory
from mnemolog.domain.aggregate import Recorded
from mnemolog.domain.events import EVENTS
from mnemolog.domain.grants import Grant, Level
from mnemolog.domain.log import Event, Selection
from mnemolog.domain.permissions import Caller

LIVES = (*cube.EVENTS, *memory.EVENTS)
GRANTS = (Grant.Issued.TOPIC, Grant.Revoked.TOPIC)
MOST_READ = 1000
# Of the facts of an event, those that are personal, long, or told by the entry itself.
TOLD_ELSEWHERE = frozenset({"subject_ids", "description", "governance", "config", "terms", "parents", "name"})
OTHERS = ("target_id", "into", "copied_from")  # facts that name another memory


@dataclass(frozen=True, slots=True)
class Chapter:
    """Events of after < position <= upto; those of grants too where `grants` says so."""

    cube_id: UUID
    after: int
    upto: int
    grants: bool

    @property
    def selection(self) -> Selection:
        return Selection(cube_id=self.cube_id, types=(*LIVES, *(GRANTS if self.grants else ())))


def told(parts: Parts, caller: Caller, chapter: Chapter, at_first: int) -> Iterator[TimelineEntry]:
    """Oldest first. `at_first` events are read to begin with, and more at once the longer it takes."""
    after, size = chapter.after, at_first
    while after < chapter.upto:
        events = parts.log.read(after, size, chapter.selection, chapter.upto)
        yield from _entries(parts, caller, events)
        if len(events) < size:
            return
        after, size = events[-1].position, min(2 * size, MOST_READ)


def _entries(parts: Parts, caller: Caller, events: Sequence[Event]) -> Iterator[TimelineEntry]:
    grants = {
        each.stream_id: parts.policies.grant(each.tenant_id, each.stream_id) for each in events if _is_grant(each)
    }
    about = {event.memory_id for event in events} | {_single(row) for row in grants.values()}
    disclosed = disclose(parts, caller, [each for each in about if each is not None])
    named = {UUID(event.data[name]) for event in events for name in OTHERS if event.data.get(name)}
    seen = {str(each) for each in readable(parts, caller, sorted(named))}
    for event in events:
        memory_id = _single(grants[event.stream_id]) if _is_grant(event) else event.memory_id
        if memory_id is not None and memory_id not in disclosed:
            continue
        text = None if memory_id is None else disclosed[memory_id].text
        yield _entry(event, memory_id, text, _facts(event, grants.get(event.stream_id), seen))


def _entry(event: Event, memory_id: UUID | None, text: str | None, facts: Mapping[str, Any]) -> TimelineEntry:
    return TimelineEntry(
        position=event.position,
        type=event.type,
        recorded_at=event.recorded_at,
        actor_id=event.actor_id,
        on_behalf_of=event.on_behalf_of,
        memory_id=memory_id,
        grant_id=event.stream_id if _is_grant(event) else None,
        text=text,
        facts=facts,
    )


def _facts(event: Event, grant: GrantRow | None, seen: frozenset[str] | set[str]) -> dict[str, Any]:
    known: type[Recorded] = EVENTS[event.type]
    hidden = known.SEALED | TOLD_ELSEWHERE | {name for name in OTHERS if event.data.get(name) not in seen}
    facts = {name: value for name, value in event.data.items() if name not in hidden and value not in (None, [])}
    if grant is None:
        return facts
    terms = grant.terms
    told = {"effect": terms.effect.value, "subject_id": str(terms.subject_id), "level": terms.level.value}
    return facts | told | {"actions": sorted(terms.actions)}


def _is_grant(event: Event) -> bool:
    return event.type in GRANTS


def _single(grant: GrantRow | None) -> UUID | None:
    """The memory that a grant is about, where it is about one."""
    return grant.terms.resource_id if grant is not None and grant.terms.level is Level.MEMORY else None
