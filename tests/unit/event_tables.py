"""The tables of analytics in a DuckDB of memory, filled from events as the log has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import duckdb
import orjson
import pyarrow as pa

from benchmarks.analytic_events import Row
from mnemolog.adapters.analytics.macros import statements
from mnemolog.adapters.analytics.schema import ENVELOPE, EVENT, tables
from mnemolog.adapters.analytics.shredding import table_select
from tests.factories import House

TENANT = House().tenant_id


def asked(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """A session with the tables and the macros, where row `i` has position `i + 1`."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = [_plain(row, position) for position, row in enumerate(rows, 1)]
    columns = [(column.name, pa.array([row.get(column.name) for row in found])) for column in ENVELOPE]
    connection.register("read", pa.table(dict(columns)))
    typed = ", ".join(f"{column.name}::{column.type} AS {column.name}" for column in ENVELOPE)
    connection.execute(f"CREATE TABLE {EVENT} AS SELECT {typed} FROM read ORDER BY position")
    connection.unregister("read")
    for name, table in tables().items():
        connection.execute(f"CREATE TABLE {name} AS {table_select(table, EVENT)}")
    for statement in statements():
        connection.execute(statement)
    return connection


def _plain(row: Row, position: int) -> dict[str, Any]:
    envelope = row._asdict() | {"position": position, "schema_version": 1, "tenant_id": TENANT}
    envelope["payload"] = orjson.dumps(row.payload).decode()
    return {name: str(value) if isinstance(value, UUID) else value for name, value in envelope.items()}
