"""The log as the rest of mnemolog sees it: immutable events in one total order, and the ports to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

LAST = 2**63 - 1  # no position is greater


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded event, opened and brought to its newest schema version.

    `position` is gapless and the order of commits. `occurred_at` is when it was true in the world, `recorded_at` when
    the store learned it; `recorded_at` never decreases along the log. `data` is JSON: UUIDs are hyphenated strings and
    moments ISO 8601 strings. It lacks its sealed part once `erased` is true.
    """

    position: int
    stream_id: UUID
    version: int
    type: str
    tenant_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    data: Mapping[str, Any]
    cube_id: UUID | None = None
    memory_id: UUID | None = None
    actor_id: UUID | None = None
    on_behalf_of: UUID | None = None
    request_id: UUID | None = None
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Who caused an append, from the credential and never from the request's body."""

    actor_id: UUID | None = None
    on_behalf_of: UUID | None = None
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A dynamic consistency boundary: no event that matches all of this may have a position greater than `after`."""

    after: int
    types: tuple[str, ...] = ()
    streams: tuple[UUID, ...] = ()
    tenant_id: UUID | None = None
    cube_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's name for a request, and the sha256 of what it asked for."""

    key: UUID
    request_sha256: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """The positions `first..last` of an append; `replayed` when an earlier request with the same key wrote them."""

    first: int
    last: int
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which events of the log to read. Empty means all."""

    tenant_id: UUID | None = None
    types: tuple[str, ...] = field(default=())
    cube_id: UUID | None = None
    memory_id: UUID | None = None

    def wants(self, event: Event) -> bool:
        return (
            (not self.types or event.type in self.types)
            and self.tenant_id in (None, event.tenant_id)
            and self.cube_id in (None, event.cube_id)
            and self.memory_id in (None, event.memory_id)
        )


class EventLog(Protocol):
    def head(self) -> int:
        """The last position, 0 when the log is empty."""
        ...

    def read(self, after: int, limit: int, selection: Selection = Selection(), upto: int = LAST) -> Sequence[Event]:
        """At most `limit` events of after < position <= upto, in order."""
        ...

    def at(self, positions: Sequence[int]) -> Mapping[int, Event]:
        """The events at these positions."""
        ...


class Wakeups(Protocol):
    def listen(self, after: int, timeout: float) -> int:
        """The head of the log, as soon as it is greater than `after`, or after `timeout` seconds whatever it is."""
        ...


class Clock(Protocol):
    def now(self) -> datetime: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def pages(
    log: EventLog, after: int, upto: int, size: int, selection: Selection = Selection()
) -> Iterator[Sequence[Event]]:
    """The selected events of `after < position <= upto`, a page at a time."""
    while after < upto:
        page = [event for event in log.read(after, size, selection) if event.position <= upto]
        if not page:
            return
        yield page
        after = page[-1].position
