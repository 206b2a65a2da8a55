"""The sealed events of one tenant as a DuckDB file, made of the segments, and thrown away when it does not fit them.

Who reads never waits and never sees half: the next state is made in a copy, which then takes the name. What holds no
longer is told by what is in the file itself, and a file that cannot be believed is made anew.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import duckdb

from mnemolog.adapters.analytics.schema import ENVELOPE, EVENT, Column, Table, tables
from mnemolog.adapters.analytics.segmenting import sha256_of
from mnemolog.adapters.analytics.segments import Range, Segment, SegmentFolder
from mnemolog.adapters.analytics.shredding import literal, only_file, quoted, table_select
from mnemolog.adapters.durable_files import draft_of, exclusively, make_folder, sync
from mnemolog.domain.refusals import SegmentCorrupted

VERSION = 1  # of the layout of the file
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "threads": "2",
}
# `mark` has a row for each range of the segments; by its digest it is known again.
LAYOUT = """
CREATE SCHEMA sealed;
CREATE TABLE sealed.made (fingerprint VARCHAR);
CREATE TABLE sealed.mark (first BIGINT, last BIGINT, digest VARCHAR);
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A file with all events of the tenant up to position `reached`."""

    path: Path
    reached: int


class AnalyticsCache:
    def __init__(self, folder: Path, tenant_id: UUID) -> None:
        self._path = folder / f"{tenant_id}.duckdb"
        self._draft, self._lock = draft_of(self._path), folder / f".{tenant_id}.lock"
        self._tenant_id = tenant_id

    def brought_up(self, segments: SegmentFolder) -> Held | None:
        """The file, with all that is in the segments; None when there are none yet.

        Raises SegmentCorrupted for a segment that is not as it was written.
        """
        ranges = segments.ranges()
        if not ranges:
            return None
        if self._marks() != _digests(ranges):
            make_folder(self._path.parent)
            with exclusively(self._lock):
                self._bring_up(segments, ranges)
        return Held(self._path, ranges[-1].last)

    def thrown_away_if_damaged(self) -> bool:
        """Reads all of it. False when there is none, or nothing is wrong with it."""
        if not self._path.exists():
            return False
        with exclusively(self._lock):
            sound = self._is_sound()
            if not sound:
                self._remove(self._path)
        return not sound

    def _bring_up(self, segments: SegmentFolder, ranges: Sequence[Range]) -> None:
        marks, wanted = self._marks(), _digests(ranges)  # perhaps another process did it meanwhile
        if marks == wanted:
            return
        self._remove(self._draft)
        goes_on = marks is not None and marks == wanted[: len(marks)]
        if goes_on:
            shutil.copyfile(self._path, self._draft)
        with _opened(self._draft) as connection:
            self._draft.chmod(0o600)
            if not goes_on:
                self._lay_out(connection)
            for each in ranges[len(marks or ()) if goes_on else 0 :]:
                self._add(connection, segments, each)
        sync(self._draft)
        self._remove(self._path)
        self._draft.replace(self._path)
        sync(self._path.parent)

    def _lay_out(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(LAYOUT)
        connection.execute("INSERT INTO sealed.made VALUES (?)", [self._fingerprint()])
        for name, columns in relations():
            connection.execute(f'CREATE TABLE sealed."{name}" ({defined(columns)})')

    def _add(self, connection: duckdb.DuckDBPyConnection, segments: SegmentFolder, added: Range) -> None:
        """The whole range or nothing of it. A kind of event that this release does not know is in `event` alone."""
        known = tables()
        files = {segment.table: _checked(segments, segment) for segment in added.segments}
        connection.begin()
        for name, file in files.items():
            if name in known:
                connection.execute(self._insertion(name, _typed(connection, known[name], file)))
        rows = " UNION ALL ".join(f"SELECT {named(ENVELOPE)} FROM {file}" for file in files.values())  # noqa: S608
        connection.execute(self._insertion(EVENT, rows))
        connection.execute("INSERT INTO sealed.mark VALUES (?, ?, ?)", [added.first, added.last, _digest(added)])
        connection.commit()

    def _insertion(self, table: str, rows: str) -> str:
        whose = f"tenant_id = '{self._tenant_id}'::UUID"
        return f'INSERT INTO sealed."{table}" SELECT * FROM ({rows}) WHERE {whose} ORDER BY "position"'  # noqa: S608

    def _marks(self) -> list[str] | None:
        """The digests of the ranges that are in the file; None for a file that is none of this release, or damaged."""
        if not self._path.exists() or _log_of(self._path).exists():
            return None
        try:
            with _opened(self._path, read_only=True) as connection:
                made = connection.sql("SELECT fingerprint FROM sealed.made").fetchall()
                marks = connection.sql("SELECT digest FROM sealed.mark ORDER BY first").fetchall()
        except duckdb.Error:
            return None
        return [digest for (digest,) in marks] if made == [(self._fingerprint(),)] else None

    def _is_sound(self) -> bool:
        try:
            with _opened(self._path, read_only=True) as connection:
                for name, _ in relations():
                    connection.sql(f'SELECT bit_xor(hash(t)) FROM sealed."{name}" t').fetchall()  # noqa: S608
        except duckdb.Error:
            return False
        return True

    def _fingerprint(self) -> str:
        """Whatever else would make of the same segments another file."""
        shredded = [table_select(table, "") for table in tables().values()]
        facts = (VERSION, duckdb.__version__, self._tenant_id, relations(), shredded)
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        _log_of(path).unlink(missing_ok=True)


def relations() -> list[tuple[str, Sequence[Column]]]:
    """`event` and all typed tables, with their columns."""
    return [(EVENT, ENVELOPE), *((name, table.columns) for name, table in tables().items())]


def named(columns: Sequence[Column]) -> str:
    return ", ".join(quoted(column.name) for column in columns)


def defined(columns: Sequence[Column]) -> str:
    return ", ".join(f"{quoted(column.name)} {column.type}" for column in columns)


def _typed(connection: duckdb.DuckDBPyConnection, table: Table, file: str) -> str:
    """Its columns as the segment has them; of a segment that an older release wrote, made of the payload once more."""
    present = set(connection.sql(f"FROM {file} LIMIT 0").columns)
    if present.issuperset(column.name for column in table.columns):
        return f"SELECT {named(table.columns)} FROM {file}"  # noqa: S608 - names of our own
    return table_select(table, file)


@contextmanager
def _opened(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(path), read_only=read_only, config=SETTINGS)
    try:
        yield connection
    finally:
        connection.close()


def _log_of(path: Path) -> Path:
    """DuckDB's write-ahead log. Nobody writes a file that has its name, so one beside it is not ours."""
    return path.with_name(f"{path.name}.wal")


def _checked(segments: SegmentFolder, segment: Segment) -> str:
    """The segment as a relation. Raises SegmentCorrupted unless it is the file that was written."""
    path = segments.path(segment)
    try:
        found = sha256_of(path)
    except OSError as error:
        found = type(error).__name__
    if found != segment.sha256:
        file = f"{segment.table}/{path.name}"
        raise SegmentCorrupted(file=file, position=segment.first, reason=f"its sha256 is {found}")
    return f"read_parquet({literal(only_file(path))})"


def _digests(ranges: Sequence[Range]) -> list[str]:
    return [_digest(each) for each in ranges]


def _digest(of: Range) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()
