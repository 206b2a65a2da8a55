"""The statements that make a session: the rows of one tenant up to one position, sealed and recent ones, as `event` and
a table for each kind of event, and the macros over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnemolog.adapters.analytics.cache import Held, defined, named, relations
from mnemolog.adapters.analytics.macros import statements as macros
from mnemolog.adapters.analytics.queries import Session
from mnemolog.adapters.analytics.schema import ENVELOPE, EVENT, Column, tables
from mnemolog.adapters.analytics.shredding import envelope_select, literal, table_select

if TYPE_CHECKING:
    import pyarrow as pa

ARRIVED = "arrived"  # the recent events, as they come from the log
# A file that took the place of the one that was looked at may hold more of the recent events, and must not hold less.
SEALED_UP_TO = "(SELECT coalesce(max(last), 0) FROM cache.sealed.mark)"


@dataclass(frozen=True, slots=True)
class Rows:
    """The events of a tenant up to `position`: those that `held` has, and of `recent` those after it."""

    held: Held | None
    recent: pa.Table
    position: int


def everything(rows: Rows) -> Session:
    """For an administrator: all rows, those of the cache where they are."""
    views = [f'CREATE VIEW main."{name}" AS {up_to(rows, name, columns)}' for name, columns in relations()]
    return Session([*begun(rows), *views, *macros()], {ARRIVED: rows.recent})


def begun(rows: Rows) -> Iterator[str]:
    """The cache is there as `cache`, and what is not in it in the tables of the schema `recent`."""
    sealed_up_to = "0"
    yield "CREATE SCHEMA recent"
    if rows.held is not None:
        sealed_up_to = SEALED_UP_TO
        yield f"ATTACH {literal(str(rows.held.path))} AS cache (READ_ONLY)"
        yield (
            "CREATE TABLE recent.checked AS SELECT CASE"
            f" WHEN {sealed_up_to} < {rows.held.reached} THEN error('the cache holds less than before') END AS held"
        )
    for name, columns in relations():
        yield f'CREATE TABLE recent."{name}" ({defined(columns)})'
    yield f'CREATE TABLE recent.source AS SELECT * FROM {ARRIVED} WHERE "position" > {sealed_up_to}'  # noqa: S608
    yield from _shredded(rows)
    yield "DROP TABLE recent.source"


def _shredded(rows: Rows) -> Iterator[str]:
    present = set(rows.recent.column("event_type").unique().to_pylist())
    yield _filled(EVENT, ENVELOPE, envelope_select("recent.source"))
    for name, table in tables().items():
        if present.intersection(table.event_types):
            yield _filled(name, table.columns, table_select(table, "recent.source"))


def _filled(name: str, columns: Sequence[Column], select: str) -> str:
    return f'INSERT INTO recent."{name}" SELECT {named(columns)} FROM ({select})'  # noqa: S608 - names of our own


def up_to(rows: Rows, name: str, columns: Sequence[Column]) -> str:
    """All rows of a table up to the position."""
    places = [f'recent."{name}"'] if rows.held is None else [f'cache.sealed."{name}"', f'recent."{name}"']
    bound = f'WHERE "position" <= {rows.position}'
    return " UNION ALL ".join(f"SELECT {named(columns)} FROM {place} {bound}" for place in places)  # noqa: S608
