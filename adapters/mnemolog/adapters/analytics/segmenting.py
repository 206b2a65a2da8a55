"""The log written to segments, a range at a time: never more of it is in memory than one range.

The head of the log is a safe mark. Positions are given and committed under one lock that is held until the commit is
visible, so whoever sees a position sees all before it, and nothing below can still arrive.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow

from mnemolog.adapters.analytics.reading import read_events
from mnemolog.adapters.analytics.schema import Table, table_name, tables
from mnemolog.adapters.analytics.segments import Range, Segment, SegmentFolder
from mnemolog.adapters.analytics.shredding import segment_select
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import Rows
from mnemolog.adapters.postgres.verify import rows_of
from mnemolog.domain.refusals import SegmentCorrupted, VerificationFailed

EVENT_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\.v\d+")
ROWS = "log_rows"
KINDS = "SELECT event_type, count(*), min(position) FROM log_rows GROUP BY event_type ORDER BY event_type"
FIRST_MISSING = "SELECT min(p) FROM range(?, ?) r(p) WHERE p NOT IN (SELECT position FROM log_rows)"
ROW_GROUP = 122_880
# One thread, so that the same rows are the same bytes; and nothing of the log is spilled to a file.
CONFIG: Mapping[str, str] = {
    "threads": "1",
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmented:
    """The ranges that are new, how far all reach, and how far the log does. `busy`: somebody else was writing, so
    nothing was done."""

    ranges: tuple[Range, ...]
    reached: int
    head: int
    busy: bool = False


def write_segments(
    dsn: str, folder: SegmentFolder, step: int, progress: Callable[[int], None] | None = None
) -> Segmented:
    """As many ranges of `step` positions as the log has after what is in segments. `progress` is told each end.

    Raises SegmentCorrupted for segments that are not of this log, VerificationFailed for events that cannot be read,
    and StoreUnreachable.
    """
    with folder.held() as ours, rows_of(dsn) as rows:
        head = head_of(rows)
        if not ours:
            return Segmented(ranges=(), reached=folder.reached, head=head, busy=True)
        folder.clear()
        reached = check_bound(rows, folder, head)
        new: list[Range] = []
        while reached + step <= head:
            new.append(_write_range(dsn, folder, rows, reached + 1, reached + step))
            reached += step
            if progress is not None:
                progress(reached)
        return Segmented(ranges=tuple(new), reached=reached, head=head)


def head_of(rows: Rows) -> int:
    head: int = rows(QUERIES["head"], {})[0][0]
    return head


def check_bound(rows: Rows, folder: SegmentFolder, head: int) -> int:
    """How far the segments reach. Raises SegmentCorrupted where this log is not the one they were written from."""
    ranges = folder.ranges()
    if not ranges:
        return 0
    newest = ranges[-1]
    if head < newest.last:
        reason = f"the log ends at position {head}"
    elif chain_at(rows, newest.last) != newest.chain:
        reason = "it is of another log, or of another past of this one"
    else:
        return newest.last
    raise SegmentCorrupted(file=folder.manifest(newest).name, position=min(head + 1, newest.last), reason=reason)


def chain_at(rows: Rows, position: int) -> str:
    """`Range.chain` of a range that ends at `position`, by what the log says."""
    links = rows(QUERIES["link"], {"position": position})
    end, link = links[0] if links else (0, b"")
    leaves = rows(QUERIES["leaves"], {"after": end, "limit": position - end}) if end < position else []
    return hashlib.sha256(link + b"".join(leaf for _, leaf, _ in leaves)).hexdigest()


@contextmanager
def loaded(events: pyarrow.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that has these events as `log_rows`."""
    with duckdb.connect(config=dict(CONFIG)) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("arriving", events)
        database.execute("CREATE TEMP TABLE log_rows AS FROM arriving")  # once, and not once for each table
        database.unregister("arriving")
        yield database


def kinds(database: duckdb.DuckDBPyConnection) -> Mapping[Table, int]:
    """The tables that `log_rows` has events of, and how many. Raises VerificationFailed for a type that is none.

    An event that this release does not know has a table without facts, or is with the versions of it that are known.
    """
    counts: dict[str, int] = {}
    types: dict[str, list[str]] = {}
    for event_type, events, first in database.execute(KINDS).fetchall():
        if not EVENT_TYPE.fullmatch(event_type):
            raise VerificationFailed(position=first, reason="its type is not the name of one")
        name = table_name(event_type)
        counts[name] = counts.get(name, 0) + events
        types.setdefault(name, []).append(event_type)
    known = tables()
    facts = {name: known[name].facts if name in known else () for name in types}
    return {Table(name, tuple(types[name]), facts[name]): counts[name] for name in sorted(types)}


def _write_range(dsn: str, folder: SegmentFolder, rows: Rows, first: int, last: int) -> Range:
    with loaded(read_events(dsn, first - 1, last)) as database:
        _check_complete(database, first, last)
        segments = tuple(
            _written(database, folder, table, Segment(table.name, first, last, events, ""))
            for table, events in kinds(database).items()
        )
    written = Range(first, last, chain_at(rows, last), segments)
    folder.keep(written)
    return written


def _check_complete(database: duckdb.DuckDBPyConnection, first: int, last: int) -> None:
    ((missing,),) = database.execute(FIRST_MISSING, [first, last + 1]).fetchall()
    if missing is not None:
        raise VerificationFailed(position=missing, reason="the event is missing")


def _written(database: duckdb.DuckDBPyConnection, folder: SegmentFolder, table: Table, segment: Segment) -> Segment:
    draft = folder.draft(table.name)
    rows = database.sql(segment_select(table, ROWS))
    rows.write_parquet(str(draft), compression="zstd", row_group_size=ROW_GROUP)
    return replace(segment, sha256=sha256_of(draft))


def sha256_of(path: Path) -> str:
    """In hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
