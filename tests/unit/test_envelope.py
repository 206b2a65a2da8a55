from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters.postgres.envelope import NIL, LogEvent, LogRow, chain, leaf, microseconds
from mnemolog.domain.log import Origin

IDS = [UUID(int=n) for n in range(1, 9)]
WHEN = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
ROW = LogRow(
    schema_version=1,
    tenant_id=IDS[1],
    cube_id=IDS[2],
    memory_id=IDS[3],
    origin=Origin(IDS[4], IDS[5], IDS[6]),
    occurred_at=WHEN,
    key_id=IDS[7],
)
EVENT = LogEvent(IDS[0], 3, "memory.revised.v1", b"", ROW)
PARTS = {"payload": b'{"a": 1}', "sealed": b"\x00\xff", "occurred_us": microseconds(WHEN)}
OTHER = UUID(int=99)


def leaf_of(event: LogEvent = EVENT, **parts: Any) -> bytes:
    return leaf(event, **{**PARTS, **parts})


def with_row(**columns: Any) -> bytes:
    return leaf_of(replace(EVENT, row=replace(ROW, **columns)))


def with_origin(**columns: Any) -> bytes:
    return with_row(origin=replace(ROW.origin, **columns))


CHANGED = {
    "stream": leaf_of(replace(EVENT, originator_id=OTHER)),
    "version": leaf_of(replace(EVENT, originator_version=4)),
    "event type": leaf_of(replace(EVENT, topic="memory.revised.v2")),
    "schema version": with_row(schema_version=2),
    "tenant": with_row(tenant_id=OTHER),
    "cube": with_row(cube_id=OTHER),
    "memory": with_row(memory_id=OTHER),
    "actor": with_origin(actor_id=OTHER),
    "on behalf of": with_origin(on_behalf_of=OTHER),
    "request": with_origin(request_id=OTHER),
    "key": with_row(key_id=OTHER),
    "occurred at, by a microsecond": leaf_of(occurred_us=PARTS["occurred_us"] + 1),  # type: ignore[operator]
    "payload, by one bit": leaf_of(payload=b'{"a": 0}'),
    "payload, by white space": leaf_of(payload=b'{"a":1}'),
    "payload, none": leaf_of(payload=None),
    "payload, empty": leaf_of(payload=b""),
    "sealed, by one bit": leaf_of(sealed=b"\x01\xff"),
    "sealed, none": leaf_of(sealed=None),
    "sealed, empty": leaf_of(sealed=b""),
    "no cube": with_row(cube_id=None),
    "nil for a cube": with_row(cube_id=NIL),
    "no memory": with_row(memory_id=None),
    "nil for a memory": with_row(memory_id=NIL),
    "no actor": with_origin(actor_id=None),
    "nil for an actor": with_origin(actor_id=NIL),
    "on behalf of none": with_origin(on_behalf_of=None),
    "on behalf of nil": with_origin(on_behalf_of=NIL),
    "no request": with_origin(request_id=None),
    "nil for a request": with_origin(request_id=NIL),
    "no key": with_row(key_id=None),
    "nil for a key": with_row(key_id=NIL),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED.keys())
def test_the_leaf_changes_with_every_field(changed: bytes) -> None:
    assert changed != leaf_of()
    assert sum(changed == other for other in CHANGED.values()) == 1


def test_the_leaf_is_that_of_rfc_6962_over_the_documented_bytes() -> None:
    fields = (
        IDS[0].bytes
        + (3).to_bytes(8)
        + (1).to_bytes(2)
        + IDS[1].bytes
        + microseconds(WHEN).to_bytes(8)
        + bytes([0b111111])
    )
    ids = b"".join(each.bytes for each in IDS[2:])
    parts = b"".join(len(part).to_bytes(4) + part for part in (b"memory.revised.v1", b'{"a": 1}', b"\x00\xff"))
    assert leaf_of() == hashlib.sha256(b"\x00" + fields + ids + parts).digest()


def test_an_absent_part_is_written_as_a_length_that_no_part_has() -> None:
    assert leaf_of(payload=None, sealed=b"\xff" * 4) != leaf_of(payload=b"\xff" * 4, sealed=None)


def test_the_link_binds_what_came_before_the_place_the_moment_and_every_leaf_in_order() -> None:
    a, b = hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()
    links = [
        chain(b"", 1, WHEN, [a, b]),
        chain(a, 1, WHEN, [a, b]),
        chain(b"", 2, WHEN, [a, b]),
        chain(b"", 1, WHEN + timedelta(microseconds=1), [a, b]),
        chain(b"", 1, WHEN, [b, a]),
        chain(b"", 1, WHEN, [a]),
    ]
    assert len(set(links)) == len(links)


moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31))  # noqa: DTZ001 - the zones come below
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, zones, zones)
def test_a_moment_has_the_same_microseconds_in_every_time_zone(
    moment: datetime, one: timezone, other: timezone
) -> None:
    aware = moment.replace(tzinfo=one)
    assert microseconds(aware) == microseconds(aware.astimezone(other))
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(aware)) == aware
