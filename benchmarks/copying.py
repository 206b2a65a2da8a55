"""The least that writing these rows can cost: a binary COPY whose bytes are packed by hand.

The table is the log's, with its columns, constraints and indexes. The writer computes a leaf for each row, because any
log that is to be verified has one, and knows the next position, because nobody else writes. It has none of the rest: no
lock, no version or idempotency check, no condition, no chain, no keys, no notification.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct
from uuid import UUID

import psycopg

from mnemolog.adapters.postgres.columns import POSTGRES_EPOCH_US
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.envelope import LogEvent, microseconds
from mnemolog.domain.log import Origin

TABLE = "CREATE TABLE public.copied (LIKE mnemolog.event INCLUDING ALL)"
COPY = """COPY public.copied (position, recorded_at, stream_id, version, event_type, schema_version, tenant_id, cube_id,
    memory_id, actor_id, on_behalf_of, request_id, occurred_at, payload, sealed, key_id, leaf, chain)
    FROM STDIN (FORMAT binary)"""
SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
LENGTH = Struct(">i").pack
PLACE = Struct(">hiqiq").pack
STREAM = Struct(">i16siqi").pack
TENANT = Struct(">ihi16s").pack
MOMENT = Struct(">iq").pack
LEAF = LENGTH(32)


class CopyWriter:
    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._position = 0
        connection.execute(TABLE)

    def write(self, events: Sequence[LogEvent], origin: Origin, recorded_us: int) -> None:
        caused = _id(origin.actor_id) + _id(origin.on_behalf_of) + _id(origin.request_id)
        recorded = recorded_us - POSTGRES_EPOCH_US
        parts = [SIGNATURE]
        for position, event in enumerate(events, self._position + 1):
            facts = _facts(event, caused)
            parts += (PLACE(18, 8, position, 8, recorded), facts, LEAF, sha256(facts).digest(), NULL)
        parts.append(END)
        with self._connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write(b"".join(parts))
        self._position += len(events)


def _facts(event: LogEvent, caused: bytes) -> bytes:
    """All columns but those of its place in the log; the leaf binds these very bytes."""
    row, stream = event.row, event.originator_id
    assert isinstance(stream, UUID)
    assert row.occurred_at is not None
    topic = event.topic.encode()
    return b"".join(
        (
            STREAM(16, stream.bytes, 8, event.originator_version, len(topic)),
            topic,
            TENANT(2, row.schema_version, 16, row.tenant_id.bytes),
            _id(row.cube_id),
            _id(row.memory_id),
            caused,
            MOMENT(8, microseconds(row.occurred_at) - POSTGRES_EPOCH_US),
            LENGTH(len(event.state)),
            event.state,
            NULL if row.sealed is None else LENGTH(len(row.sealed)) + row.sealed,
            _id(row.key_id),
        )
    )


def _id(value: UUID | None) -> bytes:
    return NULL if value is None else b"\x00\x00\x00\x10" + value.bytes
