"""The events of a dump: one line of JSON for each, which holds all that its leaf is made of and the proof of that leaf.

What a checkpoint does not bind for a single event, when it was recorded and the chain, is not in a line. The keys that
open the sealed parts are in a file of their own, one line each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mnemolog.adapters.export_file import FIELDS as EXPORTED
from mnemolog.adapters.export_file import stored_value
from mnemolog.adapters.keyring import open_sealed
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.mapper import associated_data
from mnemolog.adapters.postgres.verify import leaf_of
from mnemolog.domain import cube, memory
from mnemolog.domain.merkle import verify_inclusion
from mnemolog.domain.note import Checkpoint, from_base64, to_base64
from mnemolog.domain.refusals import BundleCorrupted, MalformedNote, ProofRejected, VerificationFailed
from mnemolog.domain.reliving import Heard
from mnemolog.domain.upcasts import upcast

EVENTS_FILE, KEYS_FILE = "events.ndjson", "keys.ndjson"
UNPROVEN = frozenset({"recorded_at", "chain"})
FIELDS = (*(name for name in EXPORTED if name not in UNPROVEN), "proof")
PLACES = {name: place for place, name in enumerate(EXPORTED)}
TYPES = {**cube.EVENTS, **memory.EVENTS}
KEY_BYTES = 32
MOST_HASHES = 64


def bundled_line(row: Row, proof: Sequence[bytes]) -> bytes:
    """Of a row of the query `hashes_of_cube`."""
    event = {name: row[PLACES[name]] for name in FIELDS[:-1]}
    return orjson.dumps(event | {"proof": proof}, default=to_base64, option=orjson.OPT_APPEND_NEWLINE)


def key_lines(keys: Mapping[UUID, bytes]) -> Iterable[bytes]:
    """By the ids of the keys, each of which is that of its stream."""
    for key_id in sorted(keys):
        line = {"key_id": key_id, "key": to_base64(keys[key_id])}
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def read_events(content: bytes, checkpoint: Checkpoint, tenant_id: UUID, cube_id: UUID, last: int) -> list[Row]:
    """Rows as `hashes_of_cube` has them, without what is unproven. Raises BundleCorrupted."""
    rows: list[Row] = []
    versions: dict[UUID, int] = {}
    for number, line in enumerate(_lines(EVENTS_FILE, content), 1):
        row, proof = _row(line, number)
        try:
            _check_place(row, rows[-1][0] if rows else 0, last, versions)
            _check_belonging(row, tenant_id, cube_id)
            if row[PLACES["leaf"]] != leaf_of(row):
                raise ValueError("the event is not the one that was written")
            verify_inclusion(row[PLACES["leaf"]], row[0] - 1, checkpoint.size, proof, checkpoint.root)
        except (ValueError, OverflowError, ProofRejected) as error:
            raise BundleCorrupted(file=EVENTS_FILE, reason=f"line {number}: {error}") from None
        rows.append(row)
    return rows


def read_keys(content: bytes, rows: Sequence[Row]) -> dict[UUID, bytes]:
    """All of them needed by one of these rows at least. Raises BundleCorrupted."""
    keys: dict[UUID, bytes] = {}
    for number, line in enumerate(_lines(KEYS_FILE, content), 1):
        try:
            said = orjson.loads(line)
            keys[UUID(said["key_id"])] = from_base64(said["key"])
        except (ValueError, TypeError, LookupError, AttributeError, MalformedNote):
            raise BundleCorrupted(file=KEYS_FILE, reason=f"line {number} is not a key") from None
    if b"".join(key_lines(keys)) != content or any(len(key) != KEY_BYTES for key in keys.values()):
        raise BundleCorrupted(file=KEYS_FILE, reason="the keys are not written as they are in a dump")
    if not keys.keys() <= {row[PLACES["key_id"]] for row in rows}:
        raise BundleCorrupted(file=KEYS_FILE, reason="it holds a key that opens nothing here")
    return keys


def opened(rows: Iterable[Row], keys: Mapping[UUID, bytes]) -> list[Heard]:
    """Those that can be read, all that they say, at the newest schema version. Raises BundleCorrupted."""
    ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
    return [heard for row in rows if (heard := _opened(row, ciphers)) is not None]


def _opened(row: Row, ciphers: Mapping[UUID, AESGCM]) -> Heard | None:
    position, stream_id, version, event_type, schema_version, tenant_id = row[:6]
    payload, sealed, key_id = (row[PLACES[name]] for name in ("payload", "sealed", "key_id"))
    try:
        data = orjson.loads(payload)
        if sealed is not None:
            if key_id not in ciphers:
                return None
            associated = associated_data(tenant_id, stream_id, version, event_type, schema_version)
            data |= orjson.loads(open_sealed(ciphers[key_id], sealed, associated, position))
        return Heard(position, stream_id, event_type, upcast(event_type, schema_version, data))
    except VerificationFailed as refusal:
        raise BundleCorrupted(file=KEYS_FILE, reason=str(refusal)) from None
    except (ValueError, TypeError, LookupError) as error:
        raise BundleCorrupted(file=EVENTS_FILE, reason=f"position {position}: {error}") from None


def _lines(file: str, content: bytes) -> list[bytes]:
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        raise BundleCorrupted(file=file, reason="it is cut off")
    return lines


def _row(line: bytes, number: int) -> tuple[Row, list[bytes]]:
    """Nothing but what `bundled_line` makes of it."""
    try:
        event = orjson.loads(line)
        if tuple(event) != FIELDS or len(event["proof"]) > MOST_HASHES:
            raise ValueError
        row: Row = tuple(_value(name, event.get(name)) for name in EXPORTED)
        proof = [from_base64(each) for each in event["proof"]]
        if bundled_line(row, proof) != line:
            raise ValueError
    except (ValueError, TypeError, AttributeError, OverflowError, MalformedNote):
        raise BundleCorrupted(file=EVENTS_FILE, reason=f"line {number} is not an event of a dump") from None
    return row, proof


def _value(name: str, value: Any) -> Any:
    if value is None and name in ("position", "stream_id", "version", "event_type", "schema_version", "occurred_at"):
        raise ValueError
    return stored_value(name, value)


def _check_place(row: Row, before: int, last: int, versions: dict[UUID, int]) -> None:
    position, stream_id, version = row[:3]
    if not before < position <= last:
        raise ValueError("it is not in its place")
    if version != versions.get(stream_id, 0) + 1:
        raise ValueError("the event of its stream before it is missing")
    versions[stream_id] = version


def _check_belonging(row: Row, tenant_id: UUID, cube_id: UUID) -> None:
    stream_id, event_type, memory_id = row[1], row[3], row[PLACES["memory_id"]]
    if (row[PLACES["tenant_id"]], row[PLACES["cube_id"]]) != (tenant_id, cube_id):
        raise ValueError("it is of another cube")
    if event_type not in TYPES or not 1 <= row[4] <= TYPES[event_type].SCHEMA_VERSION:
        raise ValueError(f"this release knows no {event_type!r} of version {row[4]}")
    of_cube = event_type in cube.EVENTS
    if of_cube != (stream_id == cube_id) or memory_id != (None if of_cube else stream_id):
        raise ValueError("it is of another stream")
    key_id = stream_id if TYPES[event_type].SEALED else None
    if row[PLACES["key_id"]] != key_id or (row[PLACES["sealed"]] is None) != (key_id is None):
        raise ValueError("its sealed part is not one of this stream")
