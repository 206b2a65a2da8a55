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
from dataclasses import dataclass
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
_ABSENT = _LENGTH(ABSENT)
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


@dataclass(frozen=True)
class LogNotification(Notification):
    row: LogRow = LogRow()


def microseconds(moment: datetime) -> int:
    delta = moment - EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def leaf(event: LogEvent, payload: bytes | None, sealed: bytes | None, occurred_us: int) -> bytes:
    """32 bytes that change when anything about the event does, except its place in the log."""
    row, origin, stream = event.row, event.row.origin, event.originator_id
    return packed_leaf(
        stream.bytes if isinstance(stream, UUID) else UUID(stream).bytes,
        event.originator_version,
        row.schema_version,
        row.tenant_id.bytes,
        occurred_us,
        id_bytes(row.cube_id),
        id_bytes(row.memory_id),
        id_bytes(origin.actor_id),
        id_bytes(origin.on_behalf_of),
        id_bytes(origin.request_id),
        id_bytes(row.key_id),
        event.topic,
        payload,
        sealed,
    )


def packed_leaf(
    stream: bytes,
    version: int,
    schema_version: int,
    tenant: bytes,
    occurred_us: int,
    cube: bytes | None,
    memory: bytes | None,
    actor: bytes | None,
    on_behalf_of: bytes | None,
    request: bytes | None,
    key: bytes | None,
    event_type: str,
    payload: bytes | None,
    sealed: bytes | None,
) -> bytes:
    """The leaf of an event whose ids are bytes already."""
    present = (  # nil is not the same as none
        (cube is not None)
        | (memory is not None) << 1
        | (actor is not None) << 2
        | (on_behalf_of is not None) << 3
        | (request is not None) << 4
        | (key is not None) << 5
    )
    fixed = _FIXED(
        stream,
        version,
        schema_version,
        tenant,
        occurred_us,
        present,
        cube or _NO_ID,
        memory or _NO_ID,
        actor or _NO_ID,
        on_behalf_of or _NO_ID,
        request or _NO_ID,
        key or _NO_ID,
    )
    variable = _prefixed(event_type.encode()) + _prefixed(payload) + _prefixed(sealed)
    return hashlib.sha256(b"\x00" + fixed + variable).digest()


def id_bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


def chain(previous: bytes, first_position: int, recorded_at: datetime, leaves: Sequence[bytes]) -> bytes:
    place = Struct(">qq").pack(first_position, microseconds(recorded_at))
    return hashlib.sha256(previous + place + b"".join(leaves)).digest()


def _prefixed(part: bytes | None) -> bytes:
    return _ABSENT if part is None else _LENGTH(len(part)) + part
