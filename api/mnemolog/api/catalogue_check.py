"""Does the catalogue say of memories what the log says? Every row of a tenant's memories is made again.

Both sides stand still at one position although both go on: rows that begin later are left out, and ends that come later
are taken away. Erasing alone changes older rows. So the log is read first, the catalogue follows all that was recorded
until then, and of memories that were erased in between the labels are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from typing import Any
from uuid import UUID

from psycopg.rows import tuple_row

from mnemolog.adapters.postgres.catalogue import PostgresCatalogue, memory_values
from mnemolog.adapters.postgres.connection import unreachable_as_refusal
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.api.parts import CATALOGUE, Parts
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event, Selection
from mnemolog.domain.memory import EVENTS as MEMORY_EVENTS
from mnemolog.domain.refusals import ProjectionBehind, ViewDiffers
from mnemolog.projections.catalogue import MemoryRow, Token, fold
from mnemolog.projections.parking import fold_or_park

PAGE = 2000
VIEW = CATALOGUE[0]
GOVERNANCE = 7  # its place among the columns
LABELS = ("key_token", "tag_tokens")
Stored = Mapping[str, Any]  # column -> value as JSON has it


class Told:
    """What the log says of memories: the rows of each, oldest first."""

    def __init__(self, token: Token) -> None:
        self.rows: dict[UUID, list[MemoryRow]] = {}
        self._token, self._position = token, 0

    def apply(self, events: Sequence[Event], upto: int) -> None:
        for event in events:
            if event.position > self._position:
                rows = self.rows.get(event.stream_id, [])
                row = fold(rows[-1] if rows else None, event, self._token)
                self.rows.setdefault(row.memory_id, rows).append(row)
                self._position = event.position

    def take(self, memory_id: UUID) -> Iterator[tuple[Any, ...]]:
        """The columns of a memory's rows, for once. Of what is erased no row has a label."""
        rows = self.rows.pop(memory_id, [])
        erased = any(row.state is State.ERASED for row in rows)
        for row, following in zip_longest(rows, rows[1:]):
            shown = replace(row, key_token=None, tag_tokens=()) if erased else row
            values = memory_values(shown, None if following is None else following.from_position)
            yield (*values[:GOVERNANCE], dict(row.governed), *values[GOVERNANCE + 1 :])


def check_catalogue(parts: Parts, tenant_id: UUID, moved: Callable[[int], None]) -> int:
    """The position at which all was equal. Raises ViewDiffers for the first memory, by id, of which it is not."""
    upto = parts.log.head()
    told = _told(parts, tenant_id, upto, moved)
    parts.wait(CATALOGUE, parts.log.head())
    if (position := stored_position(parts)) < upto:
        raise ProjectionBehind(view=VIEW, position=position, wanted=upto)
    with closing(_stored(parts, tenant_id, told)) as memories:
        for memory_id, stored in memories:
            _compare(memory_id, [*told.take(memory_id)], stored, upto)
    for memory_id in sorted(told.rows):
        _compare(memory_id, [*told.take(memory_id)], [], upto)
    return upto


def stored_position(parts: Parts) -> int:
    """As the table has it: `parts.catalogue` knows what this process saw last, and another one may have emptied it."""
    return PostgresCatalogue(parts.application.datastore, parts.application.keyring.token).position


def _told(parts: Parts, tenant_id: UUID, upto: int, moved: Callable[[int], None]) -> Told:
    """What the view must have passed over is passed over here too."""
    told = Told(parts.application.keyring.token)
    selection, after = Selection(tenant_id=tenant_id, types=tuple(MEMORY_EVENTS)), 0
    while page := parts.log.read(after, PAGE, selection, upto):
        after = page[-1].position
        for _ in fold_or_park(VIEW, told.apply, page, after):
            pass
        moved(after)
    return told


def _stored(parts: Parts, tenant_id: UUID, told: Told) -> Generator[tuple[UUID, list[Stored]]]:
    """The rows of each memory that is the tenant's by its rows or by the log, in pages from one snapshot."""
    with (
        unreachable_as_refusal(),
        parts.application.datastore.get_connection() as connection,
        connection.transaction(),
        connection.cursor(name="check", row_factory=tuple_row) as cursor,
    ):
        cursor.itersize = PAGE
        rows: Iterable[Stored] = (json.loads(line) for (line,) in cursor.execute(QUERIES["digest_memory"]))
        for key, group in groupby(rows, lambda row: str(row["memory_id"])):
            memory_id, stored = UUID(key), list(group)
            if memory_id in told.rows or any(row["tenant_id"] == str(tenant_id) for row in stored):
                yield memory_id, stored


def _compare(memory_id: UUID, told: Sequence[tuple[Any, ...]], stored: Sequence[Stored], upto: int) -> None:
    erased_later = any(row["from_position"] > upto and row["state"] == State.ERASED for row in stored)
    known = [_as_of(row, upto) for row in stored if row["from_position"] <= upto]
    for values, row in zip_longest(told, known):
        if wrong := _wrong(values, row, LABELS if erased_later else ()):
            position, cube_id = (row["from_position"], row["cube_id"]) if values is None else (values[1], values[5])
            reason = f"memory {memory_id}: {wrong}"
            raise ViewDiffers(view=VIEW, cube_id=cube_id, position=position, reason=reason)


def _wrong(values: tuple[Any, ...] | None, row: Stored | None, ignored: Sequence[str]) -> str:
    """What is, in words; the columns are named and not told."""
    if values is None:
        return "the log knows no such row"
    if row is None:
        return "a row is missing"
    columns = zip(row.items(), map(_plain, values), strict=True)
    return ", ".join(name for (name, has), wanted in columns if has != wanted and name not in ignored)


def _as_of(row: Stored, upto: int) -> Stored:
    ended = row["to_position"]
    return {**row, "to_position": None} if ended is not None and ended > upto else row


def _plain(value: Any) -> Any:
    """A column's value as Postgres puts it into JSON. Governance is JSON already."""
    if isinstance(value, datetime):
        text = value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        return text.rstrip("0").rstrip(".") + "+00:00"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, UUID) else value
