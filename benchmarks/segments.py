"""Writing, reading and verifying segments, each beside the least that it could cost."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.events import batches, log_events
from benchmarks.figure import Figure, Measure
from benchmarks.meter import least
from benchmarks.writers import ORIGIN, log_recorder
from mnemolog.adapters.analytics.reading import read_events
from mnemolog.adapters.analytics.schema import ENVELOPE
from mnemolog.adapters.analytics.segmenting import write_segments
from mnemolog.adapters.analytics.segments import SegmentFolder
from mnemolog.adapters.analytics.verifying import verify_segments
from mnemolog.adapters.postgres.connection import connect

EVENTS, BATCH = int(os.environ.get("EVENTS", 100_000)), 1_000
STEP, FETCHED, ROUNDS = 100_000, 2_000, 3
COLUMNS = ", ".join(column.name for column in ENVELOPE)
COPY = f"COPY (SELECT {COLUMNS} FROM mnemolog.event WHERE position <= %d) TO STDOUT (FORMAT binary)"
SELECT = f"SELECT {COLUMNS} FROM mnemolog.event WHERE position <= %s ORDER BY position"
LEAVES = "SELECT leaf FROM mnemolog.event WHERE position <= %s ORDER BY position"
SIZES = "SELECT pg_relation_size('mnemolog.event'), pg_table_size('mnemolog.event'), max(position) FROM mnemolog.event"


def segments(dsn: str) -> Iterator[Figure]:
    """Of a log that is filled for it."""
    with log_recorder(dsn) as recorder:
        for number in range(0, EVENTS, 10 * BATCH):
            for batch in batches(log_events(min(10 * BATCH, EVENTS - number), number), BATCH):
                recorder.append(batch, ORIGIN)
    yield from measures(dsn)


def measures(dsn: str, step: int = STEP, rounds: int = ROUNDS) -> list[Figure]:
    """Of the log that is there, as far as it fills whole ranges; a shorter log is one range."""
    with connect(dsn, role=None) as connection:
        ((heap, table, head),) = connection.execute(SIZES).fetchall()
    step = min(step, head)
    upto = head // step * step
    with tempfile.TemporaryDirectory(prefix="mnemolog-bench-") as home:
        folder = SegmentFolder(Path(home) / "segments")
        figures = [*_writing(dsn, folder, step, rounds), *_sizes(folder, heap * upto / head, table * upto / head)]
        return [*figures, *_scanning(dsn, upto, step, rounds), *_verifying(dsn, folder, upto, rounds)]


def _writing(dsn: str, folder: SegmentFolder, step: int, rounds: int) -> Iterator[Figure]:
    """Beside a binary COPY of the same columns, whose bytes psycopg receives and nobody looks at."""
    with connect(dsn, role=None) as connection:
        head = connection.execute("SELECT max(position) FROM mnemolog.event").fetchall()[0][0]
    upto = head // step * step
    contenders = {"copy": partial(_copied, dsn, upto), "written": partial(_written, dsn, folder, step)}
    seconds = least(rounds, contenders)
    nothing_new = min(_timed(partial(write_segments, dsn, folder, step)) for _ in range(rounds))
    yield Figure("segments: written", upto / seconds["written"], "events/s")
    yield Figure("segments: written / binary COPY to nowhere", seconds["written"] / seconds["copy"], "ratio")
    yield Figure("segments: nothing new to write", 1e3 * nothing_new, "ms")


def _sizes(folder: SegmentFolder, heap: float, table: float) -> Iterator[Figure]:
    """What is sealed in the log is in its heap and not in segments; a table is its heap with what is kept aside."""
    ranges = folder.ranges()
    size = sum(folder.path(segment).stat().st_size for each in ranges for segment in each.segments)
    yield Figure("segments: bytes of an event", size / ranges[-1].last, "bytes")
    yield Figure("segments: bytes / heap of the log", size / heap, "ratio")
    yield Figure("segments: bytes / table of the log", size / table, "ratio")


def _scanning(dsn: str, upto: int, step: int, rounds: int) -> Iterator[Figure]:
    contenders = {"arrow": partial(_read, dsn, upto, step), "cursor": partial(_fetched, dsn, upto)}
    seconds = least(rounds, contenders)
    ratio = seconds["cursor"] / seconds["arrow"]
    yield Figure("whole log to Arrow", upto / seconds["arrow"], "events/s")
    yield Figure.at_least(3.5, "whole log by psycopg's server-side cursor, binary / to Arrow", ratio, "ratio")


def _verifying(dsn: str, folder: SegmentFolder, upto: int, rounds: int) -> Iterator[Figure]:
    """Beside one sha256 of each leaf with the one before it, in Python, of leaves that are there already."""
    with connect(dsn, role=None) as connection:
        leaves = [bytes(leaf) for (leaf,) in connection.execute(LEAVES, (upto,), binary=True)]
    contenders: dict[str, Callable[[], float]] = {
        "sha256": lambda: _timed(lambda: _chained(leaves)),
        "files": lambda: _timed(lambda: verify_segments(folder)),
        "log": lambda: _timed(lambda: verify_segments(folder, dsn)),
    }
    seconds = least(rounds, contenders)
    yield Figure("sha256 of each leaf and the one before it", upto / seconds["sha256"], "events/s")
    yield Figure("segments: files and chain verified", upto / seconds["files"], "events/s")
    yield Figure("segments: files and chain verified / sha256 alone", seconds["files"] / seconds["sha256"], "ratio")
    yield Figure("segments: verified row by row against the log", upto / seconds["log"], "events/s")


def _written(dsn: str, folder: SegmentFolder, step: int) -> float:
    shutil.rmtree(folder.folder, ignore_errors=True)
    return _timed(partial(write_segments, dsn, folder, step))


def _copied(dsn: str, upto: int) -> float:
    def copy() -> None:
        with connect(dsn) as connection, connection.cursor().copy(COPY % upto) as blocks:
            for _ in blocks:
                pass

    return _timed(copy)


def _read(dsn: str, upto: int, step: int) -> float:
    def read() -> None:
        for after in range(0, upto, step):
            read_events(dsn, after, after + step)

    return _timed(read)


def _fetched(dsn: str, upto: int) -> float:
    def fetch() -> None:
        with connect(dsn) as connection, connection.transaction(), connection.cursor("scan", binary=True) as cursor:
            cursor.itersize = FETCHED
            for _ in cursor.execute(SELECT, (upto,)):
                pass

    return _timed(fetch)


def _chained(leaves: list[bytes]) -> None:
    previous = b""
    for leaf in leaves:
        previous = hashlib.sha256(previous + leaf).digest()


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


MEASURES: tuple[Measure, ...] = (segments,)
PACKAGES = ("adbc-driver-postgresql", "duckdb", "mnemolog", "psycopg", "pyarrow")
