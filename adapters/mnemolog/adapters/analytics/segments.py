"""Segments: the log in immutable files, one for each kind of event and range of positions.

    <folder>/<table>/<first>-<last>.parquet     the events of one kind, in order
    <folder>/manifest/<first>-<last>.json       which files a range is made of, written last

A range is there when its manifest is. Without one its files are leftovers, which the next writer clears away.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from mnemolog.adapters.durable_files import draft_of, make_folder, remove, replacing, sync
from mnemolog.adapters.postgres.flocks import try_lock
from mnemolog.domain.refusals import SegmentCorrupted

MANIFEST, DRAFTS, LOCK = "manifest", ".drafts", "lock"
TABLE = re.compile(r"[a-z][a-z0-9_]*")
PARQUET = re.compile(r"\d{12,}-\d{12,}\.parquet")
SHA256 = re.compile(r"[0-9a-f]{64}")
READ_ONLY = 0o444


@dataclass(frozen=True, slots=True)
class Segment:
    """`sha256` is that of the file, in hex."""

    table: str
    first: int
    last: int
    events: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Range:
    """All events from `first` to `last`. `chain`, in hex, binds them and all before them as the log does:
    it is the sha256 of the log's last link up to `last` and of the leaves after that link, up to `last`."""

    first: int
    last: int
    chain: str
    segments: tuple[Segment, ...]

    @property
    def events(self) -> int:
        return self.last - self.first + 1


class SegmentFolder:
    """Readers need no lock: a file never changes once a manifest names it."""

    def __init__(self, path: Path) -> None:
        self.folder = path

    def ranges(self) -> tuple[Range, ...]:
        """From position 1 on, without a gap. Raises SegmentCorrupted."""
        found, reached = [], 0
        for file in sorted(self._manifests(), key=lambda file: (len(file.name), file.name)):
            each = _read(file, reached + 1)
            found.append(each)
            reached = each.last
        return tuple(found)

    @property
    def reached(self) -> int:
        """The last position that is in segments, 0 when there are none. Raises SegmentCorrupted."""
        ranges = self.ranges()
        return ranges[-1].last if ranges else 0

    def path(self, segment: Segment) -> Path:
        return self.folder / segment.table / f"{_stem(segment.first, segment.last)}.parquet"

    def manifest(self, each: Range) -> Path:
        return self.folder / MANIFEST / f"{_stem(each.first, each.last)}.json"

    def draft(self, table: str) -> Path:
        """Where the writer makes the file of a table before it has its name."""
        return self.folder / DRAFTS / f"{table}.parquet"

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Whether nobody else writes here; nobody else begins to before the end of the block."""
        for folder in (self.folder.parent, self.folder):
            make_folder(folder)
        file = try_lock(self.folder / LOCK)
        if file is None:
            yield False
            return
        with file:
            yield True

    def clear(self) -> None:
        """Takes away what a killed writer left, for whoever holds the folder. Raises SegmentCorrupted."""
        known = {self.path(segment) for each in self.ranges() for segment in each.segments}
        shutil.rmtree(self.folder / DRAFTS, ignore_errors=True)
        for folder in (self.folder / MANIFEST, self.folder / DRAFTS):
            make_folder(folder)
        manifests = self.folder / MANIFEST
        remove(manifests.glob(".*.draft"), manifests)
        for folder in self._tables():
            files = {file for file in folder.iterdir() if PARQUET.fullmatch(file.name)}
            remove(files - known, folder)

    def keep(self, each: Range) -> None:
        """Every file of the range has been made as its draft. They are there whole or not at all."""
        for segment in each.segments:
            self._settle(self.draft(segment.table), self.path(segment))
        for folder in (*(self.path(segment).parent for segment in each.segments), self.folder):
            sync(folder)
        manifest = self.manifest(each)
        with replacing(manifest, draft_of(manifest)) as file:
            file.write(_written(each))
            os.fchmod(file.fileno(), READ_ONLY)

    def _settle(self, draft: Path, path: Path) -> None:
        make_folder(path.parent)
        draft.chmod(READ_ONLY)
        sync(draft)
        draft.replace(path)

    def _manifests(self) -> Iterator[Path]:
        return (self.folder / MANIFEST).glob("[!.]*.json")

    def _tables(self) -> list[Path]:
        return [each for each in self.folder.iterdir() if each.is_dir() and TABLE.fullmatch(each.name)]


def _stem(first: int, last: int) -> str:
    return f"{first:012d}-{last:012d}"


def _written(each: Range) -> bytes:
    return orjson.dumps(asdict(each), option=orjson.OPT_INDENT_2) + b"\n"


def _read(file: Path, expected: int) -> Range:
    """The range that begins where the one before it ends. Raises SegmentCorrupted."""
    try:
        said = orjson.loads(file.read_bytes())
        segments = tuple(_segment(each) for each in said["segments"])
        found = Range(_position(said["first"]), _position(said["last"]), _hash(said["chain"]), segments)
    except (OSError, ValueError, TypeError, KeyError):
        raise SegmentCorrupted(file=file.name, position=expected, reason="it is no manifest") from None
    reason = _misfit(found, file, expected)
    if reason is not None:
        raise SegmentCorrupted(file=file.name, position=expected, reason=reason)
    return found


def _misfit(found: Range, file: Path, expected: int) -> str | None:
    """Why this cannot be the manifest of the range that begins at `expected`."""
    if file.stem != _stem(found.first, found.last):
        return "it is the manifest of another range"
    if found.first != expected:
        return f"it begins at position {found.first}, and the one before it ends at {expected - 1}"
    tables = [segment.table for segment in found.segments]
    if tables != sorted(set(tables)):
        return "its tables are not in order"
    if any((segment.first, segment.last) != (found.first, found.last) for segment in found.segments):
        return "a segment is of another range"
    if sum(segment.events for segment in found.segments) != found.events:
        return "its segments do not have as many events as the range"
    return None


def _segment(said: Any) -> Segment:
    table = said["table"]
    if not TABLE.fullmatch(table):
        raise ValueError
    first, last, events = (_position(said[name]) for name in ("first", "last", "events"))
    return Segment(table, first, last, events, _hash(said["sha256"]))


def _position(said: Any) -> int:
    if type(said) is not int or said < 1:
        raise ValueError
    return said


def _hash(said: Any) -> str:
    if not isinstance(said, str) or not SHA256.fullmatch(said):
        raise ValueError
    return said
