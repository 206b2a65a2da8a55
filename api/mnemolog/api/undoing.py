"""Which append an event belongs to, and what brings back all that it changed: decided, and not yet recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from uuid import UUID

from mnemolog.adapters.postgres.policies import GrantRow
from mnemolog.api.decisions import Decisions
from mnemolog.api.disclosure import check_readable
from mnemolog.api.granting import Granting
from mnemolog.api.parts import Parts, is_administrator, require_administrator
from mnemolog.domain.aggregate import Root
from mnemolog.domain.compensation import Facet, Passed, compensate, last_changed, merged_into, reconfigure
from mnemolog.domain.cube import Cube
from mnemolog.domain.grants import Grant
from mnemolog.domain.lifecycle import RECALLABLE, Reason, State
from mnemolog.domain.log import Event, Selection, pages
from mnemolog.domain.memory import Memory
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import CannotUndo, Denied, InvalidPosition, NotFound
from mnemolog.domain.retraction import Retraction

MOST_AT_ONCE = 5000  # events
AT_ONCE = 1000
MERGING = frozenset({Memory.Merged.TOPIC, Memory.Unmerged.TOPIC})
ON_RECORD_ONLY = frozenset({Retraction.Made.TOPIC})
STAYS = {
    Cube.Founded.TOPIC: "a cube that was founded stays",
    Memory.Erased.TOPIC: "what has been erased is gone for ever",
    Memory.Corroborated.TOPIC: "what somebody has corroborated stays corroborated",
}
UNDONE = frozenset({Cube.Configured.TOPIC, Grant.Issued.TOPIC, Grant.Revoked.TOPIC})


class Undoing:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._decisions = Decisions(parts, caller)
        self._granting = Granting(parts, caller)

    def append_at(self, position: int) -> list[Event]:
        """All that was written together with one event, by the same request.

        Raises InvalidPosition, MemoryErased, CannotUndo, NotFound for what the caller may not see, and Denied when that
        is only a part of it.
        """
        head = self._parts.log.head()
        if not 1 <= position <= head:
            raise InvalidPosition(value=position, reason=f"the log ends at {head}")
        event = self._parts.log.at([position], self._caller.tenant_id).get(position)
        if event is None or not self._may_see(event):
            raise NotFound(kind="change at position", id=position)
        events = self.together(event)
        self._check(events)
        return events

    def together(self, event: Event) -> list[Event]:
        """Raises CannotUndo for more events than are undone at once."""
        first, last = self._parts.log.written_with(event.position)
        first, last = max(first, event.position - MOST_AT_ONCE), min(last, event.position + MOST_AT_ONCE)
        found = self._parts.log.read(first - 1, last - first + 1, Selection(tenant_id=event.tenant_id), last)
        same = [each for each in found if _request(each) == _request(event)]
        if len(same) > MOST_AT_ONCE:
            raise CannotUndo(reason=f"it is one of more than {MOST_AT_ONCE} events that were written together")
        return same

    def decided(self, events: Sequence[Event]) -> list[Root]:
        """What brings back all that these events of one append changed. Raises CannotUndo, Denied and their kin."""
        self._parts.wait_for_rules()
        memories = self._memories([event for event in events if event.memory_id is not None])
        keeps_denies = any(event.type == Memory.Generated.TOPIC for event in events)  # they are about what was made
        others = [
            self._other(event) for event in events if event.type in UNDONE and not (keeps_denies and _issues(event))
        ]
        return [*memories, *others]

    def _check(self, events: Iterable[Event]) -> None:
        for event in events:
            if not self._may_see(event):
                raise Denied(action="undo this: a part of it is hidden from it")
            if event.type in STAYS:
                raise CannotUndo(reason=STAYS[event.type])
            if event.memory_id is None and event.type not in UNDONE | ON_RECORD_ONLY:
                raise CannotUndo(reason=f"{event.type} is undone by an operation of its own, or not at all")

    def _may_see(self, event: Event) -> bool:
        """Raises MemoryErased for a memory that the caller could read."""
        try:
            if event.memory_id is not None:
                check_readable(self._parts, self._caller, event.memory_id)
            elif event.type in (Grant.Issued.TOPIC, Grant.Revoked.TOPIC):
                self._granting.known(event.stream_id)
            elif event.cube_id is not None:
                self._parts.cube(self._caller, event.cube_id)
            else:
                return is_administrator(self._caller)
        except NotFound as refusal:
            if refusal.status != NotFound.status:
                raise
            return False
        return True

    def _memories(self, events: Sequence[Event]) -> list[Memory]:
        action = Action.MERGE if any(event.type in MERGING for event in events) else Action.WRITE
        around = {
            memory_id: _Around(self._parts, [event for event in events if event.memory_id == memory_id])
            for memory_id in dict.fromkeys(event.stream_id for event in events)
        }
        now = {memory_id: self._decisions.load(memory_id, action)[0] for memory_id in around}

        def target(memory_id: UUID) -> Memory:
            return now.get(memory_id) or self._decisions.load(memory_id, Action.READ)[0]

        for memory_id, memory in now.items():
            passed = around[memory_id].passed(memory)
            if passed.touches_hold:
                require_administrator(self._caller, "set or lift a legal hold")
            compensate(passed, target, self._parts.clock.now())
        for memory in now.values():
            _check_merged(memory, target)
        return list(now.values())

    def _other(self, event: Event) -> Root:
        if event.type == Cube.Configured.TOPIC:
            return self._configured(event)
        row = self._granting.known(event.stream_id)
        if event.type == Grant.Issued.TOPIC:
            if row.to_position is not None:
                raise CannotUndo(reason="the grant was revoked since", position=row.to_position)
            return self._granting.revoked(row.grant_id, "")
        for again in self._issued_again(row, event.position):
            raise CannotUndo(reason="the same was granted again since", position=again.from_position)
        return self._granting.issued(row.terms, "")

    def _issued_again(self, row: GrantRow, since: int) -> Iterator[GrantRow]:
        terms, tenant_id = row.terms, self._caller.tenant_id
        found = self._parts.policies.grants(
            tenant_id, since, AT_ONCE, subject_id=terms.subject_id, resource_id=terms.resource_id
        )
        return (each for each in found if each.terms == terms)

    def _configured(self, event: Event) -> Cube:
        self._parts.cube(self._caller, event.stream_id, Action.ADMINISTER)
        load = self._parts.application.load
        before, after, now = (
            load(Cube, event.stream_id, version) for version in (event.version - 1, event.version, None)
        )
        rules = Selection(cube_id=event.stream_id, types=(Cube.Configured.TOPIC,))
        *_, last = pages(self._parts.log, event.position - 1, self._parts.log.head(), AT_ONCE, rules)
        reconfigure(before, after, now, last[-1].position)
        return now


class _Around:
    """One memory before and after the `events` of an append that are its own."""

    def __init__(self, parts: Parts, events: Sequence[Event]) -> None:
        self._parts, self._events = parts, events

    def passed(self, now: Memory) -> Passed:
        first, last = self._events[0], self._events[-1]
        load = self._parts.application.load
        before = None if first.version == 1 else load(Memory, first.stream_id, first.version - 1)
        after = load(Memory, first.stream_id, last.version)
        was_archived = before is not None and before.state in (State.ARCHIVED, State.FROZEN)
        return Passed(before, after, now, self._changed_at, self._reason if was_archived else Reason.MANUAL)

    def _changed_at(self, facet: Facet) -> int:
        return last_changed(self._history, facet)

    @property
    def _reason(self) -> Reason:
        """Of the last time that it was archived before."""
        first = self._events[0].position
        found = [e for e in self._history if e.type == Memory.Archived.TOPIC and e.position < first]
        return Reason(found[-1].data["reason"]) if found else Reason.MANUAL

    @cached_property
    def _history(self) -> Sequence[Event]:
        own = Selection(memory_id=self._events[0].stream_id)
        return [event for page in pages(self._parts.log, 0, self._parts.log.head(), AT_ONCE, own) for event in page]


def _check_merged(memory: Memory, target: Callable[[UUID], Memory]) -> None:
    """What is merged again must be found in what it is merged into."""
    into = merged_into(memory)
    if into is None or memory.state is not State.MERGED or not memory.pending_events:
        return
    if (state := target(into).state) not in (*RECALLABLE, State.MERGED):
        raise CannotUndo(reason=f"memory {into}, into which it was merged, is {state}")


def _issues(event: Event) -> bool:
    return event.type == Grant.Issued.TOPIC


def _request(event: Event) -> tuple[UUID | None, UUID | None, UUID | None]:
    return event.actor_id, event.on_behalf_of, event.request_id
