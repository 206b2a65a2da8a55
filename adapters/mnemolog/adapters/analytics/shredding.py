"""From rows as the log has them to typed columns, in DuckDB's SQL.

`from_json` reads the facts that a table's columns name. One that the payload lacks is NULL, and so is one that is none
of its type: the payload stands beside it in `event`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import orjson

from mnemolog.adapters.analytics.schema import ENVELOPE, RENAMED, Column, Table

PATTERN = re.compile(r"[*?[]")
SAID_AS = {column: key for key, column in RENAMED.items()}
SELECT = "SELECT {columns} FROM {source} ORDER BY position"
SHREDDED = "(SELECT *, {facts} AS facts FROM {source} WHERE event_type IN ({types}))"


def envelope_select(source: str) -> str:
    """The rows of `event` from a relation with the columns of `reading.read_events`."""
    return SELECT.format(columns=_names(ENVELOPE), source=source)


def table_select(table: Table, source: str) -> str:
    """The rows of a typed table from the same relation."""
    return _shredded(table, table.columns, source)


def segment_select(table: Table, source: str) -> str:
    """The same rows with all that `event` has of them, too."""
    return _shredded(table, (*ENVELOPE, *table.facts), source)


def _shredded(table: Table, columns: Iterable[Column], source: str) -> str:
    facts = {column.name for column in table.facts}
    picked = (_fact(column) if column.name in facts else quoted(column.name) for column in columns)
    types = ", ".join(map(literal, table.event_types))
    read = f"from_json(payload, {literal(structure(table))})" if facts else "NULL"
    shredded = SHREDDED.format(facts=read, source=source, types=types)
    return SELECT.format(columns=", ".join(picked), source=shredded)


def structure(table: Table) -> str:
    """What `from_json` shall find, by the names that payloads use."""
    return orjson.dumps({SAID_AS.get(fact.name, fact.name): _json_type(fact.type) for fact in table.facts}).decode()


def only_file(path: Path) -> str:
    """What DuckDB's readers take for this file alone: `a[b]/c.parquet` would be that of the folder `ab` to them."""
    return PATTERN.sub(r"[\g<0>]", str(path))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json_type(type_name: str) -> str | list[str]:
    return [type_name[:-2]] if type_name.endswith("[]") else type_name


def _fact(column: Column) -> str:
    return f"facts.{quoted(SAID_AS.get(column.name, column.name))} AS {quoted(column.name)}"


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(quoted(column.name) for column in columns)
