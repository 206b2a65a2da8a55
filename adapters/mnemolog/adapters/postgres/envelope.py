"""The canonical bytes of an event, and the hashes that bind it.

    envelope = fixed fields, then event type, payload and sealed part, each after its length
               one of the fixed fields says which of the optional ids are there, the others being zero
    leaf     = sha256(0x00 || envelope)                                        RFC 6962, section 2.1
    chain    = sha256(previous chain || first position || recorded_at || leaves of the append)

All integers are big-endian; moments are microseconds since 1970. The position and `recorded_at` are given under the
append lock, after the leaf is made, so the chain binds them. docs/reference/log.md describes it for other verifiers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from struct import Struct
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from mnemolog.domain.log import Origin

NIL = UUID(int=0)
ABSENT = 0xFFFFFFFF
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED = Struct(">16sqh16sqB16s16s16s16s16s16s").pack
_LENGTH = Struct(">I").pack
_NO_ID = b"\x00" * 16


@dataclass(frozen=True)
class ContentKey:
    """The key of one stream's personal content, wrapped under the key of each of `subject_ids` in turn."""

    key_id: UUID
    subject_ids: tuple[UUID, ...]
    wrapped: bytes


@dataclass(frozen=True)
class LogRow:
    """The columns of an event besides those that the eventsourcing library knows."""

    schema_version: int = 1
    tenant_id: UUID = NIL
    cube_id: UUID | None = None
    memory_id: UUID | None = None
    origin: Origin = Origin()
    occurred_at: datetime | None = None
    recorded_at: datetime | None = None
    sealed: bytes | None = None
    key_id: UUID | None = None
    content_key: ContentKey | None = None


@dataclass(frozen=True)
class LogEvent(StoredEvent):
    """A stored event with its row; `state` is the clear payload, which is JSON."""

    row: LogRow = LogRow()

    def with_origin(self, origin: Origin) -> LogEvent:
        return replace(self, row=replace(self.row, origin=origin))


@dataclass(frozen=True)
class LogNotification(Notification):
    row: LogRow = LogRow()


def microseconds(moment: datetime) -> int:
    delta = moment - EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def leaf(event: LogEvent, payload: bytes | None, sealed: bytes | None, occurred_us: int) -> bytes:
    """32 bytes that change when anything about the event does, except its place in the log."""
    row = event.row
    origin = row.origin
    stream = event.originator_id
    return hashlib.sha256(
        b"\x00"
        + _FIXED(
            stream.bytes if isinstance(stream, UUID) else UUID(stream).bytes,
            event.originator_version,
            row.schema_version,
            row.tenant_id.bytes,
            occurred_us,
            _present(row),
            row.cube_id.bytes if row.cube_id else _NO_ID,
            row.memory_id.bytes if row.memory_id else _NO_ID,
            origin.actor_id.bytes if origin.actor_id else _NO_ID,
            origin.on_behalf_of.bytes if origin.on_behalf_of else _NO_ID,
            origin.request_id.bytes if origin.request_id else _NO_ID,
            row.key_id.bytes if row.key_id else _NO_ID,
        )
        + _prefixed(event.topic.encode())
        + _prefixed(payload)
        + _prefixed(sealed)
    ).digest()


def chain(previous: bytes, first_position: int, recorded_at: datetime, leaves: Sequence[bytes]) -> bytes:
    place = Struct(">qq").pack(first_position, microseconds(recorded_at))
    return hashlib.sha256(previous + place + b"".join(leaves)).digest()


def _present(row: LogRow) -> int:
    """Bits for cube, memory, actor, on behalf of, request and key, from the lowest; nil is not the same as none."""
    origin = row.origin
    return (
        (row.cube_id is not None)
        | (row.memory_id is not None) << 1
        | (origin.actor_id is not None) << 2
        | (origin.on_behalf_of is not None) << 3
        | (origin.request_id is not None) << 4
        | (row.key_id is not None) << 5
    )


def _prefixed(part: bytes | None) -> bytes:
    return _LENGTH(ABSENT) if part is None else _LENGTH(len(part)) + part
