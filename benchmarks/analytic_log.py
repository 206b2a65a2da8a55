"""Puts made-up events into the log with COPY, past the append function: leaves and chain are true."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from uuid import UUID

import orjson
import psycopg

from benchmarks.analytic_events import Row
from mnemolog.adapters.postgres.connection import Row as Found
from mnemolog.adapters.postgres.envelope import chain, id_bytes, microseconds, packed_leaf

COPY = """COPY mnemolog.event (position, stream_id, version, event_type, schema_version, tenant_id, cube_id, memory_id,
    actor_id, on_behalf_of, request_id, occurred_at, recorded_at, payload, sealed, key_id, leaf, chain) FROM STDIN"""
NULL = "\\N"
CHUNK = 2_000  # rows


def fill(connection: psycopg.Connection[Found], tenant_id: UUID, rows: Iterable[Row]) -> None:
    """Into an empty log. What was recorded in the same moment is one append."""
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        waiting: list[str] = []
        for line in _lines(tenant_id, rows):
            waiting.append(line)
            if len(waiting) == CHUNK:
                copy.write("".join(waiting))
                waiting.clear()
        copy.write("".join(waiting))


def _lines(tenant_id: UUID, rows: Iterable[Row]) -> Iterator[str]:
    position, link, noise = 1, b"", random.Random(0)
    for moment, append in groupby(rows, lambda row: row.recorded_at):
        written = [_written(tenant_id, row, noise) for row in append]
        leaves = [leaf for leaf, _ in written]
        link = chain(link, position, moment, leaves)
        for number, (leaf, facts) in enumerate(written):
            end = f"\\\\x{link.hex()}" if number == len(written) - 1 else NULL
            yield f"{position}\t{facts}\t\\\\x{leaf.hex()}\t{end}\n"
            position += 1


def _written(tenant_id: UUID, row: Row, noise: random.Random) -> tuple[bytes, str]:
    """The leaf of an event, and its columns from the stream to the key, as COPY reads them."""
    payload = orjson.dumps(row.payload)
    sealed = None if row.sealed is None else noise.randbytes(row.sealed)
    key = None if sealed is None else row.stream_id
    ids = (row.cube_id, row.memory_id, row.actor_id, row.on_behalf_of)
    leaf = packed_leaf(
        row.stream_id.bytes,
        row.version,
        1,
        tenant_id.bytes,
        microseconds(row.occurred_at),
        id_bytes(row.cube_id),
        id_bytes(row.memory_id),
        id_bytes(row.actor_id),
        id_bytes(row.on_behalf_of),
        None,
        id_bytes(key),
        row.event_type,
        payload,
        sealed,
    )
    columns: Sequence[object] = (row.stream_id, row.version, row.event_type, 1, tenant_id, *ids, None)
    moments = (row.occurred_at.isoformat(), row.recorded_at.isoformat())
    text = payload.decode().replace("\\", "\\\\")
    body = (text, None if sealed is None else f"\\\\x{sealed.hex()}", key)
    return leaf, "\t".join(NULL if each is None else str(each) for each in (*columns, *moments, *body))
