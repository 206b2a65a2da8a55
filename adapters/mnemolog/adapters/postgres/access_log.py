"""Writes who was told what into streams that nobody loads: one for each data subject and day of a process.

The keys of these streams are held here, so that a record costs no question to the database. Once the key of a data
subject is destroyed, what is still sealed for it opens nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import count
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from mnemolog.adapters.postgres.append import AppendRequest
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.mapper import LogMapper, NewKeys
from mnemolog.domain.access import Access
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Origin
from mnemolog.domain.refusals import SubjectErased

MOST_STREAMS = 4096  # whose keys are held


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact that is not in the log yet."""

    kind: type[Access.Event]
    tenant_id: UUID
    subject_id: UUID
    origin: Origin
    at: datetime
    facts: Mapping[str, Any]


class Stream:
    def __init__(self) -> None:
        self.id = new_id()
        self.versions = count(1)


class AccessLog:
    """Of one process. Not thread-safe."""

    def __init__(self, application: LogApplication) -> None:
        self.process_id = new_id()
        self._mapper = cast(LogMapper, application.mapper)
        self._coalescer = application.log_recorder.coalescer
        self._streams: dict[tuple[UUID, UUID, date], Stream] = {}
        self._keys: NewKeys = {}

    def sealed(self, entries: Sequence[Entry]) -> list[LogEvent]:
        """As events that are appended together, in this order."""
        if len(self._streams) > MOST_STREAMS:
            self._streams, self._keys = {}, {}
        try:
            return [self._sealed(entry) for entry in entries]
        except BaseException:  # the first event of a stream brings its key, and may be among those that are lost here
            self._streams, self._keys = {}, {}
            raise

    def marker(self, kind: type[Access.Event], tenant_id: UUID, stream_id: UUID, version: int = 1) -> LogEvent:
        """That this process begins to record in a tenant, or has recorded all, on a stream of its own."""
        return self._event(kind, tenant_id, stream_id, version, datetime.now(UTC), {"subject_ids": ()})

    def gap(self, process_id: UUID, tenant_id: UUID, stream_id: UUID, version: int, after: int) -> LogEvent:
        facts = {"subject_ids": (), "process_id": process_id, "after": after}
        return self._event(Access.GapDeclared, tenant_id, stream_id, version, datetime.now(UTC), facts)

    def append(self, events: Sequence[LogEvent]) -> bool:
        """False when these versions are there already. Raises StoreUnreachable.

        Nobody else writes these streams, so records that are there already are those of an earlier attempt, whose
        answer was lost.
        """
        try:
            self._coalescer.append(AppendRequest(events))
        except IntegrityError:
            return False
        return True

    def _sealed(self, entry: Entry) -> LogEvent:
        stream = self._streams.setdefault((entry.tenant_id, entry.subject_id, entry.at.date()), Stream())
        facts = {"subject_ids": (entry.subject_id,), **entry.facts}
        place = entry.kind, entry.tenant_id, stream.id, next(stream.versions), entry.at
        try:
            event = self._event(*place, facts)
        except SubjectErased:  # who asked and what was told goes on record all the same; what was asked does not
            self._keys[stream.id] = self._mapper.keyring.lost_key(stream.id, (entry.subject_id,))
            event = self._event(*place, facts)
        return replace(event, row=replace(event.row, origin=entry.origin))

    def _event(
        self,
        kind: type[Access.Event],
        tenant_id: UUID,
        stream_id: UUID,
        version: int,
        at: datetime,
        facts: Mapping[str, Any],
    ) -> LogEvent:
        said: dict[str, Any] = {
            "originator_id": stream_id,
            "originator_version": version,
            "timestamp": at,
            "tenant_id": tenant_id,
            "cube_id": None,  # waking a cube reads the events of that cube, and must not pass over all who asked it
            "process_id": self.process_id,
        }
        return self._mapper.to_stored_event(kind(**(said | dict(facts))), self._keys)
