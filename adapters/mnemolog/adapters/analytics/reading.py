"""Rows of the log as Arrow: the bytes of a binary COPY become columns without passing through Python objects.

The driver gives a `uuid` as Arrow's own UUID, a `timestamptz` as microseconds in UTC, and a `json` as the text that was
written. DuckDB takes these for UUID, TIMESTAMPTZ and JSON, so nothing is converted on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow
from psycopg.conninfo import make_conninfo

from mnemolog.adapters.analytics.schema import ENVELOPE
from mnemolog.adapters.postgres.connection import APP_ROLE, REQUEST_ROLE
from mnemolog.domain.refusals import StoreUnreachable

ROWS = "SELECT {columns} FROM mnemolog.event WHERE position > {after} AND position <= {upto} ORDER BY position"
SET_ROLE = "SET ROLE {role}"
FENCE = "SELECT set_config('role', $1, true), set_config('mnemolog.tenant', $2, true)"


def read_events(dsn: str, after: int, upto: int, tenant_id: UUID | None = None) -> pyarrow.Table:
    """The events of after < position <= upto, in order, with the columns of `schema.ENVELOPE`. Raises StoreUnreachable.

    With a `tenant_id`, those of other tenants are not there: the database shows none. What is sealed is never read.
    """
    columns = ", ".join(column.name for column in ENVELOPE)
    with _connected(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(SET_ROLE.format(role=APP_ROLE))
        if tenant_id is not None:  # for this transaction, which is the only one
            cursor.execute(FENCE, (REQUEST_ROLE, str(tenant_id)))
        cursor.execute(ROWS.format(columns=columns, after=int(after), upto=int(upto)))
        return cursor.fetch_arrow_table()


@contextmanager
def _connected(dsn: str) -> Iterator[adbc.Connection]:
    try:
        with adbc.connect(_conninfo(dsn)) as connection:
            yield connection
    except (adbc.OperationalError, adbc.InterfaceError) as error:
        reason = str(error).strip().splitlines()[0].removeprefix("IO: ").removeprefix("[libpq] ")
        raise StoreUnreachable(reason=reason) from error


def _conninfo(dsn: str) -> str:
    """Never empty, which the driver would refuse, although libpq takes all from the environment then."""
    try:
        return make_conninfo(dsn, connect_timeout=10, application_name="mnemolog-analytics")
    except psycopg.ProgrammingError:  # its message would repeat the string, and so a password in it
        raise StoreUnreachable(reason="the connection string cannot be read") from None
