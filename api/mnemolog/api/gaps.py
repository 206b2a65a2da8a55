"""At its start, a process looks for others that have ended without a word, and declares what may be missing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg

from mnemolog.adapters.postgres.access_log import AccessLog
from mnemolog.adapters.postgres.accesses import PostgresAccesses, Unclosed
from mnemolog.adapters.postgres.connection import connect
from mnemolog.adapters.postgres.presence import is_gone
from mnemolog.domain.refusals import ProjectionBehind, Refusal

PATIENCE = 0.1

log = logging.getLogger(__name__)


class Gaps:
    """In a thread of its own, for as long as it takes the view to know of all processes. `wait` takes seconds."""

    def __init__(
        self, dsn: str, access_log: AccessLog, accesses: PostgresAccesses, wait: Callable[[float], None]
    ) -> None:
        self._dsn, self._log, self._accesses, self._wait = dsn, access_log, accesses, wait
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mnemolog-gaps", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """What was not looked for is left to the next start."""
        self._closing.set()
        self._thread.join()

    def looked_for(self) -> None:
        """Returns when it is done, or when the store is closed."""
        self._thread.join()

    def _run(self) -> None:
        try:
            if self._arrived():
                self._declare(self._accesses.unclosed())
        except (Refusal, psycopg.Error) as error:
            log.warning("audit: gaps are left to be declared by the next start (%s)", type(error).__name__)

    def _arrived(self) -> bool:
        while not self._closing.is_set():
            try:
                self._wait(PATIENCE)
            except ProjectionBehind:
                continue
            return True
        return False

    def _declare(self, found: list[Unclosed]) -> None:
        """Another process may do the same: whoever is second finds the version taken."""
        if not found:
            return
        with connect(self._dsn, application_name="mnemolog-gaps") as connection:
            for each in found:
                if is_gone(connection, each.process_id):
                    at = (each.process_id, each.tenant_id, each.stream_id, each.version + 1, each.last_position)
                    self._log.append([self._log.gap(*at)])
