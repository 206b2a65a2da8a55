"""Time travel for people: what changed, who put it there, what happened, and how to take it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import MemoryAnswer, Page
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.decisions import Decisions
from mnemolog.api.disclosure import disclose_one, readable
from mnemolog.api.moments import At, Moment, moment_of
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator
from mnemolog.api.readers import readers
from mnemolog.api.time_answers import (
    BlameAnswer,
    BlamedField,
    BlamedLink,
    BlamedPart,
    DiffAnswer,
    FieldChange,
    LinkChange,
    OriginAnswer,
    ReadersChange,
    StepAnswer,
    UndoAnswer,
    WordsAnswer,
)
from mnemolog.api.timeline import Chapter, told
from mnemolog.api.undoing import Undoing
from mnemolog.domain.aggregate import Recorded, Root
from mnemolog.domain.blame import RETURNS, Link, blame
from mnemolog.domain.log import Event, Selection, pages
from mnemolog.domain.memory import Memory
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import Invalid, MemoryErased
from mnemolog.domain.word_diff import word_diff

AT_ONCE = 1000
TOLD = ("key", "tags", "background", "sources", "speaker", "state", "legal_hold", "expires_at")
JUDGED = ("trust", "corroborations", "merged_into")


@audited()
class TimeTravel:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._decisions = Decisions(parts, caller)

    def diff(self, memory_id: UUID, from_: int | datetime, to: At = None, *, at_least: int | None = None) -> DiffAnswer:
        """What is different in a memory between two moments: now, where `to` is not given. Texts are as of then, and
        who may see them as of now.

        Raises MemoryNotFound, also for a moment before it was made, MemoryErased, MemoryExpired, InvalidPosition,
        Invalid when `from_` is the later one.
        """
        self._parts.wait(CATALOGUE, at_least)
        first, last = self._moment(from_), None if to is None else self._moment(to)
        upto = self._parts.catalogue.position if last is None else last.position
        if first.position > upto:
            raise Invalid(reason=f"A difference is from the earlier moment on, and {first.position} is after {upto}.")
        before = MemoryAnswer.of(disclose_one(self._parts, self._caller, memory_id, first))
        after = MemoryAnswer.of(disclose_one(self._parts, self._caller, memory_id, last))
        asked = is_administrator(self._caller)
        return DiffAnswer(
            memory_id=memory_id,
            from_position=first.position,
            to_position=upto,
            rewritten=before.text != after.text,
            text=[WordsAnswer(kind=each.kind.value, text=each.text) for each in word_diff(before.text, after.text)],
            fields=_different(_fields(before), _fields(after)),
            links=self._links_changed(memory_id, first.position, upto),
            readers=self._readers_changed(memory_id, first.position, upto) if asked else None,
        )

    def blame(self, memory_id: UUID, *, at: At = None, at_least: int | None = None) -> BlameAnswer:
        """Which event put each word and each field there, as the memory is or as it was. Raises as `diff` does."""
        self._parts.wait(CATALOGUE, at_least)
        moment = None if at is None else self._moment(at)
        disclose_one(self._parts, self._caller, memory_id, moment)
        position = self._parts.catalogue.position if moment is None else moment.position
        events = self._events(memory_id, position)
        if any(event.erased for event in events):  # since it was let out
            raise MemoryErased(memory_id=memory_id)
        found = blame(events)
        links = self._shown(found.links)
        used = {part.position for part in found.parts} | {said.position for said in found.fields.values()}
        used |= {said.position for said in links.values()}
        copied_from = events[0].data.get("copied_from")
        return BlameAnswer(
            memory_id=memory_id,
            position=position,
            copied_from=None if copied_from is None else UUID(copied_from),
            text=[BlamedPart(text=part.text, position=part.position) for part in found.parts],
            fields={
                name: BlamedField(value=said.value, position=said.position)
                for name, said in found.fields.items()
                if said.value is not None
            },
            links=[
                BlamedLink(target_id=target, relation=relation.value, weight=said.value, position=said.position)
                for (target, relation), said in links.items()
            ],
            events=[OriginAnswer.of(event) for event in events if event.position in used],
        )

    def timeline(
        self,
        cube: str | UUID,
        *,
        since: At = None,
        until: At = None,
        grants: bool = False,
        limit: int = 50,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> Page:
        """What happened in a cube and to its memories, oldest first, a page at a time: after `since`, up to `until`.

        Of memories that the caller may read now. With `grants` also what was granted and taken back there, for whoever
        administers the cube. Raises CubeNotFound, Denied, InvalidPosition, InvalidCursor.
        """
        self._parts.wait(CATALOGUE, at_least)
        row = self._parts.cube(self._caller, cube, Action.ADMINISTER if grants else Action.READ)
        after = 0 if since is None else self._moment(since).position
        last = None if until is None else self._moment(until).position
        upto = self._parts.catalogue.position if last is None else last
        keyring, question = self._parts.application.keyring, f"timeline:{row.cube_id}:{after}:{last}:{grants}"
        more = check_limit(limit) + 1
        start = max(after, read_cursor(keyring, question, cursor))
        found = list(islice(told(self._parts, self._caller, Chapter(row.cube_id, start, upto, grants), more), more))
        items = found[:limit]
        current().asks([row.cube_id], None, self._parts.clock.now())
        current().tell(dict.fromkeys(each.memory_id for each in items if each.memory_id is not None), upto)
        following = make_cursor(keyring, question, items[-1].position) if len(found) == more else None
        return Page(items=items, next=following, position=upto)

    def undo(self, position: int, *, dry_run: bool = False, idempotency_key: UUID | None = None) -> UndoAnswer:
        """Take back all that was written together with the event at `position`, by new events: all of it or nothing.

        Each part needs the permission that it would need by hand. Raises CannotUndo with what stands in the way,
        InvalidPosition, NotFound for what the caller may not see, MemoryErased, Denied and what a step by hand raises.
        """
        self._parts.wait(CATALOGUE)
        undoing = Undoing(self._parts, self._caller)
        steps: list[StepAnswer] = []
        undone: list[int] = []

        def decide() -> Sequence[Root]:
            events = undoing.append_at(position)
            decided = undoing.decided(events)
            undone[:] = [event.position for event in events]
            steps[:] = [_step(each, event) for each in decided for event in each.pending_events]
            return decided

        if dry_run:
            memory_ids = tuple(each.id for each in decide() if isinstance(each, Memory))
            current().tell(memory_ids, self._parts.catalogue.position)
            head = self._parts.catalogue.position
            return UndoAnswer(position=head, memory_ids=memory_ids, undone=undone, steps=steps, dry_run=True)
        written = self._decisions.decide(decide, idempotency_key, ("undo", position))
        if written.replayed:
            undone, steps = self._replayed(undoing, position, written.position)
        return UndoAnswer(
            position=written.position,
            memory_ids=written.memory_ids,
            undone=undone,
            steps=steps,
            dry_run=False,
            replayed=written.replayed,
        )

    def _replayed(self, undoing: Undoing, undone: int, written: int) -> tuple[list[int], list[StepAnswer]]:
        """What an earlier request with the same key did."""
        events = self._parts.log.at([undone, written], self._caller.tenant_id)
        steps = [
            StepAnswer(type=event.type, stream_id=event.stream_id, memory_id=event.memory_id)
            for event in undoing.together(events[written])
        ]
        return [event.position for event in undoing.together(events[undone])], steps

    def _moment(self, at: int | datetime) -> Moment:
        moment = moment_of(self._parts, self._caller, at)
        self._parts.wait(CATALOGUE, moment.position)
        return moment

    def _events(self, memory_id: UUID, upto: int, types: tuple[str, ...] = ()) -> Sequence[Event]:
        wanted = Selection(memory_id=memory_id, types=types)
        return [event for page in pages(self._parts.log, 0, upto, AT_ONCE, wanted) for event in page]

    def _links_changed(self, memory_id: UUID, first: int, last: int) -> Sequence[LinkChange]:
        linking = (Memory.Linked.TOPIC, Memory.Unlinked.TOPIC, Memory.Merged.TOPIC, *RETURNS)
        events = self._events(memory_id, last, linking)
        before, after = (
            {link: said.value for link, said in blame(e for e in events if e.position <= position).links.items()}
            for position in (first, last)
        )
        changed = [link for link in {**before, **after} if before.get(link) != after.get(link)]
        return [
            LinkChange(target_id=link[0], relation=link[1].value, before=before.get(link), after=after.get(link))
            for link in self._shown(dict.fromkeys(sorted(changed)))
        ]

    def _shown(self, links: Mapping[Link, Any]) -> dict[Link, Any]:
        """Those that lead to what the caller may read."""
        targets = readable(self._parts, self._caller, [target for target, _ in links])
        return {link: said for link, said in links.items() if link[0] in targets}

    def _readers_changed(self, memory_id: UUID, first: int, last: int) -> ReadersChange:
        before, after = (readers(self._parts, self._caller, memory_id, position) for position in (first, last))
        return ReadersChange(
            before=before,
            after=after,
            gained=[each for each in after if each not in before],
            lost=[each for each in before if each not in after],
        )


def _fields(memory: MemoryAnswer) -> dict[str, Any]:
    """All that is said of a memory besides its text."""
    return {name: getattr(memory, name) for name in (*TOLD, *JUDGED)} | dict(memory.governance)


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, FieldChange]:
    return {
        name: FieldChange(before=before.get(name), after=after.get(name))
        for name in (*before, *(name for name in after if name not in before))
        if before.get(name) != after.get(name)
    }


def _step(root: Root, event: Any) -> StepAnswer:
    recorded: Recorded = event
    return StepAnswer(type=recorded.TOPIC, stream_id=root.id, memory_id=root.id if isinstance(root, Memory) else None)
