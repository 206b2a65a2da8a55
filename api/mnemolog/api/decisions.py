"""Decide, append, answer: how every change of a memory is made.

A decision is taken on what the memory's own events say. If another writer is faster it is taken again, on what that one
wrote; a request that was answered before is answered the same, and decided no second time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.api.answers import Written
from mnemolog.api.parts import CATALOGUE, Parts, origin
from mnemolog.domain.aggregate import Pending
from mnemolog.domain.log import Appended, Condition, IdempotencyKey
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel, MemoryLabel
from mnemolog.domain.policy import PERMISSION_EVENTS
from mnemolog.domain.refusals import (
    ConditionFailed,
    Denied,
    InvalidText,
    MemoryNotFound,
    NotFound,
    SubjectErased,
    VersionConflict,
)
from mnemolog.domain.subject import Subject

ATTEMPTS = 5
DECIDED_ON = (*PERMISSION_EVENTS, Subject.Erased.TOPIC)


class Decisions:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def change(
        self,
        memory_id: UUID,
        change: Callable[[Memory, CubeRow], None],
        if_version: int | None,
        idempotency_key: UUID | None,
        request: Any,
        action: Action = Action.WRITE,
    ) -> Written:
        def decide() -> Sequence[Memory]:
            memory, cube = self.load(memory_id, action)
            memory.expect_version(if_version)
            change(memory, cube)
            return [memory]

        return self.decide(decide, idempotency_key, request)

    def decide(
        self,
        decide: Callable[[], Sequence[Pending]],
        idempotency_key: UUID | None,
        request: Any,
        decided_on: tuple[str, ...] = DECIDED_ON,
    ) -> Written:
        """Decide and append, again when another writer was faster: the decision is then taken on what it wrote.

        `decided_on` are the events of which none may have come in between.
        """
        if (earlier := self._replay(idempotency_key, request)) is not None:
            return earlier
        for attempt in range(ATTEMPTS):
            try:
                return self.append(decide, idempotency_key, request, decided_on)
            except (VersionConflict, ConditionFailed) as refusal:
                if attempt == ATTEMPTS - 1:
                    raise
                if isinstance(refusal, ConditionFailed):  # what it was decided on has changed: that must be known first
                    self._parts.wait(CATALOGUE, self._parts.log.head())
        raise AssertionError("unreachable")  # pragma: no cover

    def append(
        self,
        decide: Callable[[], Sequence[Pending]],
        idempotency_key: UUID | None,
        request: Any,
        decided_on: tuple[str, ...] = DECIDED_ON,
    ) -> Written:
        """Decide and append once: refused by ConditionFailed if somebody's permissions have changed in between."""
        _, known = self._parts.policy(self._caller)
        unchanged = Condition(after=known, types=decided_on, tenant_id=self._caller.tenant_id)
        decided = decide()
        self._refuse_erased(decided)
        idempotency = _idempotency(idempotency_key, self._caller, request)
        appended = self._parts.application.record(
            *decided, origin=origin(self._caller), condition=unchanged, idempotency=idempotency
        )
        if appended is None:
            head = self._parts.log.head()
            return Written(position=head, memory_ids=_memory_ids(decided))
        self._parts.written(appended, rules=any(not isinstance(each, Memory) for each in decided))
        return (
            self._answer(appended)
            if appended.replayed
            else Written(position=appended.last, memory_ids=_memory_ids(decided))
        )

    def _refuse_erased(self, decided: Sequence[Pending]) -> None:
        """Nothing begins to be stored about an erased data subject, and nothing of it is held. Raises SubjectErased."""
        touched = {
            subject_id
            for each in decided
            if any(isinstance(event, Memory.Generated | Memory.Frozen) for event in each.pending_events)
            for subject_id in each.subject_ids
        }
        if touched and (gone := self._parts.erasures.erased_subjects(sorted(touched))):
            raise SubjectErased(subject_id=gone[0])

    def _replay(self, idempotency_key: UUID | None, request: Any) -> Written | None:
        """The answer to an earlier request with this key, whose decision must not be taken a second time."""
        idempotency = _idempotency(idempotency_key, self._caller, request)
        if idempotency is None:
            return None
        appended = self._parts.log.earlier(self._caller.tenant_id, idempotency)
        return None if appended is None else self._answer(appended)

    def _answer(self, appended: Appended) -> Written:
        events = self._parts.log.at(range(appended.first, appended.last + 1))
        ids = dict.fromkeys(event.memory_id for event in events.values() if event.memory_id is not None)
        return Written(position=appended.last, memory_ids=tuple(ids), replayed=True)

    def load(self, memory_id: UUID, action: Action) -> tuple[Memory, CubeRow]:
        """The memory from its own events. Raises MemoryNotFound for one that this caller may not touch."""
        try:
            memory = self._parts.application.load(Memory, memory_id)
        except NotFound:
            raise MemoryNotFound(memory_id=memory_id) from None
        self._parts.wait_for_rules()
        cube = self._parts.directory.cube(self._caller.tenant_id, memory.cube_id) if memory.cube_id else None
        if cube is None or not self._may(Action.READ, memory, cube):
            raise MemoryNotFound(memory_id=memory_id)
        if not self._may(action, memory, cube):
            raise Denied(action=f"{action} this memory")
        return memory, cube

    def _may(self, action: Action, memory: Memory, cube: CubeRow) -> bool:
        policy, _ = self._parts.policy(self._caller)
        label = CubeLabel(cube.tenant_id, cube.owner_id)
        now = self._parts.clock.now()
        code = policy.decide(self._caller, action, label_of(memory), label, cube.cube_id, now)
        return code is Code.ALLOWED


def _memory_ids(decided: Sequence[Pending]) -> tuple[UUID, ...]:
    return tuple(each.id for each in decided if isinstance(each, Memory))


def label_of(memory: Memory) -> MemoryLabel:
    governance = memory.governance
    return MemoryLabel(
        tenant_id=memory.tenant_id,
        owner_id=governance.owner_id,
        state=memory.state,
        visibility=governance.visibility,
        session_id=governance.session_id,
        access_control=governance.access_control,
        sensitivity=governance.sensitivity,
        purposes=governance.purposes,
        memory_id=memory.id,
    )


def _idempotency(key: UUID | None, caller: Caller, request: Any) -> IdempotencyKey | None:
    """The digest covers who asks and all that is asked, so that a key can stand for one request only."""
    if key is None:
        return None
    try:
        content = orjson.dumps((caller.principal_id, request), default=_plain, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise InvalidText(field="The request", reason=str(error)) from None
    return IdempotencyKey(key, hashlib.sha256(content).digest())


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Description):
        return value.to_json()
    raise TypeError(type(value).__name__)
