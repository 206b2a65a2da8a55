"""The log as views and people read it: opened events in order, and a wake-up when there are more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from mnemolog.adapters.keyring import Keyring
from mnemolog.adapters.postgres.connection import Row, connect, unreachable_as_refusal
from mnemolog.adapters.postgres.envelope import LogNotification
from mnemolog.adapters.postgres.mapper import clear_part, open_event
from mnemolog.adapters.postgres.recorder import LogRecorder, notification_of
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.log import LAST, Appended, Event, IdempotencyKey, Selection
from mnemolog.domain.refusals import IdempotencyKeyReused, StoreUnreachable

logger = logging.getLogger(__name__)


class PostgresLog:
    """Implements `mnemolog.domain.log.EventLog`."""

    def __init__(self, recorder: LogRecorder, keyring: Keyring) -> None:
        self._recorder = recorder
        self._keyring = keyring

    def head(self) -> int:
        with unreachable_as_refusal():
            return self._recorder.max_notification_id() or 0

    def read(self, after: int, limit: int, selection: Selection = Selection(), upto: int = LAST) -> Sequence[Event]:
        with unreachable_as_refusal():
            rows = self._recorder.page(
                after, limit, upto, selection.types, selection.tenant_id, selection.cube_id, selection.memory_id
            )
        return self._open(rows)

    def at(self, positions: Sequence[int], tenant_id: UUID | None = None) -> Mapping[int, Event]:
        """With a `tenant_id`, those of other tenants are missing."""
        with unreachable_as_refusal():
            rows = self._recorder.at_positions(positions, tenant_id)
        return {event.position: event for event in self._open(rows)}

    def written_with(self, position: int) -> tuple[int, int]:
        """(first, last) of the positions that were written at once with one: by its request, and by those beside it."""
        with unreachable_as_refusal():
            before = self._recorder.rows(QUERIES["link"], {"position": position - 1})
            ((last,),) = self._recorder.rows(QUERIES["append_end"], {"position": position})
        return (before[0][0] if before else 0) + 1, last

    def position_at(self, moment: datetime) -> int:
        """The last position that was recorded at or before `moment`."""
        with unreachable_as_refusal():
            position: int = self._recorder.rows(QUERIES["position_at"], {"moment": moment})[0][0]
            return position

    def earlier(self, tenant_id: UUID, idempotency: IdempotencyKey) -> Appended | None:
        """What an earlier request with this key appended. Raises IdempotencyKeyReused when it asked another thing."""
        facts = {"tenant_id": tenant_id, "key": idempotency.key}
        with unreachable_as_refusal():
            rows = self._recorder.rows(QUERIES["earlier_request"], facts, tenant_id)
        for digest, first, last in rows:
            if digest != idempotency.request_sha256:
                raise IdempotencyKeyReused(key=idempotency.key)
            return Appended(first, last, replayed=True)
        return None

    def _open(self, rows: Sequence[Row]) -> list[Event]:
        notifications = [notification_of(row) for row in rows]
        subjects = {s for n in notifications if n.row.content_key for s in n.row.content_key.subject_ids}
        wrapped = self._keyring.tables.subject_keys(sorted(subjects)) if subjects else {}
        return [self._event(notification, wrapped) for notification in notifications]

    def _event(self, stored: LogNotification, wrapped: Mapping[UUID, bytes]) -> Event:
        row = stored.row
        opened = open_event(self._keyring, stored, wrapped, stored.id) if stored.state[:1] == b"{" else {}
        return Event(
            position=stored.id,
            stream_id=stored.originator_id,  # type: ignore[arg-type]
            version=stored.originator_version,
            type=stored.topic,
            tenant_id=row.tenant_id,
            occurred_at=_moment(row.occurred_at),
            recorded_at=_moment(row.recorded_at),
            data=opened if opened is not None else clear_part(stored),
            cube_id=row.cube_id,
            memory_id=row.memory_id,
            actor_id=row.origin.actor_id,
            on_behalf_of=row.origin.on_behalf_of,
            request_id=row.origin.request_id,
            erased=opened is None,
        )


class LogWakeups:
    """One LISTEN connection for all the views and streams of this process. Implements `mnemolog.domain.log.Wakeups`.

    A notification can be lost while a connection is away, so the head is also asked for once a second.
    """

    def __init__(self, dsn: str, *, fallback_seconds: float = 1.0) -> None:
        self._dsn = dsn
        self._fallback = fallback_seconds
        self._head = 0
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mnemolog-listen", daemon=True)
        self._thread.start()

    def listen(self, after: int, timeout: float) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._head > after or self._closed.is_set(), timeout)
            return self._head

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        outage = False
        while not self._closed.is_set():
            try:
                with connect(self._dsn, application_name="mnemolog-listen") as connection:
                    outage = False
                    self._follow(connection)
            except (psycopg.Error, StoreUnreachable) as error:
                if not outage:
                    logger.warning("log: the listening connection was lost (%s)", type(error).__name__)
                outage = True
                self._closed.wait(0.2)

    def _follow(self, connection: psycopg.Connection[Row]) -> None:
        connection.execute("LISTEN mnemolog_event")
        while not self._closed.is_set():
            self._publish(connection.execute(QUERIES["head"]).fetchall()[0][0])
            deadline = time.monotonic() + self._fallback
            while (left := deadline - time.monotonic()) > 0 and not self._closed.is_set():
                for notification in connection.notifies(timeout=min(left, 0.1), stop_after=1):
                    self._publish(int(notification.payload))

    def _publish(self, head: int) -> None:
        with self._changed:
            if head > self._head:
                self._head = head
                self._changed.notify_all()


def _moment(value: datetime | None) -> datetime:
    assert value is not None
    return value
