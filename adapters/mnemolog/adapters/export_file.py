"""The log in a file, every event as it is stored, for verifiers that have nothing else: one JSON document in each line.

    header   {"format", "origin", "first", "last", "chain", "peaks"}
    event    {"position", "stream_id", ..., "payload", "sealed", "leaf", "chain"}

`payload` is the JSON text as a string, so that its bytes survive; other bytes are base64. An export that does not begin
with the first event brings the chain and the peaks of the tree before it, which the checkpoint binds like the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.verify import ChainWalk, Verified
from mnemolog.domain.checkpoints import Witness
from mnemolog.domain.merkle import Frontier
from mnemolog.domain.note import Checkpoint, from_base64, to_base64
from mnemolog.domain.refusals import Invalid, MalformedNote, VerificationFailed

FORMAT = "mnemolog-export/1"
# In the order of the columns of the query `hashes`.
FIELDS = (
    *("position", "stream_id", "version", "event_type", "schema_version", "tenant_id", "cube_id", "memory_id"),
    *("actor_id", "on_behalf_of", "request_id", "occurred_at", "recorded_at", "payload", "sealed", "key_id"),
    *("leaf", "chain"),
)
IDS = frozenset({"stream_id", "tenant_id", "cube_id", "memory_id", "actor_id", "on_behalf_of", "request_id", "key_id"})
MOMENTS = frozenset({"occurred_at", "recorded_at"})
BLOBS = frozenset({"sealed", "leaf", "chain"})
BITS = {"position": 64, "version": 64, "schema_version": 16}
TOLD_EVERY = 2000


def header_line(origin: str, last: int, link: bytes, frontier: Frontier) -> bytes:
    header = {
        "format": FORMAT,
        "origin": origin,
        "first": frontier.size + 1,
        "last": last,
        "chain": to_base64(link),
        "peaks": [to_base64(peak) for peak in frontier.peaks],
    }
    return orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE)


def event_line(row: Row) -> bytes:
    """Of a row of the query `hashes`."""
    return orjson.dumps(dict(zip(FIELDS, row, strict=True)), default=to_base64, option=orjson.OPT_APPEND_NEWLINE)


def verify_export(
    lines: Iterable[bytes], checkpoints: Sequence[Checkpoint], progress: Callable[[int], None] = lambda position: None
) -> Verified:
    """Needs no store. `checkpoints` are those whose signatures somebody has verified; one at least must be about this.

    Raises VerificationFailed with the first position that is not as it was when a checkpoint was signed; MalformedNote.
    """
    rest = iter(lines)
    origin, last, walk, witness = _header(next(rest, b""), checkpoints)
    before = walk.position
    for checkpoint in checkpoints:
        if checkpoint.origin != origin:
            raise VerificationFailed(
                position=1, reason=f"this is an export of {origin!r}, not of {checkpoint.origin!r}"
            )
    for line in rest:
        row = _row(line, walk.position + 1)
        walk.step(row)
        witness.step(row[16], row[17])
        if walk.position % TOLD_EVERY == 0:
            progress(walk.position)
    witness.end()
    verified = walk.end(last)
    if witness.bound == before:
        raise VerificationFailed(position=before + 1, reason="no checkpoint binds an event of this export")
    return Verified(verified.position, verified.events, verified.chain, witness.agreed, witness.bound)


def _header(line: bytes, checkpoints: Sequence[Checkpoint]) -> tuple[str, int, ChainWalk, Witness]:
    try:
        header = orjson.loads(line)
        size, link = int(header["first"]) - 1, from_base64(header["chain"])
        frontier = Frontier(size, [from_base64(peak) for peak in header["peaks"]])
        if header["format"] != FORMAT:
            raise VerificationFailed(position=1, reason=f"the file is not of the format {FORMAT}")
        origin, last = str(header["origin"]), int(header["last"])
    except (ValueError, TypeError, LookupError, Invalid, MalformedNote):
        raise VerificationFailed(position=1, reason="the file does not begin as an export does") from None
    return origin, last, ChainWalk(size, link), Witness(checkpoints, frontier, link)


def _row(line: bytes, position: int) -> Row:
    try:
        event = orjson.loads(line)
        if event.keys() != set(FIELDS) or event["position"] is None:
            raise ValueError
        return tuple(stored_value(name, event[name]) for name in FIELDS)
    except (ValueError, TypeError, AttributeError, OverflowError, MalformedNote):
        raise VerificationFailed(position=position, reason="the line is not an event of an export") from None


def stored_value(name: str, value: Any) -> Any:
    """As Postgres has it. Raises ValueError, TypeError, MalformedNote."""
    if value is None:
        return None
    if name in BITS:
        if type(value) is not int or value.bit_length() >= BITS[name]:
            raise ValueError
        return value
    if name in IDS:
        return UUID(value)
    if name in MOMENTS:
        return datetime.fromisoformat(value).astimezone(UTC)
    return from_base64(value) if name in BLOBS else value.encode().decode()
