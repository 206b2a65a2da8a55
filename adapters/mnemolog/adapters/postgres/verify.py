"""Does the log still say what was written? Every hash is made again from the rows as they are.

What no hash inside a database can show: whoever may rewrite the table can also cut its tail, or make every link after a
change anew. Both show only against what was kept elsewhere: verify_evidence.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from eventsourcing.persistence import DataError

from mnemolog.adapters.postgres.connection import Row, connect, unreachable_as_refusal
from mnemolog.adapters.postgres.envelope import LogEvent, LogRow, chain, leaf, microseconds
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import Rows
from mnemolog.domain.log import Origin
from mnemolog.domain.refusals import VerificationFailed

PAGE = 2000
LOWEST = -(2**63)  # no position is below 1, and a row that claims one must be seen


@dataclass(frozen=True, slots=True)
class Verified:
    """All up to `position` is as it was written, `events` of it were looked at, and `chain` binds it.

    `checkpoints` that were kept outside the database agree with it, and the newest of them binds all up to `bound`.
    """

    position: int
    events: int
    chain: bytes
    checkpoints: int = 0
    bound: int = 0


def nothing(row: Row) -> None:
    pass


def verify_chain(
    source: LogRecorder | str,
    after: int = 0,
    upto: int | None = None,
    progress: Callable[[int], None] | None = None,
    beside: Callable[[Row], None] = nothing,
) -> Verified:
    """Verify the appends that hold the positions after `after` up to `upto`, or up to the last one.

    `source` may be a connection string. The link at `after` is trusted. With `upto`, the log must reach it. `progress`
    is told each position reached, a page at a time; `beside` is given each row that is good so far.

    Raises VerificationFailed for the first position that is not as it was written, or, where only the link of an append
    is wrong, for the first of that append; and StoreUnreachable.
    """
    with rows_of(source) as rows:
        walk = _begin(rows, after)
        wanted = rows(QUERIES["head"], {})[0][0] if upto is None else upto
        read_from = walk.position if after > 0 else LOWEST
        while page := hashes_page(rows, read_from, PAGE):
            for row in page:
                if walk.is_bound_to(wanted):
                    break
                walk.step(row)
                beside(row)
            if progress is not None:
                progress(walk.position)
            if walk.is_bound_to(wanted):
                break
            read_from = walk.position
        return walk.end(wanted)


class ChainWalk:
    """Goes along the rows, from the end of one append."""

    def __init__(self, position: int = 0, link: bytes = b"") -> None:
        self.position = position
        self._link = link
        self._events = 0
        self._recorded_at: datetime | None = None
        self._leaves: list[bytes] = []  # of the append whose end has not been reached

    def step(self, row: Row) -> None:
        self._check_place(row[0])
        if None in (*row[1:6], *row[11:13]):
            raise VerificationFailed(position=row[0], reason="it lacks what every event has")
        self._check_moment(row[12])
        if row[16] != leaf_of(row):
            raise VerificationFailed(position=row[0], reason="the event is not the one that was written")
        self._leaves.append(row[16])
        self.position, self._recorded_at = row[0], row[12]
        if row[17] is not None:
            self._close(row[17])

    def is_bound_to(self, position: int) -> bool:
        return not self._leaves and 0 < position <= self.position

    def end(self, wanted: int) -> Verified:
        if self._leaves:
            raise VerificationFailed(position=self._first, reason="no link binds the events from here to the end")
        if self.position < wanted:
            raise VerificationFailed(position=self.position + 1, reason=f"the log ends before position {wanted}")
        return Verified(self.position, self._events, self._link)

    @property
    def _first(self) -> int:
        return self.position - len(self._leaves) + 1

    def _check_place(self, position: int) -> None:
        if position > self.position + 1:
            raise VerificationFailed(position=self.position + 1, reason="the event is missing")
        if position <= self.position:
            raise VerificationFailed(position=position, reason="the log has no such position")

    def _check_moment(self, recorded_at: datetime) -> None:
        if self._recorded_at is not None and recorded_at < self._recorded_at:
            raise VerificationFailed(
                position=self.position + 1, reason="it was recorded before the event in front of it"
            )
        if self._leaves and recorded_at != self._recorded_at:
            raise VerificationFailed(position=self.position + 1, reason="it was not recorded at the time of its append")

    def _close(self, link: bytes) -> None:
        assert self._recorded_at is not None
        if link != chain(self._link, self._first, self._recorded_at, self._leaves):
            reason = f"the link at position {self.position} does not bind the events from here to there"
            raise VerificationFailed(position=self._first, reason=reason)
        self._events += len(self._leaves)
        self._link, self._leaves = link, []


def leaf_of(row: Row) -> bytes:
    """The leaf of a row of `hashes`, made again from all its other columns."""
    payload = None if row[13] is None else row[13].encode()
    envelope = LogRow(
        schema_version=row[4],
        tenant_id=row[5],
        cube_id=row[6],
        memory_id=row[7],
        origin=Origin(row[8], row[9], row[10]),
        key_id=row[15],
    )
    event = LogEvent(row[1], row[2], row[3], b"", envelope)
    return leaf(event, payload, row[14], microseconds(row[11]))


def _begin(rows: Rows, after: int) -> ChainWalk:
    """At the last link that is not past `after`, so that the append which holds the next position is seen whole."""
    links = rows(QUERIES["link"], {"position": after}) if after > 0 else []
    return ChainWalk(*links[0]) if links else ChainWalk()


def hashes_page(rows: Rows, after: int, limit: int) -> list[Row]:
    """Raises VerificationFailed for a column that cannot be read."""
    try:
        return rows(QUERIES["hashes"], {"after": after, "limit": limit})
    except (psycopg.DataError, DataError):  # a moment that Postgres can hold and no event can have, such as infinity
        if limit > 1:
            return hashes_page(rows, after, 1)
        raise VerificationFailed(position=max(after, 0) + 1, reason="a column holds what no event can") from None


@contextmanager
def rows_of(source: LogRecorder | str) -> Iterator[Rows]:
    with unreachable_as_refusal():
        if isinstance(source, LogRecorder):
            yield source.rows
        else:
            with connect(source, application_name="mnemolog-verify") as connection:
                yield lambda statement, facts: connection.execute(statement, facts, binary=True).fetchall()
