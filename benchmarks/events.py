"""Events as a busy store records them: memories of a few hundred bytes, sealed, five events to a life."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from eventsourcing.domain import CanMutateAggregate
from eventsourcing.persistence import StoredEvent

from mnemolog.adapters.keyring import Keyring
from mnemolog.adapters.postgres.envelope import ContentKey, LogEvent
from mnemolog.adapters.postgres.mapper import LogMapper, OrjsonTranscoder
from mnemolog.domain.aggregate import Root
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description, Governance

Item = TypeVar("Item")
KEY_ENCRYPTION_KEY = bytes(range(32))
TENANT, CUBE, SUBJECT, OWNER, WITNESS = (UUID(int=n) for n in range(1, 6))
WORDS = (
    *("agent", "user", "prefers", "coffee", "meeting", "tuesday", "paris", "recipe", "project", "deadline", "graph"),
    *("vector", "cache", "memory", "archive", "merge", "frozen", "context", "session", "knowledge", "alpha", "beta"),
    *("gamma", "delta", "用户", "记忆", "偏好"),
)


class HeldKeys:
    """Wrapped keys that have not reached a database: what a mapper needs to seal a life before it is appended."""

    def __init__(self) -> None:
        self.content: dict[UUID, ContentKey] = {}
        self.subjects: dict[UUID, bytes] = {}

    def content_keys(self, key_ids: Sequence[UUID]) -> Mapping[UUID, ContentKey]:
        return {key_id: self.content[key_id] for key_id in key_ids if key_id in self.content}

    def subject_keys(self, subject_ids: Sequence[UUID]) -> Mapping[UUID, bytes]:
        return {subject: self.subjects[subject] for subject in subject_ids if subject in self.subjects}

    def add_subject_key(self, tenant_id: UUID, subject_id: UUID, wrapped: bytes) -> bytes:
        return self.subjects.setdefault(subject_id, wrapped)


class Sealer:
    """Domain events to log events, as the application does it."""

    def __init__(self) -> None:
        self.keys = HeldKeys()
        self._mapper = LogMapper(OrjsonTranscoder())
        self._mapper.keyring = Keyring(KEY_ENCRYPTION_KEY, self.keys)

    def log_events(self, changed: Iterable[Root]) -> list[LogEvent]:
        return [self._log_event(event) for aggregate in changed for event in aggregate.collect_events()]

    def _log_event(self, event: CanMutateAggregate[UUID]) -> LogEvent:
        stored = self._mapper.to_stored_event(event)
        if stored.row.content_key is not None:
            self.keys.content[stored.row.content_key.key_id] = stored.row.content_key
        return stored


class Lives:
    """The same lives for the same seed, but for their ids and moments."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def memories(self, n: int) -> list[Memory]:
        return [self._life() for _ in range(n)]

    def born(self) -> Memory:
        return Memory.generate(
            tenant_id=TENANT,
            cube_id=CUBE,
            subject_ids=(SUBJECT,),
            text=self._text(),
            governance=Governance(owner_id=OWNER, purposes=("assistance",), session_id=UUID(int=6)),
            occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
            description=Description(key=self._random.choice(WORDS), tags=tuple(self._random.sample(WORDS, 3))),
        )

    def _life(self) -> Memory:
        now = datetime(2026, 1, 2, tzinfo=UTC)
        memory = self.born()
        memory.activate(gate="owner")
        memory.revise(now, text=self._text())
        memory.corroborate(WITNESS)
        memory.revise(now, text=self._text())
        return memory

    def _text(self) -> str:
        return " ".join(self._random.choices(WORDS, k=42))


def log_events(n: int, seed: int = 0) -> list[LogEvent]:
    """`n` events of new memories, sealed and ready to append."""
    return Sealer().log_events(Lives(seed).memories(-(-n // 5)))[:n]


def plain_events(events: Iterable[LogEvent]) -> list[StoredEvent]:
    """The same bytes for the library's own recorder, which knows one body and no other column."""
    return [
        StoredEvent(e.originator_id, e.originator_version, e.topic, e.state + (e.row.sealed or b"")) for e in events
    ]


def batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
