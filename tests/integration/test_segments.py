"""Segments: whole ranges of the log in files, the same whenever they are written, and found out when they change."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import orjson
import pyarrow
import pytest

from mnemolog.adapters.analytics.reading import read_events
from mnemolog.adapters.analytics.schema import ENVELOPE, RENAMED, table_name, tables
from mnemolog.adapters.analytics.segmenting import write_segments
from mnemolog.adapters.analytics.segments import Range, SegmentFolder
from mnemolog.adapters.analytics.verifying import SegmentsVerified, verify_segments
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import connect
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.flocks import try_lock
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.events import EVENTS
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Origin
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import Denied, SegmentCorrupted, StoreUnreachable, VerificationFailed
from tests.appends import flush, request
from tests.databases import database, superuser
from tests.every_event import record_every_event
from tests.factories import KEY_ENCRYPTION_KEY, House, log_event
from tests.lives import SECRET

STEP = 25
NAMES = [column.name for column in ENVELOPE]
SAID_AS = {column: key for key, column in RENAMED.items()}


@pytest.fixture(scope="module")
def rich(server: EmbeddedPostgres) -> Iterator[str]:
    """A log of several tenants that has every kind of event, and that nobody changes."""
    with database(server) as dsn:
        with closing(LogApplication(dsn, KEY_ENCRYPTION_KEY)) as application:
            memory = House().activated(SECRET)
            memory.corroborate(new_id())
            application.record(memory, origin=Origin())
            record_every_event(application)
        yield dsn


@pytest.fixture(scope="module")
def original(rich: str, tmp_path_factory: pytest.TempPathFactory) -> SegmentFolder:
    folder = SegmentFolder(tmp_path_factory.mktemp("analytics") / "segments")
    write_segments(rich, folder, STEP)
    return folder


@pytest.fixture
def copied(original: SegmentFolder, tmp_path: Path) -> SegmentFolder:
    """To change at will."""
    shutil.copytree(original.folder, tmp_path / "segments")
    for file in (tmp_path / "segments").rglob("*"):
        file.chmod(0o700)
    return SegmentFolder(tmp_path / "segments")


@pytest.fixture
def folder(tmp_path: Path) -> SegmentFolder:
    return SegmentFolder(tmp_path / "analytics" / "segments")


def log_rows(dsn: str) -> list[dict[str, Any]]:
    """What the log says, read in another way."""
    columns = ", ".join("payload::text" if name == "payload" else name for name in NAMES)
    with connect(dsn) as connection:
        found = connection.execute(f"SELECT {columns} FROM mnemolog.event ORDER BY position").fetchall()
    return [dict(zip(NAMES, row, strict=True)) for row in found]


@lru_cache
def reader() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'; SET arrow_lossless_conversion = true; SET threads = 1")
    return database


def rows_in(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reader().read_parquet(str(path)).to_arrow_table().to_pylist()
    return found


def fact(column_type: str, said: Any) -> Any:
    """What a fact of a payload is in a column of this type."""
    if said is None or column_type == "JSON":
        return said
    if column_type.endswith("[]"):
        return [fact(column_type[:-2], each) for each in said]
    if column_type == "TIMESTAMPTZ":
        return datetime.fromisoformat(said)
    return UUID(said) if column_type == "UUID" else said


def bytes_in(folder: SegmentFolder) -> Mapping[str, bytes]:
    files = (file for file in folder.folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder.folder)): file.read_bytes() for file in files}


def test_every_row_of_the_log_is_in_a_segment_as_it_is_there_with_its_facts(rich: str, original: SegmentFolder) -> None:
    log = log_rows(rich)
    assert {row["event_type"] for row in log} == set(EVENTS)
    found: list[dict[str, Any]] = []
    for segment in (segment for each in original.ranges() for segment in each.segments):
        rows = rows_in(original.path(segment))
        assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
        assert len(rows) == segment.events
        assert {table_name(row["event_type"]) for row in rows} == {segment.table}
        found += rows
    found.sort(key=lambda row: row["position"])
    assert [{name: row[name] for name in NAMES} for row in found] == log[: original.reached]
    for row in found:
        said = json.loads(row["payload"]) if row["payload"] is not None else {}
        for column in tables()[table_name(row["event_type"])].facts:
            value = json.loads(row[column.name]) if column.type == "JSON" and row[column.name] else row[column.name]
            assert value == fact(column.type, said.get(SAID_AS.get(column.name, column.name))), column


def test_a_range_binds_all_that_came_before_it_as_the_log_does(rich: str, original: SegmentFolder) -> None:
    log = log_rows(rich)
    for each in original.ranges():
        before = log[: each.last]
        end = max(place for place, row in enumerate(before, 1) if row["chain"] is not None)
        leaves = b"".join(row["leaf"] for row in before[end:])
        assert each.chain == hashlib.sha256(before[end - 1]["chain"] + leaves).hexdigest()


def test_segments_have_whole_ranges_only_and_go_on_where_they_ended(
    dsn: str, application: LogApplication, folder: SegmentFolder
) -> None:
    told: list[int] = []
    assert write_segments(dsn, folder, 10).ranges == ()
    for events, ends in ((9, []), (1, [10]), (25, [20, 30]), (4, []), (1, [40])):
        application.log_recorder.coalescer.append(request(*(log_event() for _ in range(events))))
        done = write_segments(dsn, folder, 10, told.append)
        assert [each.last for each in done.ranges] == told == ends
        assert done.reached == folder.reached == done.head // 10 * 10
        told.clear()
    assert [(each.first, each.last) for each in folder.ranges()] == [(1, 10), (11, 20), (21, 30), (31, 40)]
    assert verify_segments(folder, dsn) == SegmentsVerified(ranges=4, files=4, events=40, reached=40, with_log=True)


def test_nothing_new_changes_nothing(rich: str, copied: SegmentFolder) -> None:
    before = bytes_in(copied)
    done = write_segments(rich, copied, STEP)
    assert (done.ranges, done.reached) == ((), copied.reached)
    assert bytes_in(copied) == before


def test_they_are_the_same_bytes_when_they_are_written_again(
    rich: str, original: SegmentFolder, folder: SegmentFolder
) -> None:
    write_segments(rich, folder, STEP)
    assert len(bytes_in(folder)) > 3 * len(folder.ranges())
    assert bytes_in(folder) == bytes_in(original)


def test_the_size_of_ranges_may_change(rich: str, folder: SegmentFolder) -> None:
    head = len(log_rows(rich))
    for step in (head - 9, 4):
        write_segments(rich, folder, step)
    assert [each.last for each in folder.ranges()] == [head - 9, head - 5, head - 1]
    assert verify_segments(folder, rich).events == head - 1


def test_nothing_personal_is_in_any_file(rich: str, original: SegmentFolder) -> None:
    with superuser(rich) as connection:
        sealed = connection.execute("SELECT sealed FROM mnemolog.event WHERE sealed IS NOT NULL").fetchall()
    decoded = b"".join(repr(row).encode() for each in segments(original) for row in rows_in(original.path(each)))
    for content in (*bytes_in(original).values(), decoded):
        assert SECRET.encode() not in content
        assert SECRET.split()[0].encode() not in content
        assert not [each for (each,) in sealed if each in content]
    assert len(sealed) > 5


def segments(folder: SegmentFolder) -> list[Any]:
    return [segment for each in folder.ranges() for segment in each.segments]


def test_nobody_else_can_read_them_and_nobody_writes_to_them(folder: SegmentFolder, rich: str) -> None:
    write_segments(rich, folder, STEP)
    assert {each.stat().st_mode & 0o777 for each in folder.folder.rglob("*.*") if each.is_file()} == {0o444}
    parents = [folder.folder.parent, folder.folder, *(each for each in folder.folder.iterdir() if each.is_dir())]
    assert {each.stat().st_mode & 0o777 for each in parents} == {0o700}


def test_events_that_this_release_does_not_know_are_in_segments_too(
    dsn: str, application: LogApplication, folder: SegmentFolder
) -> None:
    newer = log_event(topic="memory.activated.v9", data={"gate": "owner", "new": True})
    application.log_recorder.coalescer.append(request(log_event(topic="tea.brewed.v1"), newer))
    write_segments(dsn, folder, 2)
    assert [segment.table for segment in segments(folder)] == ["memory_activated", "tea_brewed"]
    assert rows_in(folder.path(segments(folder)[0]))[0]["gate"] == "owner"
    assert verify_segments(folder, dsn).events == 2


def test_an_event_whose_type_is_no_name_is_in_no_path(
    dsn: str, application: LogApplication, folder: SegmentFolder
) -> None:
    application.log_recorder.coalescer.append(request(log_event(), log_event(topic="../../tea.v1")))
    with pytest.raises(VerificationFailed, match="position 2"):
        write_segments(dsn, folder, 2)
    assert folder.ranges() == ()


def test_a_hole_in_the_log_does_not_become_a_segment(
    dsn: str, application: LogApplication, folder: SegmentFolder
) -> None:
    application.log_recorder.coalescer.append(request(*(log_event() for _ in range(10))))
    with superuser(dsn) as connection:
        unprotected(connection)
        connection.execute("DELETE FROM mnemolog.event WHERE position = 7")
    with pytest.raises(VerificationFailed, match="position 7"):
        write_segments(dsn, folder, 10)
    assert folder.ranges() == ()


def test_only_one_process_writes_at_a_time(dsn: str, folder: SegmentFolder, application: LogApplication) -> None:
    application.log_recorder.coalescer.append(request(*(log_event() for _ in range(10))))
    with folder.held() as ours:
        assert ours
        done = write_segments(dsn, folder, 5)
    assert (done.busy, done.ranges, done.reached, done.head) == (True, (), 0, 10)
    assert not write_segments(dsn, folder, 5).busy
    file = try_lock(folder.folder / "lock")
    assert file is not None
    file.close()


def test_leftovers_of_a_killed_writer_are_cleared_away(rich: str, copied: SegmentFolder) -> None:
    expected = bytes_in(copied)
    (newest,) = copied.ranges()[-1:]
    left = [
        copied.folder / "memory_activated" / "000000009001-000000009020.parquet",
        copied.folder / "memory_activated" / "000000000001-000000000005.parquet",
        copied.folder / ".drafts" / "tea_brewed.parquet",
        copied.folder / "manifest" / ".000000009001-000000009020.json.draft",
    ]
    for file in left:
        file.write_bytes(b"half of it")
    copied.manifest(newest).unlink()
    assert copied.reached == newest.first - 1
    assert [each.first for each in write_segments(rich, copied, STEP).ranges] == [newest.first]
    assert not [file for file in left if file.exists()]
    assert bytes_in(copied) == expected


# -- what is read


def test_the_events_of_one_tenant_are_shown_by_the_database_alone(rich: str) -> None:
    everything = log_rows(rich)
    tenants = {row["tenant_id"] for row in everything}
    assert len(tenants) > 2
    for tenant_id in tenants:
        found = read_events(rich, 0, len(everything), tenant_id)
        own = [row["position"] for row in everything if row["tenant_id"] == tenant_id]
        assert found.column("position").to_pylist() == own
        assert {UUID(str(each)) for each in found.column("tenant_id").to_pylist()} == {tenant_id}
    assert read_events(rich, 0, len(everything), UUID(int=9)).num_rows == 0


def test_what_is_read_has_the_columns_of_the_envelope_and_the_types_of_duckdb(rich: str) -> None:
    events = read_events(rich, 5, 12)
    assert events.column("position").to_pylist() == list(range(6, 13))
    with duckdb.connect() as database:
        relation = database.from_arrow(events)
        types = [str(each).replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for each in relation.types]
        assert list(zip(relation.columns, types, strict=True)) == [(each.name, each.type) for each in ENVELOPE]


@pytest.mark.parametrize("dsn", ["host=/nowhere", "postgresql://ann:hush@127.0.0.1:1/x", "nonsense", "host='"])
def test_a_store_that_does_not_answer_is_a_refusal_without_a_password(dsn: str, folder: SegmentFolder) -> None:
    with pytest.raises(StoreUnreachable) as refused:
        read_events(dsn, 0, 1)
    assert "hush" not in str(refused.value)
    with pytest.raises(StoreUnreachable):
        write_segments(dsn, folder, 5)


def test_a_reader_has_put_off_the_rights_of_whoever_connects(dsn: str) -> None:
    with superuser(dsn) as connection:
        connection.execute("REVOKE SELECT ON mnemolog.event FROM mnemolog_app, mnemolog_request")
        assert connection.execute("SELECT count(*) FROM mnemolog.event").fetchall() == [(0,)]
    with pytest.raises(adbc.Error, match="permission denied"):
        read_events(dsn, 0, 1)


# -- what is found out


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def into_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def other_parquet(file: Path) -> None:
    with duckdb.connect() as database:
        database.sql("SELECT 1 AS position").write_parquet(str(file))


HARMS: Mapping[str, Callable[[Path], None]] = {
    "a flipped bit": flip,
    "cut short": lambda file: os.truncate(file, file.stat().st_size - 1),
    "empty": lambda file: os.truncate(file, 0),
    "deleted": Path.unlink,
    "a byte more": lambda file: os.truncate(file, file.stat().st_size + 1),
    "another Parquet file": other_parquet,
    "a folder": into_folder,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_a_harmed_file_is_found_by_its_name(copied: SegmentFolder, rich: str, harm: Callable[[Path], None]) -> None:
    each = copied.ranges()[0]
    segment = each.segments[len(each.segments) // 2]
    harm(copied.path(segment))
    for source in (None, rich):
        with pytest.raises(SegmentCorrupted) as found:
            verify_segments(copied, source)
        assert found.value.facts["file"] == f"{segment.table}/{copied.path(segment).name}"
        assert found.value.facts["position"] == each.first
        assert found.value.exit_code == 6


def edit_manifest(folder: SegmentFolder, each: Range, edit: Callable[[dict[str, Any]], Any]) -> None:
    file = folder.manifest(each)
    said = orjson.loads(file.read_bytes())
    edit(said)
    file.write_bytes(orjson.dumps(said))


EDITS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "without a field": lambda said: said.pop("chain"),
    "another position": lambda said: said.update(first=said["first"] + 1),
    "a position that is none": lambda said: said.update(last=str(said["last"])),
    "a segment less": lambda said: said["segments"].pop(),
    "a segment twice": lambda said: said["segments"].append(said["segments"][0]),
    "a count": lambda said: said["segments"][0].update(events=said["segments"][0]["events"] + 1),
    "a path": lambda said: said["segments"][0].update(table="../memory_activated"),
    "a segment of another range": lambda said: said["segments"][0].update(first=1),
    "a hash that is none": lambda said: said["segments"][0].update(sha256="0"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_a_manifest_that_makes_no_sense_is_not_read(
    copied: SegmentFolder, rich: str, edit: Callable[[dict[str, Any]], Any]
) -> None:
    each = copied.ranges()[1]
    edit_manifest(copied, each, edit)
    ways: tuple[Callable[[], object], ...] = (
        copied.ranges,
        partial(verify_segments, copied),
        partial(write_segments, rich, copied, STEP),
    )
    for way in ways:
        with pytest.raises(SegmentCorrupted) as found:
            way()
        assert found.value.facts["file"] == copied.manifest(each).name


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"segments": 1}', b"\xff", b'{"segments": [[]]}'])
def test_what_is_no_manifest_is_not_read(copied: SegmentFolder, content: bytes) -> None:
    copied.manifest(copied.ranges()[0]).write_bytes(content)
    with pytest.raises(SegmentCorrupted, match="it is no manifest"):
        copied.ranges()


def test_a_manifest_that_is_gone_or_there_twice_shows_as_a_gap_or_an_overlap(copied: SegmentFolder) -> None:
    first, second = copied.ranges()[:2]
    kept = copied.manifest(first).read_bytes()
    copied.manifest(first).unlink()
    with pytest.raises(SegmentCorrupted, match="position 1"):
        _ = copied.reached
    copied.manifest(first).write_bytes(kept)
    overlap = copied.manifest(Range(second.first - 1, second.last, "", ()))
    shutil.copy(copied.manifest(second), overlap)
    with pytest.raises(SegmentCorrupted, match=overlap.name):
        copied.ranges()


def test_counts_and_hashes_that_were_exchanged_in_a_manifest_are_found(copied: SegmentFolder) -> None:
    each = copied.ranges()[1]

    def exchange(said: dict[str, Any]) -> None:
        fewest, *_, most = sorted(said["segments"], key=lambda segment: int(segment["events"]))
        fewest["events"], most["events"] = fewest["events"] + 1, most["events"] - 1

    edit_manifest(copied, each, exchange)
    with pytest.raises(SegmentCorrupted, match="events, not"):
        verify_segments(copied)
    edit_manifest(copied, copied.ranges()[0], lambda said: said.update(chain="0" * 64))
    with pytest.raises(SegmentCorrupted, match="position 1: its files have other events"):
        verify_segments(copied)


def rewrite(folder: SegmentFolder, each: Range, table: str, select: str) -> None:
    """A file made anew, and its manifest made to agree."""
    (place,) = (place for place, segment in enumerate(each.segments) if segment.table == table)
    file = folder.path(each.segments[place])
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        kept = database.read_parquet(str(file)).to_arrow_table()
        assert isinstance(kept, pyarrow.Table)
        database.register("kept", database.sql("FROM kept"))
        database.sql(select).write_parquet(str(file) + "~", compression="zstd")
    os.replace(str(file) + "~", file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    edit_manifest(folder, each, lambda said: said["segments"][place].update(sha256=digest))


FORGERIES = {
    "a fact": ("SELECT * REPLACE ('nobody' AS gate) FROM kept", False),
    "a payload": ("SELECT * REPLACE ('{}'::JSON AS payload) FROM kept", False),
    "an actor": ("SELECT * REPLACE (uuid() AS actor_id) FROM kept", False),
    "a type": ("SELECT * REPLACE ('memory.activated.v2' AS event_type) FROM kept", False),
    "a leaf": ("SELECT * REPLACE (unhex(sha256('x')) AS leaf) FROM kept", True),
    "a time": ("SELECT * REPLACE (recorded_at + INTERVAL 1 SECOND AS recorded_at) FROM kept", True),
    "a position": ("SELECT * REPLACE (position + 1000 AS position) FROM kept", True),
    "without a column": ("SELECT * EXCLUDE (leaf) FROM kept", True),
}


@pytest.mark.parametrize(("select", "without_the_log"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_that_its_manifest_agrees_with_is_found_against_the_log(
    copied: SegmentFolder, rich: str, select: str, without_the_log: bool
) -> None:
    """What the chain binds is found without the log, too."""
    each = next(each for each in copied.ranges() if any(s.table == "memory_activated" for s in each.segments))
    rewrite(copied, each, "memory_activated", select)
    with pytest.raises(SegmentCorrupted) as found:
        verify_segments(copied, rich)
    assert each.first <= found.value.facts["position"] <= each.last
    if without_the_log:
        with pytest.raises(SegmentCorrupted):
            verify_segments(copied)
    else:
        assert not verify_segments(copied).with_log
        assert found.value.facts["position"] == first_activated(rich, each)


def first_activated(dsn: str, each: Range) -> int:
    positions = [row["position"] for row in log_rows(dsn) if row["event_type"] == "memory.activated.v1"]
    return int(min(position for position in positions if each.first <= position <= each.last))


def test_a_file_that_an_older_release_wrote_without_a_fact_is_accepted(copied: SegmentFolder, rich: str) -> None:
    each = copied.ranges()[0]
    rewrite(copied, each, "memory_generated", "SELECT * EXCLUDE (trust) FROM kept")
    assert verify_segments(copied, rich).with_log


def test_segments_of_another_log_are_neither_continued_nor_believed(
    copied: SegmentFolder, dsn: str, application: LogApplication
) -> None:
    ways = (partial(write_segments, dsn, copied, STEP), partial(verify_segments, copied, dsn))
    for events, reason in ((STEP, f"position {STEP + 1}: the log ends"), (20 * STEP, "it is of another log")):
        application.log_recorder.coalescer.append(request(*(log_event() for _ in range(events))))
        for way in ways:
            with pytest.raises(SegmentCorrupted, match=reason):
                way()


def unprotected(connection: Any) -> None:
    connection.execute("DROP TRIGGER event_is_immutable ON mnemolog.event")
    connection.execute("DROP TRIGGER event_is_kept ON mnemolog.event")


def test_a_log_that_was_changed_since_is_found_at_the_position(
    dsn: str, application: LogApplication, folder: SegmentFolder
) -> None:
    record_every_event(application)
    write_segments(dsn, folder, STEP)
    with superuser(dsn) as connection:
        unprotected(connection)
        connection.execute("UPDATE mnemolog.event SET payload = '{}' WHERE position = 27")
    with pytest.raises(SegmentCorrupted, match="at position 27: the log says something else"):
        verify_segments(folder, dsn)


# -- while others write


def append_some(dsn: str, number: int, appends: int) -> list[UUID]:
    """Appends of one to five events, of which the names are returned once they are acknowledged."""
    acknowledged: list[UUID] = []
    with connect(dsn) as connection:
        for place in range(appends):
            events = [log_event(topic=f"test.kind_{number}.v1") for _ in range(1 + place % 5)]
            flush(connection, request(*events))
            acknowledged += [UUID(str(event.originator_id)) for event in events]
    return acknowledged


def race(dsn: str, folder: SegmentFolder, writers: int, appends: int, step: int) -> None:
    """Nothing is missing from segments and nothing is there twice that was written while somebody was writing."""
    ends: list[int] = []
    with ThreadPoolExecutor(writers) as pool:
        results = [pool.submit(append_some, dsn, number, appends) for number in range(writers)]
        while not all(result.done() for result in results):
            done = write_segments(dsn, folder, step)
            ends += [each.last for each in done.ranges]
        acknowledged = [name for result in results for name in result.result()]
    seen_before_the_end = len(ends)
    ends += [each.last for each in write_segments(dsn, folder, step).ranges]
    assert ends == list(range(step, len(acknowledged) + 1, step))
    assert seen_before_the_end > 0
    found = [row for segment in segments(folder) for row in rows_in(folder.path(segment))]
    assert sorted(row["position"] for row in found) == list(range(1, ends[-1] + 1))
    assert len({row["stream_id"] for row in found}) == len(found)
    with connect(dsn) as connection:
        log = connection.execute("SELECT stream_id FROM mnemolog.event WHERE position <= %s", (ends[-1],)).fetchall()
    assert {row["stream_id"] for row in found} == {name for (name,) in log} <= set(acknowledged)
    assert verify_segments(folder, dsn).events == ends[-1]


def test_four_writers_append_while_segments_are_written(dsn: str, folder: SegmentFolder) -> None:
    race(dsn, folder, writers=4, appends=50, step=40)


@pytest.mark.long
def test_four_writers_append_for_a_long_time_while_segments_are_written(dsn: str, folder: SegmentFolder) -> None:
    race(dsn, folder, writers=4, appends=2_000, step=250)


# -- the capability


@pytest.fixture
def store(dsn: str, tmp_path: Path) -> Iterator[Store]:
    settings = Settings(home=tmp_path / "home", dsn=dsn, segment_events=3)
    with open_store(settings=settings, embedder=HashingEmbedder()) as store:
        yield store


def test_an_administrator_writes_lists_and_verifies_them(store: Store, tmp_path: Path) -> None:
    store.memories.remember("main", "Tea is kept in the blue tin.")
    done = store.segments.write()
    assert [each.last for each in done.ranges] == list(range(3, done.head + 1, 3))
    assert store.segments.list() == done.ranges
    verified = store.segments.verify()
    assert (verified.reached, verified.with_log) == (done.reached, True)
    assert (tmp_path / "home" / "analytics" / "segments" / "manifest").is_dir()
    files = [file for file in (tmp_path / "home" / "analytics").rglob("*") if file.is_file()]
    assert not [file for file in files if b"blue tin" in file.read_bytes()]


def test_nobody_else_does(store: Store) -> None:
    agent = store.principals.register("Kettle", PrincipalKind.AGENT)
    key = store.principals.issue_key(agent.principal_id).key
    for other in (store.acting_as(key), store.acting_as(store.tenants.found("another").key)):
        for refused in (other.segments.write, other.segments.list, other.segments.verify):
            with pytest.raises(Denied):
                refused()
