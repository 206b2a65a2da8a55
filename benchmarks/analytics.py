"""The figures of analytics: questions to a long log, its segments, and how fast views are replayed from it.

The log of the questions is made up (analytic_events.py) and copied into the table of events, so that a million events
are there in a minute. 98 % of it is in segments; the rest is read from the log for each question.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import geometric_mean
from typing import Any
from uuid import UUID

import duckdb
import psycopg

from benchmarks import segments
from benchmarks.analytic_events import Team
from benchmarks.analytic_log import fill
from benchmarks.analytic_queries import QUESTIONS, Question
from benchmarks.figure import Figure, Measure
from benchmarks.meter import least
from benchmarks.replaying import replaying
from mnemolog.adapters.analytics.cache import AnalyticsCache
from mnemolog.adapters.analytics.limits import QueryLimits
from mnemolog.adapters.analytics.queries import QueryProcesses, Session
from mnemolog.adapters.analytics.query_process import SHUT
from mnemolog.adapters.analytics.reading import read_events
from mnemolog.adapters.analytics.segmenting import write_segments
from mnemolog.adapters.analytics.segments import SegmentFolder
from mnemolog.adapters.analytics.session import Rows, everything
from mnemolog.adapters.postgres.connection import Row, connect

EVENTS, WHOLE = int(os.environ.get("EVENTS", "1000000")), 1_000_000
STEP, ROUNDS, RECENT = 100_000, 3, 0.02
TENANT, SEED = UUID(int=1), 1
LIMITS = QueryLimits(seconds=300, rows=100_000, memory_bytes=2 << 30)
POSTGRES = ("SET work_mem = '256MB'", "SET max_parallel_workers_per_gather = 2", "SET TimeZone = 'UTC'")
Answer = list[tuple[Any, ...]]


def questions(dsn: str) -> Iterator[Figure]:
    """Then what segments cost, of the same log."""
    team = Team(SEED)
    with connect(dsn, role=None) as connection, tempfile.TemporaryDirectory(prefix="mnemolog-bench-") as home:
        fill(connection, TENANT, team.rows(EVENTS))
        connection.execute("VACUUM ANALYZE mnemolog.event")
        for statement in POSTGRES:
            connection.execute(statement)
        asked = Asked(dsn, connection, Path(home), str(team.people[0]))
        yield from asked.made()
        yield from asked.compared()
    yield from segments.measures(dsn, min(STEP, EVENTS))


@dataclass
class Asked:
    dsn: str
    connection: psycopg.Connection[Row]
    home: Path
    who: str

    def __post_init__(self) -> None:
        self.folder, self.cache = SegmentFolder(self.home / "segments"), AnalyticsCache(self.home, TENANT)

    def made(self) -> Iterator[Figure]:
        """Segments of all but the most recent events, and the cache of them."""
        ranges = max(1, round(EVENTS / STEP))
        write_segments(self.dsn, self.folder, int(EVENTS * (1 - RECENT)) // ranges)
        seconds = _timed(lambda: self.cache.brought_up(self.folder))
        held = self.cache.brought_up(self.folder)
        assert held is not None
        yield Figure("events", EVENTS, "events")
        yield Figure("of these read from the log for each question", EVENTS - held.reached, "events")
        yield Figure("cache made of segments", held.reached / seconds, "events/s")
        yield Figure("cache, bytes of an event", held.path.stat().st_size / held.reached, "bytes")

    def compared(self) -> Iterator[Figure]:
        """Each question in turn to Postgres, to an open session, and as a program asks it: with a process of its own.

        Raises AssertionError where they do not answer alike.
        """
        ratios: dict[str, list[float]] = {"session": [], "query": []}
        with opened(self._session()) as session:
            for question in QUESTIONS:
                ways = self._ways(question, session)
                self._check_alike(question, ways)
                seconds = least(ROUNDS, {name: partial(_timed, way) for name, way in ways.items()})
                for name, each in ratios.items():
                    each.append(seconds["postgres"] / seconds[name])
                yield Figure(f"{question.name}: Postgres", 1e3 * seconds["postgres"], "ms")
                yield Figure(f"{question.name}: Postgres / session", ratios["session"][-1], "ratio")
                yield Figure(f"{question.name}: Postgres / query", ratios["query"][-1], "ratio")
        name = "seven questions, geometric mean: Postgres /"
        yield Figure.at_least(5, f"{name} session", geometric_mean(ratios["session"]), "ratio")
        yield Figure(f"{name} query", geometric_mean(ratios["query"]), "ratio")
        yield Figure("a query that asks nothing", 1e3 * self._opening(), "ms")

    def _ways(self, question: Question, session: duckdb.DuckDBPyConnection) -> dict[str, Callable[[], Answer]]:
        own, processes = question.analytics.replace("{who}", self.who), QueryProcesses(1)
        ours = question.postgres.replace("{who}", self.who)

        def query() -> Answer:
            with processes.turn():
                return _plain(processes.ask(self._session(), own, LIMITS).table)

        return {
            "postgres": lambda: self.connection.execute(ours).fetchall(),
            "session": lambda: _plain(session.sql(own).to_arrow_table()),
            "query": query,
        }

    def _session(self) -> Session:
        """As `Analytics.query` makes it for an administrator."""
        held = self.cache.brought_up(self.folder)
        reached = 0 if held is None else held.reached
        return everything(Rows(held, read_events(self.dsn, reached, EVENTS, TENANT), EVENTS))

    def _opening(self) -> float:
        processes = QueryProcesses(1)
        with processes.turn():
            return min(_timed(lambda: processes.ask(self._session(), "SELECT 1", LIMITS)) for _ in range(ROUNDS))

    def _check_alike(self, question: Question, ways: dict[str, Callable[[], Answer]]) -> None:
        expected, *others = (list(map(_comparable, way())) for way in ways.values())
        assert expected, question.name
        for other in others:
            assert len(other) == len(expected), question.name
            for ours, theirs in zip(expected, other, strict=True):
                assert all(map(_alike, ours, theirs)), (question.name, ours, theirs)


@contextmanager
def opened(session: Session) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session in this process, shut as the product shuts it."""
    limits = {"memory_limit": f"{LIMITS.memory_bytes}B", "threads": str(LIMITS.threads), "temp_directory": ""}
    with duckdb.connect(config=dict[str, Any](limits)) as connection:
        for name, table in session.tables.items():
            connection.register(name, table)
        for statement in session.prepare:
            connection.execute(statement)
        for name in session.tables:
            connection.unregister(name)
        for statement in SHUT:
            connection.execute(statement)
        yield connection


def _plain(table: Any) -> Answer:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _comparable(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(float(value) if isinstance(value, Decimal) else value for value in row)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-5)
    return bool(one == other)


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def left_out() -> str:
    """Why a run is not the whole one."""
    return f"EVENTS is {EVENTS:,}" if EVENTS != WHOLE else ""


MEASURES: tuple[Measure, ...] = (questions, replaying)
PACKAGES = ("adbc-driver-postgresql", "cryptography", "duckdb", "mnemolog", "numpy", "orjson", "psycopg", "pyarrow")
