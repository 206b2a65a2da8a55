"""Servers and databases that are thrown away."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier

from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.migrate import migrate

MEMORY_DISK = Path("/dev/shm")
ROOM = 2 << 30
TEMPLATE = "mnemolog_template"
# Every test makes and drops a database, so the write-ahead log must be short and hold no copies of them.
SETTINGS = {"wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "256MB"}
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


def memory_disk() -> Path | None:
    roomy = MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > ROOM
    return MEMORY_DISK if roomy else None


@contextmanager
def running_server(disk: Path | None, *, durable: bool) -> Iterator[EmbeddedPostgres]:
    """Not below tmp_path: pytest closes that to the account which root lends the server."""
    folder = Path(tempfile.mkdtemp(prefix="mnemolog-test-", dir=disk))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "root", durable=durable, settings=SETTINGS, linger=0.1)
    try:
        with server:
            yield server
        assert server.wait_stopped()
    finally:
        shutil.rmtree(folder)


def template_made(server: EmbeddedPostgres) -> None:
    """Its database `mnemolog_template` has the whole schema; the databases of tests are copies of it."""
    with superuser(server.dsn("postgres")) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(TEMPLATE)))
    migrate(server.dsn(TEMPLATE))


@contextmanager
def database(server: EmbeddedPostgres, template: str = TEMPLATE) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    with superuser(server.dsn("postgres")) as connection:
        statement = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(statement.format(Identifier(name), Identifier(template)))
        try:
            yield server.dsn(name)
        finally:
            # DROP ... WITH (FORCE) ends the sessions too, but looks only every tenth of a second whether they are gone.
            while connection.execute(END_SESSIONS, (name,)).fetchall():
                time.sleep(0.001)
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def superuser(dsn: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """May do everything, as whoever runs the database server can."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'")
        yield connection
