"""Rows to columns: the binary arrays that the append function takes.

psycopg would look up a dumper for every element, and an array of composites would go as text, which costs six times the
CPU. The format is that of `array_send` in the Postgres source: dimensions, null flag, element type, length and lower
bound, then each element after its length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import TypeVar

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct(">iiIii").pack
_LENGTH = Struct(">i").pack
_INT2, _INT4, _INT8 = (Struct(code).pack for code in (">ih", ">ii", ">iq"))
_NULL = _LENGTH(-1)
_SIXTEEN = _LENGTH(16)
# Postgres counts its microseconds from 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000
Value = TypeVar("Value", int, str)


class Column:
    """One array parameter, ready for the wire."""

    __slots__ = ("data", "oid")

    def __init__(self, oid: int, element_oid: int, elements: Sequence[bytes]) -> None:
        self.oid = oid
        has_null = int(_NULL in elements)
        dimensions = 1 if elements else 0
        header = _HEADER(dimensions, has_null, element_oid, len(elements), 1)
        self.data = header[: 12 + 8 * dimensions] + b"".join(elements)


class ColumnDumper(Dumper):
    """psycopg asks a dumper for its type per class, so each array type has a subclass of its own."""

    format = Format.BINARY

    def dump(self, obj: Column) -> Buffer:
        return obj.data


def uuids(values: Sequence[bytes | None]) -> Column:
    """UUIDs given as their 16 bytes."""
    return UuidColumn(2951, 2950, [_NULL if v is None else _SIXTEEN + v for v in values])


def texts(values: Sequence[str]) -> Column:
    return TextColumn(1009, 25, _each_once(values, _text))


def blobs(values: Sequence[bytes | None]) -> Column:
    return BytesColumn(1001, 17, [_NULL if v is None else _LENGTH(len(v)) + v for v in values])


def smallints(values: Sequence[int]) -> Column:
    return SmallintColumn(1005, 21, _each_once(values, lambda v: _INT2(2, v)))


def integers(values: Sequence[int]) -> Column:
    return IntegerColumn(1007, 23, _each_once(values, lambda v: _INT4(4, v)))


def bigints(values: Sequence[int]) -> Column:
    return BigintColumn(1016, 20, _each_once(values, lambda v: _INT8(8, v)))


def moments(microseconds: Sequence[int]) -> Column:
    """Moments given as microseconds since 1970."""
    return MomentColumn(1185, 1184, [_INT8(8, v - POSTGRES_EPOCH_US) for v in microseconds])


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def _each_once(values: Sequence[Value], pack: Callable[[Value], bytes]) -> list[bytes]:
    """A few values fill all of such a column."""
    packed = {value: pack(value) for value in set(values)}
    return [packed[value] for value in values]


class UuidColumn(Column): ...


class TextColumn(Column): ...


class BytesColumn(Column): ...


class SmallintColumn(Column): ...


class IntegerColumn(Column): ...


class BigintColumn(Column): ...


class MomentColumn(Column): ...


_OIDS: dict[type[Column], int] = {
    UuidColumn: 2951,
    TextColumn: 1009,
    BytesColumn: 1001,
    SmallintColumn: 1005,
    IntegerColumn: 1007,
    BigintColumn: 1016,
    MomentColumn: 1185,
}


def register(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Teach `connection` to send columns."""
    for column, oid in _OIDS.items():
        dumper = type(f"{column.__name__}Dumper", (ColumnDumper,), {"oid": oid})
        connection.adapters.register_dumper(column, dumper)
