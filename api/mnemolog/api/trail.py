"""On their way into the log: records of who was told what.

Strict: an answer leaves when its record is in the log. Buffered: a little before, and what a crash may have swallowed
is declared. Either way one thread writes for everybody, so that those who wait share a commit, and an answer whose
record finds no room is not given.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from mnemolog.adapters.postgres.access_log import AccessLog, Entry
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.presence import Presence
from mnemolog.api.settings import Audit
from mnemolog.domain.access import Access
from mnemolog.domain.identity import new_id
from mnemolog.domain.refusals import AuditUnavailable, StoreUnreachable

MOST_AT_ONCE = 1000
RETRY_SECONDS = 0.5
ATTEMPTS_TO_CLOSE = 3  # of the version of a marker: a gap may have been declared meanwhile

log = logging.getLogger(__name__)


class Trail:
    """`seconds` is how long a record may wait for others, `room` how many may wait, `patience` how long callers do."""

    def __init__(
        self, access_log: AccessLog, presence: Presence, mode: Audit, seconds: float, room: int, patience: float
    ) -> None:
        self._log, self._presence, self._mode = access_log, presence, mode
        self._seconds, self._room, self._patience = seconds, room, patience
        self._lock = threading.Lock()
        self._work, self._done = threading.Condition(self._lock), threading.Condition(self._lock)
        self._waiting: deque[Entry] = deque()
        self._entered = self._written = self._failures = 0
        self._urgent = 0  # somebody waits until so many are written
        self._markers: dict[UUID, UUID] = {}  # of the tenants that know of this process, the stream that says so
        self._attempt: tuple[list[LogEvent], dict[UUID, UUID], int] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="mnemolog-audit", daemon=True)
        self._thread.start()

    def record(self, entry: Entry) -> None:
        """When it returns, the answer may leave. Raises AuditUnavailable."""
        with self._lock:
            if self._closing:
                raise AuditUnavailable(reason="the store has been closed")
            if len(self._waiting) >= self._room:
                raise AuditUnavailable(reason=f"{len(self._waiting)} records wait for the log")
            self._waiting.append(entry)
            self._entered += 1
            if self._mode is Audit.STRICT or entry.tenant_id not in self._markers:
                self._await(self._entered)
            elif len(self._waiting) in (1, self._flush_at):
                self._work.notify()

    def flush(self) -> None:
        """Until all that was recorded so far is in the log. Raises AuditUnavailable."""
        with self._lock:
            if self._written < self._entered:
                self._await(self._entered)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Write what waits, and that it was all."""
        with self._lock:
            self._closing = True
            self._work.notify()
        self._thread.join()
        self._presence.close()

    @property
    def _flush_at(self) -> int:
        return max(1, self._room // 10)

    def _await(self, number: int) -> None:
        failures = self._failures
        self._urgent = max(self._urgent, number)
        self._work.notify()
        self._done.wait_for(lambda: self._written >= number or self._failures > failures, self._patience)
        if self._written < number:
            raise AuditUnavailable(reason="the record of this answer could not be written")

    def _run(self) -> None:
        while self._awaited():
            last = self._closing
            if not self._flush() and last:
                break
        if self._waiting:
            log.error("audit: %d records were not written", len(self._waiting))
            return
        try:
            self._close_markers()
        except StoreUnreachable as error:
            log.warning("audit: a gap will be declared that is none (%s)", error.code)

    def _awaited(self) -> bool:
        """Sleeps until there is something to write; False when the trail ends."""
        with self._lock:
            self._work.wait_for(lambda: self._waiting or self._closing)
            self._work.wait_for(self._is_due, self._seconds)
            return bool(self._waiting)

    def _is_due(self) -> bool:
        return self._closing or self._urgent > self._written or len(self._waiting) >= self._flush_at

    def _flush(self) -> bool:
        try:
            events, markers, count = self._attempt = self._attempt or self._made()
            self._presence.renew()
            self._log.append(events)
        except Exception as error:  # noqa: BLE001 - a thread's edge: it has no caller, and nothing may be lost
            self._failed(error)
            return False
        with self._lock:
            self._attempt = None
            self._markers |= markers
            self._written += count
            for _ in range(count):
                self._waiting.popleft()
            self._done.notify_all()
        return True

    def _made(self) -> tuple[list[LogEvent], dict[UUID, UUID], int]:
        """What is written next. It is made once: a second attempt must write the same, or it would write it twice."""
        with self._lock:
            entries = list(islice(self._waiting, MOST_AT_ONCE))
        markers = dict(self._new_markers(entries))
        if markers:
            self._presence.hold()
        opened = [self._log.marker(Access.Opened, tenant, stream) for tenant, stream in markers.items()]
        return opened + self._log.sealed(entries), markers, len(entries)

    def _new_markers(self, entries: list[Entry]) -> Iterator[tuple[UUID, UUID]]:
        if self._mode is Audit.BUFFERED:
            for tenant_id in {entry.tenant_id for entry in entries} - self._markers.keys():
                yield tenant_id, new_id()

    def _failed(self, error: Exception) -> None:
        with self._lock:
            log.warning("audit: %d records wait for the log (%s)", len(self._waiting), type(error).__name__)
            self._failures += 1
            self._done.notify_all()
            self._work.wait_for(lambda: self._closing, RETRY_SECONDS)

    def _close_markers(self) -> None:
        for tenant_id, stream_id in self._markers.items():
            versions = range(2, 2 + ATTEMPTS_TO_CLOSE)
            any(self._log.append([self._log.marker(Access.Closed, tenant_id, stream_id, each)]) for each in versions)
