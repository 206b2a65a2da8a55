"""Connections: any libpq connection string, a role that cannot rewrite the log, refusals in place of driver errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from eventsourcing.postgres import PostgresDatastore
from psycopg.rows import dict_row, tuple_row

from mnemolog.adapters.postgres import columns
from mnemolog.domain.refusals import StoreUnreachable

APP_ROLE = "mnemolog_app"
REQUEST_ROLE = "mnemolog_request"
FENCE = "SELECT set_config('role', %s, true), set_config('mnemolog.tenant', %s, true)"
Row = tuple[Any, ...]


def connect(dsn: str, *, role: str | None = APP_ROLE, application_name: str = "mnemolog") -> psycopg.Connection[Row]:
    """An autocommit connection that has put off every right except the application's. Raises StoreUnreachable."""
    with unreachable_as_refusal():
        try:
            connection = psycopg.connect(dsn, autocommit=True, application_name=application_name, connect_timeout=10)
        except psycopg.ProgrammingError:  # its message would repeat the string, and so a password in it
            raise StoreUnreachable(reason="the connection string cannot be read") from None
        try:
            prepare(connection, role)
        except BaseException:
            connection.close()
            raise
    return connection


def prepare(connection: psycopg.Connection[Any], role: str | None = APP_ROLE) -> None:
    """UTC on every connection, so that moments mean the same to each; columns can be sent; the role is set."""
    connection.autocommit = True
    connection.execute("SET timezone TO 'UTC'")
    connection.execute("SET default_transaction_isolation TO 'read committed'")
    if role is not None:
        connection.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(role)))
    columns.register(connection)


@contextmanager
def unreachable_as_refusal() -> Iterator[None]:
    """A lost connection is a refusal with a code. Every other database error is a bug and stays what it is."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError) as error:
        raise StoreUnreachable(
            reason=str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        ) from error


def fetch(
    datastore: PostgresDatastore, statement: str, facts: dict[str, Any], *, tenant_id: UUID | None = None
) -> list[Row]:
    """All rows of a statement; none for one that returns none. Raises StoreUnreachable.

    With a `tenant_id` it may only read, and is shown no row of another tenant.
    """
    with (
        unreachable_as_refusal(),
        datastore.get_connection() as connection,
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        ask(cursor, statement, facts, tenant_id)
        return cursor.fetchall() if cursor.description is not None else []


def ask(cursor: psycopg.Cursor[Row], statement: str, facts: dict[str, Any], tenant_id: UUID | None) -> None:
    if tenant_id is None:
        cursor.execute(statement, facts, prepare=True, binary=True)
        return
    with cursor.connection.pipeline():  # one round trip and one transaction, in which the role and the tenant hold
        cursor.connection.execute(FENCE, (REQUEST_ROLE, str(tenant_id)), prepare=True)
        cursor.execute(statement, facts, prepare=True, binary=True)


class LogDatastore(PostgresDatastore):
    """The library's datastore over any connection string: TLS settings and service files included."""

    def __init__(self, dsn: str, *, pool_size: int = 2, max_overflow: int = 30) -> None:
        # A ping before each use costs a fraction of a query, and a server that has come back is not taken for dead.
        super().__init__("", "", "", "", "", pool_size=pool_size, max_overflow=max_overflow, pre_ping=True)
        self.dsn = dsn
        self.pool.conninfo = dsn
        self.pool.kwargs = {"row_factory": dict_row, "application_name": "mnemolog"}

    def after_connect_func(self) -> Any:
        return prepare
