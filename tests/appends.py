"""Appends as one flush of the coalescer makes them, without its thread: what is in one call is the test's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from mnemolog.adapters.postgres.append import AppendRequest, parameters
from mnemolog.adapters.postgres.coalescer import APPEND
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.domain.log import Condition, IdempotencyKey


@dataclass(frozen=True)
class Outcome:
    what: str
    first: int | None = None
    last: int | None = None


def request(
    *events: LogEvent, condition: Condition | None = None, idempotency: IdempotencyKey | None = None
) -> AppendRequest:
    return AppendRequest(events, condition, idempotency)


def flush(connection: psycopg.Connection[Row], *requests: AppendRequest, resolving: bool = False) -> list[Outcome]:
    """One call of the append function: the outcome of each request, in their order."""
    rows = connection.execute(APPEND, parameters(requests, resolving=resolving), binary=True).fetchall()
    assert sorted(number for number, *_ in rows) == list(range(1, len(requests) + 1))
    return [Outcome(what) if what == "key_reused" else Outcome(what, *place) for _, what, *place in sorted(rows)]


def stored(connection: psycopg.Connection[Row]) -> list[Row]:
    """(position, stream, version) of every event in the log."""
    return connection.execute("SELECT position, stream_id, version FROM mnemolog.event ORDER BY position").fetchall()


def appended(first: int, last: int | None = None) -> Outcome:
    return Outcome("appended", first, first if last is None else last)


def replayed(first: int, last: int | None = None) -> Outcome:
    return Outcome("replayed", first, first if last is None else last)


CONFLICT, FAILED, REUSED, REPEATED = map(Outcome, ("version_conflict", "condition_failed", "key_reused", "repeated"))


def positions(outcomes: Sequence[Outcome]) -> list[int]:
    return [p for each in outcomes if each.first and each.last for p in range(each.first, each.last + 1)]
