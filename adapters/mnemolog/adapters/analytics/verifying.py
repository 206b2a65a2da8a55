"""Are segments still what was written, and what the log says? A range at a time, the first bad position by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import duckdb

from mnemolog.adapters.analytics.reading import read_events
from mnemolog.adapters.analytics.schema import ENVELOPE, Table
from mnemolog.adapters.analytics.segmenting import CONFIG, ROWS, check_bound, head_of, kinds, loaded, sha256_of
from mnemolog.adapters.analytics.segments import Range, Segment, SegmentFolder
from mnemolog.adapters.analytics.shredding import only_file, quoted, segment_select
from mnemolog.adapters.postgres.envelope import EPOCH, chain
from mnemolog.adapters.postgres.verify import LOWEST, rows_of
from mnemolog.domain.refusals import SegmentCorrupted

Link = tuple[int, int | None, bytes | None, bytes | None]  # position, recorded_at in us since 1970, leaf, chain
LINKS_TABLE = "CREATE TEMP TABLE links (position BIGINT, recorded_us BIGINT, leaf BLOB, chain BLOB)"
ADD_LINKS = "INSERT INTO links SELECT position, epoch_us(recorded_at), leaf, chain FROM kept"
LINKS = "FROM links ORDER BY position"
PAGE = 5000
NO_EVENTS = Table("nothing", ("",), ())
DIFFERENCE = """SELECT min(coalesce(l.position, s.position)) FROM ({log}) l
    FULL JOIN (SELECT {columns} FROM kept) s ON l.position = s.position WHERE l IS DISTINCT FROM s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsVerified:
    """All `files` up to position `reached` are as they were written; `with_log`: and say what the log says."""

    ranges: int
    files: int
    events: int
    reached: int
    with_log: bool


def verify_segments(
    folder: SegmentFolder, dsn: str | None = None, progress: Callable[[int], None] | None = None
) -> SegmentsVerified:
    """Every file against its manifest, and the chain of the log made again from what is in the files.

    With a `dsn`, every row against the log as well, typed columns included: whoever can write here could make files and
    manifests agree. `progress` is told the end of each range. Raises SegmentCorrupted and StoreUnreachable.
    """
    ranges = folder.ranges()
    if dsn is not None:
        with rows_of(dsn) as rows:
            check_bound(rows, folder, head_of(rows))
    walk = LinkWalk()
    for each in ranges:
        _verify_files(folder, each)
        _verify_links(folder, each, walk)
        if dsn is not None:
            _verify_rows(folder, each, dsn)
        if progress is not None:
            progress(each.last)
    files = sum(len(each.segments) for each in ranges)
    return SegmentsVerified(
        ranges=len(ranges), files=files, events=walk.position, reached=walk.position, with_log=dsn is not None
    )


class LinkWalk:
    """Goes along the leaves and makes the links of the log's chain again. An append may lie across ranges."""

    def __init__(self) -> None:
        self.position = 0
        self._recorded_us = LOWEST
        self._link, self._leaves = b"", list[bytes]()

    def step(self, row: Link) -> tuple[int, str] | None:
        """The first bad position, and what is wrong there. Where only a link is wrong, the first of its append."""
        position, recorded_us, leaf, link = row
        if position != self.position + 1:
            return self.position + 1, "an event is missing, or there twice"
        if leaf is None or recorded_us is None:
            return position, "it lacks what every event has"
        if recorded_us < self._recorded_us or (self._leaves and recorded_us > self._recorded_us):
            return position, "it was not recorded when its append was"
        self.position, self._recorded_us = position, recorded_us
        self._leaves.append(leaf)
        if link is None:
            return None
        first, moment = position - len(self._leaves) + 1, EPOCH + timedelta(microseconds=recorded_us)
        if chain(self._link, first, moment, self._leaves) != link:
            return first, f"the link at position {position} does not bind the events from here to there"
        self._link, self._leaves = link, []
        return None

    @property
    def bound(self) -> str:
        """`Range.chain` of a range that ends here."""
        return hashlib.sha256(self._link + b"".join(self._leaves)).hexdigest()


def _verify_files(folder: SegmentFolder, each: Range) -> None:
    for segment in each.segments:
        try:
            found = sha256_of(folder.path(segment))
        except OSError as error:
            raise _corrupted(folder, segment, each.first, f"it cannot be read ({type(error).__name__})") from None
        if found != segment.sha256:
            raise _corrupted(folder, segment, each.first, f"its sha256 is {found}")


def _verify_links(folder: SegmentFolder, each: Range, walk: LinkWalk) -> None:
    for row in _links(folder, each):
        bad = walk.step(row)
        if bad is not None:
            raise SegmentCorrupted(file=folder.manifest(each).name, position=bad[0], reason=bad[1])
    if walk.bound != each.chain:
        reason = "its files have other events than those that it binds"
        raise SegmentCorrupted(file=folder.manifest(each).name, position=each.first, reason=reason)


def _links(folder: SegmentFolder, each: Range) -> Iterator[Link]:
    """Of all files of a range, in the order of positions."""
    with duckdb.connect(config=dict(CONFIG)) as database:
        database.execute(LINKS_TABLE)
        for segment in each.segments:
            with _as_parquet(folder, segment):
                database.read_parquet(only_file(folder.path(segment))).create_view("kept", replace=True)
                ((events,),) = database.execute(ADD_LINKS).fetchall()
            if events != segment.events:
                raise _corrupted(folder, segment, each.first, f"it has {events} events, not {segment.events}")
        answer = database.execute(LINKS)
        while rows := answer.fetchmany(PAGE):
            yield from rows


def _verify_rows(folder: SegmentFolder, each: Range, dsn: str) -> None:
    with loaded(read_events(dsn, each.first - 1, each.last)) as database:
        tables = {table.name: table for table in kinds(database)}
        bad: list[tuple[int, Segment]] = []
        for segment in each.segments:
            with _as_parquet(folder, segment):
                database.read_parquet(only_file(folder.path(segment))).create_view("kept", replace=True)
                position = _difference(database, tables.get(segment.table, NO_EVENTS))
            bad += [] if position is None else [(position, segment)]
    if bad:
        position, segment = min(bad, key=lambda found: found[0])
        raise _corrupted(folder, segment, position, "the log says something else")


def _difference(database: duckdb.DuckDBPyConnection, table: Table) -> int | None:
    """The first position at which `kept` is not what `log_rows` says. A fact that a file lacks is not compared:
    a release before this one wrote it."""
    written = set(database.table("kept").columns)
    columns = [*ENVELOPE, *(fact for fact in table.facts if fact.name in written)]
    names = ", ".join(quoted(column.name) for column in columns)
    log = segment_select(replace(table, facts=tuple(columns[len(ENVELOPE) :])), ROWS)
    position: int | None = database.execute(DIFFERENCE.format(log=log, columns=names)).fetchall()[0][0]
    return position


@contextmanager
def _as_parquet(folder: SegmentFolder, segment: Segment) -> Iterator[None]:
    try:
        yield
    except duckdb.Error:  # the file and its manifest agree, and still it is none of ours
        raise _corrupted(folder, segment, segment.first, "it is no segment") from None


def _corrupted(folder: SegmentFolder, segment: Segment, position: int, reason: str) -> SegmentCorrupted:
    file = folder.path(segment).relative_to(folder.folder)
    return SegmentCorrupted(file=str(file), position=position, reason=reason)
