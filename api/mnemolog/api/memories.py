"""Memories: remember, read, change, merge. Each call decides, appends once, and answers with the position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow, MemoryFilter
from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import EventAnswer, MemoryAnswer, Page, Written
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.decisions import Decisions
from mnemolog.api.disclosure import disclose_history, disclose_one, readable
from mnemolog.api.listing import Listing, listed, reached, views_for
from mnemolog.api.moments import At, Moment, moment_of
from mnemolog.api.parts import CATALOGUE, Parts, require_administrator
from mnemolog.domain import commands
from mnemolog.domain.aggregate import Root
from mnemolog.domain.commands import Remember, Revise
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Selection
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.metadata import Description
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.policy import denies_of_merge
from mnemolog.domain.refusals import Invalid, InvalidMetadata, NotFound
from mnemolog.domain.retention import expiry
from mnemolog.projections.filters import Filter

MAX_AT_ONCE = 1000
# Merged and erased are reached by operations of their own.
REACHABLE = (State.ACTIVATED, State.ARCHIVED, State.FROZEN)


@audited()
class Memories:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._decisions = Decisions(parts, caller)

    def remember(self, cube: str | UUID, *items: Remember | str, idempotency_key: UUID | None = None) -> Written:
        """Store memories, all of them or none.

        Raises CubeNotFound, Invalid and its kin, IdempotencyKeyReused, StoreUnreachable.
        """
        wanted = [Remember(text=item) if isinstance(item, str) else item for item in items]
        if not 1 <= len(wanted) <= MAX_AT_ONCE:
            raise Invalid(reason=f"between 1 and {MAX_AT_ONCE} memories can be stored at once, not {len(wanted)}")
        self._parts.wait_for_rules()
        row = self._parts.cube(self._caller, cube)
        self._check_subjects(wanted)

        def decide() -> Sequence[Memory]:
            rules, now = self._parts.cube(self._caller, row.cube_id, Action.WRITE).rules, self._parts.clock.now()
            return [commands.remember(item, rules, self._caller, now) for item in wanted]

        request = ("remember", row.cube_id, [asdict(item) for item in wanted])
        return self._decisions.decide(decide, idempotency_key, request)

    def get(self, memory_id: UUID, *, at: At = None, at_least: int | None = None) -> MemoryAnswer:
        """As it is, or as it was at a position or time `at`.

        Raises MemoryNotFound, MemoryErased, MemoryExpired, InvalidPosition, ProjectionBehind.
        """
        self._parts.wait(CATALOGUE, at_least)
        return MemoryAnswer.of(disclose_one(self._parts, self._caller, memory_id, self._moment(at)))

    def list(
        self,
        cube: str | UUID,
        wanted: MemoryFilter = MemoryFilter(),
        *,
        filter: Filter | None = None,
        limit: int = 50,
        cursor: str | None = None,
        at: At = None,
        at_least: int | None = None,
    ) -> Page:
        """A page of a cube's memories in the order they were made: those that `wanted` and `filter` both let through.

        What has expired is not among them.
        Raises CubeNotFound, InvalidCursor, InvalidMetadata, InvalidPosition, ProjectionBehind.
        """
        views = views_for(filter)
        self._parts.wait(views, at_least)
        moment = self._moment(at, views) or Moment(reached(self._parts, views), self._parts.clock.now())
        asked = Listing(self._parts.cube(self._caller, cube).cube_id, wanted, filter, moment)
        keyring, question = self._parts.application.keyring, asked.question(past=at is not None)
        after, more = read_cursor(keyring, question, cursor), check_limit(limit) + 1
        found = tuple(islice(listed(self._parts, self._caller, asked, after, more), more))
        items = [MemoryAnswer.of(each) for each in found[:limit]]
        current().asks([asked.cube_id], None if at is None else moment, moment.clock)
        current().tell([each.memory_id for each in items], moment.position)
        following = make_cursor(keyring, question, found[-2].row.created_position) if len(found) == more else None
        return Page(items=items, next=following, position=moment.position)

    def history(self, memory_id: UUID, *, at_least: int | None = None) -> Sequence[EventAnswer]:
        """All that happened to a memory, oldest first."""
        self._parts.wait(CATALOGUE, at_least)
        events = self._parts.log.read(0, 10_000, Selection(memory_id=memory_id))
        return [EventAnswer.of(e) for e in disclose_history(self._parts, self._caller, memory_id, events)]

    def revise(
        self,
        memory_id: UUID,
        text: str | None = None,
        *,
        if_version: int | None = None,
        idempotency_key: UUID | None = None,
        **changes: Any,
    ) -> Written:
        """Change the text or metadata of a memory; only what is named changes. Raises StaleVersion and its kin."""
        command = _revision(text, changes)

        def change(memory: Memory, cube: CubeRow) -> None:
            commands.revise(memory, command, self._parts.clock.now())

        request = ("revise", memory_id, if_version, text, changes)
        return self._decisions.change(memory_id, change, if_version, idempotency_key, request)

    def transition(
        self,
        memory_id: UUID,
        target: State,
        reason: Reason = Reason.MANUAL,
        *,
        legal_hold: bool = False,
        if_version: int | None = None,
        idempotency_key: UUID | None = None,
    ) -> Written:
        """Take a memory to another state of its life. Raises IllegalTransition and its kin."""
        if target not in REACHABLE:
            raise Invalid(reason=f"a memory is {target} by an operation of its own; ask for {', '.join(REACHABLE)}")

        def change(memory: Memory, cube: CubeRow) -> None:
            if legal_hold or memory.legal_hold:
                require_administrator(self._caller, "set or lift a legal hold")
            memory.transition_state(target, reason, legal_hold=legal_hold)

        request = ("transition", memory_id, if_version, target, reason, legal_hold)
        return self._decisions.change(memory_id, change, if_version, idempotency_key, request)

    def corroborate(self, memory_id: UUID, *, idempotency_key: UUID | None = None) -> Written:
        """Say that this principal knows the same; enough of them activate a memory in quarantine."""

        def change(memory: Memory, cube: CubeRow) -> None:
            commands.corroborate(memory, cube.rules, self._caller)

        request = ("corroborate", memory_id)
        return self._decisions.change(memory_id, change, None, idempotency_key, request, action=Action.READ)

    def set_retention(
        self,
        memory_id: UUID,
        *,
        ttl: timedelta | None = None,
        expires_at: datetime | None = None,
        if_version: int | None = None,
        idempotency_key: UUID | None = None,
    ) -> Written:
        """When a memory stops being recalled: after a time from now, at a moment, or never when both are None."""
        moment = expiry(self._parts.clock.now(), ttl, expires_at)

        def change(memory: Memory, cube: CubeRow) -> None:
            memory.set_retention(moment)

        request = ("retention", memory_id, if_version, ttl, expires_at)
        return self._decisions.change(memory_id, change, if_version, idempotency_key, request)

    def link(
        self,
        memory_id: UUID,
        target_id: UUID,
        relation: Relation = Relation.RELATES_TO,
        weight: float = 1.0,
        *,
        if_version: int | None = None,
        idempotency_key: UUID | None = None,
    ) -> Written:
        target = self._decisions.load(target_id, Action.READ)[0]

        def change(memory: Memory, cube: CubeRow) -> None:
            memory.link(target, relation, weight)

        request = ("link", memory_id, if_version, target_id, relation, weight)
        return self._decisions.change(memory_id, change, if_version, idempotency_key, request)

    def unlink(
        self,
        memory_id: UUID,
        target_id: UUID,
        relation: Relation,
        *,
        if_version: int | None = None,
        idempotency_key: UUID | None = None,
    ) -> Written:
        def change(memory: Memory, cube: CubeRow) -> None:
            memory.unlink(target_id, relation)

        request = ("unlink", memory_id, if_version, target_id, relation)
        return self._decisions.change(memory_id, change, if_version, idempotency_key, request)

    def links(self, memory_id: UUID, *, at_least: int | None = None) -> Sequence[tuple[UUID, Relation, float]]:
        """Where a memory's links lead, as far as this caller may read."""
        self._parts.wait(CATALOGUE, at_least)
        memory, _ = self._decisions.load(memory_id, Action.READ)
        targets = readable(self._parts, self._caller, [target for target, _ in memory.links])
        current().tell((memory_id, *targets), self._parts.catalogue.position)
        return [(target, relation, weight) for (target, relation), weight in memory.links.items() if target in targets]

    def merge(
        self,
        memory_ids: Sequence[UUID],
        text: str,
        description: Description | None = None,
        *,
        idempotency_key: UUID | None = None,
    ) -> Written:
        """One memory in place of several, in one append: all or nothing. The first id of the answer is the new one."""
        if not 2 <= len(memory_ids) <= MAX_AT_ONCE:
            raise Invalid(reason=f"between 2 and {MAX_AT_ONCE} memories can be merged, not {len(memory_ids)}")

        def decide() -> tuple[Root, ...]:
            parents = tuple(self._decisions.load(memory_id, Action.MERGE)[0] for memory_id in memory_ids)
            result = merge(parents, text, self._owner_of_all(parents), self._parts.clock.now(), description)
            policy, _ = self._parts.policy(self._caller)
            return (result, *parents, *denies_of_merge(policy, self._caller, memory_ids, result.id))

        return self._decisions.decide(decide, idempotency_key, ("merge", list(memory_ids), text, description))

    def _owner_of_all(self, parents: Sequence[Memory]) -> UUID:
        """Who owns all parents owns the result. Of several owners' memories it is the caller's, who must administer
        them: otherwise a merge would give more than the right to merge.
        """
        owners = {parent.governance.owner_id for parent in parents}
        if len(owners) == 1:
            return owners.pop()
        for parent in parents:
            self._decisions.load(parent.id, Action.ADMINISTER)
        return self._caller.principal_id

    def retract_merge(self, memory_id: UUID, *, idempotency_key: UUID | None = None) -> Written:
        """Undo a merge: its parents come back, the result is archived."""

        def decide() -> tuple[Memory, ...]:
            result, _ = self._decisions.load(memory_id, Action.MERGE)
            parents = tuple(self._decisions.load(parent, Action.MERGE)[0] for parent in result.parents)
            retract_merge(result, parents)
            return (result, *parents)

        return self._decisions.decide(decide, idempotency_key, ("retract_merge", memory_id))

    def _moment(self, at: At, views: tuple[str, ...] = CATALOGUE) -> Moment | None:
        if at is None:
            return None
        moment = moment_of(self._parts, self._caller, at)
        self._parts.wait(views, moment.position)
        return moment

    def _check_subjects(self, wanted: Sequence[Remember]) -> None:
        for subject_id in {item.subject_id for item in wanted if item.subject_id is not None}:
            if not self._parts.directory.has_subject(self._caller.tenant_id, subject_id):
                raise NotFound(kind="data subject", id=subject_id)


def _revision(text: str | None, changes: dict[str, Any]) -> Revise:
    """Raises InvalidMetadata for a field that cannot be revised."""
    for name in changes:
        if name not in commands.DESCRIPTION and name not in commands.GOVERNANCE:
            raise InvalidMetadata(field=name, reason="it cannot be revised")
    described = {name: value for name, value in changes.items() if name in commands.DESCRIPTION}
    governed = {name: value for name, value in changes.items() if name in commands.GOVERNANCE}
    changed = frozenset(described) | (frozenset() if text is None else {"text"})
    return Revise(changed=changed, text=text, description=Description(**described), governance=governed)
