"""Whether a process still runs, as the database sees it: it holds a lock for as long as it is connected."""

from __future__ import annotations

import logging
import time
from uuid import UUID

import psycopg

from mnemolog.adapters.postgres.connection import Row, connect

logger = logging.getLogger(__name__)
RENEW_SECONDS = 1.0
LOW_BITS = 2**62 - 1  # the random ones of an id; the other half of the locks of this store has two numbers


class Presence:
    """Not thread-safe. A process that was cut off for a moment may be taken for gone, but never one for present."""

    def __init__(self, dsn: str, process_id: UUID) -> None:
        self._dsn, self._key = dsn, _key(process_id)
        self._connection: psycopg.Connection[Row] | None = None
        self._renewed = 0.0

    def hold(self) -> None:
        """Raises StoreUnreachable."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._dsn, application_name="mnemolog-audit")
            self._connection.execute("SELECT pg_advisory_lock(%s)", (self._key,))
            self._renewed = time.monotonic()

    def renew(self) -> None:
        """Take the lock again where the connection was lost; looked after once a second. Raises StoreUnreachable."""
        if self._connection is None or time.monotonic() - self._renewed < RENEW_SECONDS:
            return
        self._renewed = time.monotonic()
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            logger.warning("audit: the connection was lost (%s)", type(error).__name__)
            self._connection.close()
            self.hold()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def is_gone(connection: psycopg.Connection[Row], process_id: UUID) -> bool:
    """`connection` must not be the one that holds the lock."""
    ((free,),) = connection.execute("SELECT pg_try_advisory_lock(%s)", (_key(process_id),)).fetchall()
    if free:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_key(process_id),))
    return bool(free)


def _key(process_id: UUID) -> int:
    return process_id.int & LOW_BITS
