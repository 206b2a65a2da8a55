"""The eventsourcing library's own Postgres recorder, as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from eventsourcing.postgres import PostgresApplicationRecorder, PostgresFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict


@contextmanager
def library_recorder(dsn: str, *, connections: int = 1) -> Iterator[PostgresApplicationRecorder]:
    """Over its own table in the same database; with fewer connections than callers, they take turns."""
    place = conninfo_to_dict(dsn)
    settings = {
        "POSTGRES_DBNAME": str(place["dbname"]),
        "POSTGRES_HOST": str(place["host"]),
        "POSTGRES_PORT": str(place["port"]),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_PASSWORD": "unused",
        "POSTGRES_POOL_SIZE": str(connections),
        "POSTGRES_MAX_OVERFLOW": "0",
        "POSTGRES_SCHEMA": "public",
    }
    factory = PostgresFactory(Environment("library", settings))
    try:
        yield cast(PostgresApplicationRecorder, factory.application_recorder())
    finally:
        factory.close()


def library_backend(recorder: PostgresApplicationRecorder) -> int:
    """The process behind its only connection."""
    with recorder.datastore.get_connection() as connection:
        return connection.info.backend_pid
