"""Our recorder behind the eventsourcing library's `APPLICATION_RECORDER_TOPIC`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification, ProgrammingError, StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import tuple_row

from mnemolog.adapters.postgres.append import AppendRequest
from mnemolog.adapters.postgres.coalescer import Coalescer
from mnemolog.adapters.postgres.connection import Row, ask, connect
from mnemolog.adapters.postgres.envelope import ContentKey, LogEvent, LogNotification, LogRow
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.log import LAST, Appended, Condition, IdempotencyKey, Origin


class LogRecorder(PostgresApplicationRecorder):
    """Writes through the append function and reads the event table; it creates nothing, because migrations do.

    `insert_events` takes, and `Application.save` passes on: `origin`, `condition`, `idempotency`.
    """

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = "event") -> None:
        super().__init__(datastore, events_table_name="event")
        self.sql_create_statements = []
        datastore.db_type_names.discard(self.stored_event_type_name)
        self.channel_name = "mnemolog_event"
        dsn = str(datastore.pool.conninfo)
        self.coalescer = Coalescer(lambda: connect(dsn, application_name="mnemolog-append"))

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        origin: Origin = Origin(),
        condition: Condition | None = None,
        idempotency: IdempotencyKey | None = None,
        tracking: Tracking | None = None,
        **_: Any,
    ) -> Sequence[int]:
        if tracking is not None:  # ignoring it would process an event twice
            raise ProgrammingError("this recorder keeps no tracking; views keep their own position")
        if not stored_events:
            return []
        appended = self.append(stored_events, origin, condition, idempotency)
        return list(range(appended.first, appended.last + 1))

    def append(
        self,
        stored_events: Sequence[StoredEvent],
        origin: Origin = Origin(),
        condition: Condition | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> Appended:
        events = [_log_event(event) for event in stored_events]
        return self.coalescer.append(AppendRequest(events, condition, idempotency, origin))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        statement = QUERIES["stream_backwards" if desc else "stream"] + (f" LIMIT {int(limit)}" if limit else "")
        bounds = {"stream_id": originator_id, "gt": -1 if gt is None else gt, "lte": LAST if lte is None else lte}
        return [event_of(row) for row in self.rows(statement, bounds)]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if inclusive_of_start and start is not None else 0)
        return [notification_of(row) for row in self.page(after, limit, LAST if stop is None else stop, topics)]

    def page(
        self,
        after: int,
        limit: int,
        upto: int = LAST,
        types: Sequence[str] = (),
        tenant_id: UUID | None = None,
        cube_id: UUID | None = None,
        memory_id: UUID | None = None,
    ) -> list[Row]:
        selection = {"tenant_id": tenant_id, "cube_id": cube_id, "memory_id": memory_id}
        bounds = {"after": after, "upto": upto, "limit": limit, "types": list(types) or None}
        return self.rows(QUERIES["page"], bounds | selection, tenant_id)

    def at_positions(self, positions: Sequence[int], tenant_id: UUID | None = None) -> list[Row]:
        return self.rows(QUERIES["at_positions"], {"positions": list(positions)}, tenant_id)

    def max_notification_id(self) -> int | None:
        head: int = self.rows(QUERIES["head"], {})[0][0]
        return head or None

    def close(self) -> None:
        self.coalescer.close()

    def rows(self, statement: str, bounds: dict[str, Any], tenant_id: UUID | None = None) -> list[Row]:
        """With a `tenant_id`, no row of another is shown."""
        with self.datastore.get_connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            ask(cursor, statement, bounds, tenant_id)
            return cursor.fetchall()


def _log_event(event: StoredEvent) -> LogEvent:
    if isinstance(event, LogEvent):
        return event
    return LogEvent(event.originator_id, event.originator_version, event.topic, event.state)


def row_of(row: Row) -> LogRow:
    key_id, subject_ids, wrapped = row[15:18]
    return LogRow(
        schema_version=row[4],
        tenant_id=row[5],
        cube_id=row[6],
        memory_id=row[7],
        origin=Origin(row[8], row[9], row[10]),
        occurred_at=row[11],
        recorded_at=row[12],
        sealed=row[14],
        key_id=key_id,
        content_key=None if wrapped is None else ContentKey(key_id, tuple(subject_ids), wrapped),
    )


def state_of(row: Row) -> bytes:
    return bytes(row[14]) if row[13] is None else row[13].encode()


def event_of(row: Row) -> LogEvent:
    return LogEvent(row[1], row[2], row[3], state_of(row), row_of(row))


def notification_of(row: Row) -> LogNotification:
    return LogNotification(row[1], row[2], row[3], state_of(row), row[0], row_of(row))
