"""A server for one run: durable, as one would have it, and empty."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnemolog.adapters.postgres.connection import connect
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.migrate import migrate


@contextmanager
def durable_server() -> Iterator[str]:
    """The connection string of a migrated database that waits for the disk at each commit."""
    folder = Path(tempfile.mkdtemp(prefix="mnemolog-bench-"))
    folder.chmod(0o711)  # root lends the server an account, which has to pass through
    server = EmbeddedPostgres(folder, linger=0.1)
    try:
        dsn = server.start().dsn()
        migrate(dsn)
        yield dsn
    finally:
        server.release()
        server.wait_stopped()
        shutil.rmtree(folder)


def server_version(dsn: str) -> str:
    with connect(dsn, role=None) as connection:
        return str(connection.execute("SHOW server_version").fetchall()[0][0])
