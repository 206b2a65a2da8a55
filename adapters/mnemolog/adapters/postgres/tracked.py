"""A view in Postgres: its rows and the position they stand for change in one transaction, so each event counts once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import psycopg
from eventsourcing.postgres import PostgresDatastore
from psycopg.rows import tuple_row

from mnemolog.adapters.postgres.connection import Row, unreachable_as_refusal
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.log import Event
from mnemolog.projections.parking import Parked, fold_or_park

Cursor = psycopg.Cursor[Row]


class TrackedView(ABC):
    """Implements `mnemolog.projections.projection.Projection` but for the fold. Several processes take turns at it."""

    name: ClassVar[str]
    version: ClassVar[int]
    types: tuple[str, ...] = ()
    CLEAR: ClassVar[str]  # the statement that empties its tables

    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore
        self._position: int | None = None

    @abstractmethod
    def fold(self, cursor: Cursor, events: Sequence[Event]) -> None: ...

    @property
    def position(self) -> int:
        """As this process last saw it: another one may have moved it further."""
        if self._position is None:
            with self.cursor() as cursor:
                view = {"view": self.name, "version": self.version}
                found = cursor.execute(QUERIES["view_position"], view).fetchall()
            self._position = found[0][0] if found else 0
        return self._position

    def apply(self, events: Sequence[Event], upto: int) -> None:
        with self.cursor() as cursor, cursor.connection.transaction():
            position = self._take_turn(cursor)
            fresh = [event for event in events if event.position > position]
            if (fresh[0].position if fresh else upto) > position + 1:
                self._position = position  # another process has emptied the view since these events were read
                return
            if fresh:
                self.fold(cursor, fresh)
            if upto > position:
                self._move(cursor, upto)
        self._position = max(position, upto)

    def rebuild(self, pages: Iterable[Sequence[Event]], upto: int) -> list[Parked]:
        """From the first event, in one transaction: readers see the old rows until the new ones are all there."""
        with self.cursor() as cursor, cursor.connection.transaction():
            self._take_turn(cursor)
            parked = self._made_anew(cursor, pages, upto)
            self._move(cursor, upto)
            self._position = upto
        return parked

    def _made_anew(self, cursor: Cursor, pages: Iterable[Sequence[Event]], upto: int) -> list[Parked]:
        parked: list[Parked] = []
        cursor.execute(QUERIES[self.CLEAR])

        def fold_some(events: Sequence[Event], upto: int) -> None:
            with cursor.connection.transaction():
                self.fold(cursor, events)

        for page in pages:
            parked += fold_or_park(self.name, fold_some, page, upto)
        return parked

    def _move(self, cursor: Cursor, position: int) -> None:
        cursor.execute(QUERIES["move_view"], {"view": self.name, "version": self.version, "position": position})

    def _take_turn(self, cursor: Cursor) -> int:
        """The position, locked until the end of the transaction. An older fold's rows are dropped, never continued."""
        found = cursor.execute(QUERIES["lock_view"], {"view": self.name}).fetchall()
        if not found:
            cursor.execute(QUERIES["add_view"], {"view": self.name, "version": self.version})
            found = cursor.execute(QUERIES["lock_view"], {"view": self.name}).fetchall()
        version, position = found[0]
        if version == self.version:
            return int(position)
        cursor.execute(QUERIES[self.CLEAR])
        return 0

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        with (
            unreachable_as_refusal(),
            self._datastore.get_connection() as connection,
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            yield cursor
