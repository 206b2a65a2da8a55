"""The audit: who did, saw and was refused what, in which context, at which position.

An administrator sees all of the tenant. Everybody sees what they did themselves, what was done for them, and who did
something to memories that they own; of such an access no more is told than who, when, what and which of their memories.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from mnemolog.adapters.postgres.accesses import AccessFilter, AccessFound
from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import Page
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.log import without_text
from mnemolog.api.moments import At
from mnemolog.api.parts import ACCESS, Parts, is_administrator
from mnemolog.domain.log import LAST, Event
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import InvalidPosition

EVERYTHING = AccessFilter()
# How much there is that somebody may not see, and when something changed there.
HIDDEN = frozenset({"considered", "dropped", "ruled_at", "labelled_at"})
TOLD_ALREADY = frozenset({"kind", "code", "session_id", "cube_ids", "memory_ids", "process_id", "subject_ids"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One event. `kind` of an answer or a refusal is what was asked for, else the type of the event; `code` is that of
    a refusal. `facts` say more, without personal content, to administrators and to whoever acted.
    """

    position: int
    recorded_at: datetime
    kind: str
    code: str | None
    actor_id: UUID | None
    on_behalf_of: UUID | None
    session_id: UUID | None
    cube_ids: Sequence[UUID]
    memory_ids: Sequence[UUID]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPattern:
    """How often a memory was told to somebody, and when last."""

    memory_id: UUID
    owner_id: UUID
    reads: int
    last_position: int | None
    last_read_at: datetime | None


@audited("audit")
class Audit:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def __call__(
        self,
        wanted: AccessFilter = EVERYTHING,
        *,
        since: At = None,
        until: At = None,
        limit: int = 50,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> Page:
        """A page of `AuditEntry`, newest first: what `wanted` lets through, recorded after `since` and up to `until`.

        Moments are positions or times. All that this process has answered is included.
        Raises InvalidCursor, InvalidMetadata, InvalidPosition, ProjectionBehind, AuditUnavailable.
        """
        head = all_recorded(self._parts, at_least)
        after, last = position_of(self._parts, since, 0), position_of(self._parts, until, head)
        keyring, question = self._parts.application.keyring, self._question(wanted)
        before = last + 1 if cursor is None else read_cursor(keyring, question, cursor)
        involving = None if is_administrator(self._caller) else self._caller.principal_id
        page = self._parts.accesses.page
        found = page(self._caller.tenant_id, wanted, involving, before, after, check_limit(limit) + 1)
        entries = self._entries(found[:limit])
        current().tell((), head)
        following = make_cursor(keyring, question, found[limit - 1].position) if len(found) > limit else None
        return Page(items=entries, next=following, position=head)

    def patterns(self, memory_ids: Sequence[UUID]) -> Mapping[UUID, MemoryPattern]:
        """How often memories were told to somebody, and when last: to administrators, and of what the caller owns."""
        head = all_recorded(self._parts)
        found = self._parts.accesses.patterns(self._caller.tenant_id, memory_ids)
        everything, me = is_administrator(self._caller), self._caller.principal_id
        told = {
            memory_id: MemoryPattern(**each._asdict())
            for memory_id, each in found.items()
            if everything or each.owner_id == me
        }
        current().tell(told, head)
        return told

    def _mine(self, memory_ids: Collection[UUID]) -> Collection[UUID]:
        found = self._parts.accesses.patterns(self._caller.tenant_id, sorted(memory_ids))
        return {memory_id for memory_id, each in found.items() if each.owner_id == self._caller.principal_id}

    def _question(self, wanted: AccessFilter) -> str:
        """What a cursor belongs to. Not the moments: a while ago is another one with every page."""
        return f"audit:{orjson.dumps((asdict(wanted), self._caller.principal_id)).decode()}"

    def _entries(self, found: Sequence[AccessFound]) -> list[AuditEntry]:
        events = self._parts.log.at([each.position for each in found])
        entries = [_entry(each, events[each.position]) for each in found]
        if is_administrator(self._caller):
            return entries
        mine = self._mine({memory_id for each in entries for memory_id in each.memory_ids})
        return [self._own(each) if self._acted(each) else _of_owner(each, mine) for each in entries]

    def _acted(self, entry: AuditEntry) -> bool:
        return self._caller.principal_id in (entry.actor_id, entry.on_behalf_of)

    def _own(self, entry: AuditEntry) -> AuditEntry:
        return replace(entry, facts={name: fact for name, fact in entry.facts.items() if name not in HIDDEN})


def all_recorded(parts: Parts, at_least: int | None = None) -> int:
    """The position that the view has come to, with all that this process has put on record."""
    parts.trail.flush()
    parts.wait((), at_least)
    head = parts.log.head()
    parts.runner.wait(ACCESS, head, parts.settings.wait_seconds)
    return head


def position_of(parts: Parts, at: At, absent: int) -> int:
    """Raises InvalidPosition."""
    if at is None:
        return absent
    if isinstance(at, datetime):
        return parts.log.position_at(at)
    if at < 0:
        raise InvalidPosition(value=at, reason="positions start at 1, and 0 is before the first")
    return min(at, LAST - 1)


def _entry(found: AccessFound, event: Event) -> AuditEntry:
    told = without_text(event).data
    facts = {name: fact for name, fact in told.items() if name not in TOLD_ALREADY and fact not in (None, [], {})}
    return AuditEntry(**found._asdict(), facts=facts)


def _of_owner(entry: AuditEntry, mine: Collection[UUID]) -> AuditEntry:
    """What the owner of some of the memories learns of what somebody else did."""
    memory_ids = [memory_id for memory_id in entry.memory_ids if memory_id in mine]
    return replace(entry, session_id=None, cube_ids=[], memory_ids=memory_ids, facts={})
