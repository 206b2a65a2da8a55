"""The cache of sealed events: what is in it, when it is made anew, and that nobody ever reads half of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from mnemolog.adapters.analytics.cache import AnalyticsCache, Held, relations
from mnemolog.adapters.analytics.reading import read_events
from mnemolog.adapters.analytics.schema import tables
from mnemolog.adapters.analytics.segmenting import sha256_of, write_segments
from mnemolog.adapters.analytics.segments import SegmentFolder
from mnemolog.adapters.analytics.shredding import table_select
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.credentials import ApiKey
from mnemolog.api.principals import found_tenant
from mnemolog.api.settings import Settings
from mnemolog.api.store import open_store
from mnemolog.domain.refusals import SegmentCorrupted
from tests.databases import database

STEP = 8
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Written:
    """A log with two tenants, and its segments, which no test may change."""

    dsn: str
    folder: Path
    tenants: Sequence[UUID]


@pytest.fixture(scope="module")
def written(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    home: Path = tmp_path_factory.mktemp("home")
    with (
        database(server) as dsn,
        open_store(settings=Settings(home=home, dsn=dsn), embedder=HashingEmbedder()) as store,
    ):
        other = ApiKey.new()
        found_tenant(store.parts, other, "somebody else")
        stranger = store.acting_as(other.reveal())
        for each in (store, stranger, store):
            first, second = (each.memories.remember("main", text).memory_ids[0] for text in ("Tea.", "Coffee."))
            each.memories.merge([first, second], "Tea and coffee.")
        write_segments(dsn, SegmentFolder(home / "segments"), STEP)
        yield Written(dsn, home / "segments", (store.caller.tenant_id, stranger.caller.tenant_id))


@pytest.fixture
def segments(written: Written, tmp_path: Path) -> SegmentFolder:
    """A copy that may be changed."""
    shutil.copytree(written.folder, tmp_path / "segments")
    return SegmentFolder(tmp_path / "segments")


@pytest.fixture
def cache(written: Written, tmp_path: Path) -> AnalyticsCache:
    return AnalyticsCache(tmp_path, written.tenants[0])


def brought_up(cache: AnalyticsCache, segments: SegmentFolder) -> Held:
    held = cache.brought_up(segments)
    assert held is not None
    return held


def rows_in(held: Held) -> dict[str, Rows]:
    """All that is in a file, by table. Raises duckdb.Error."""
    with duckdb.connect(str(held.path), read_only=True) as connection:
        select = 'SELECT t::VARCHAR FROM sealed."{}" t ORDER BY position'
        return {name: connection.sql(select.format(name)).fetchall() for name, _ in relations()}


def rows_of_log(written: Written, tenant_id: UUID, upto: int) -> dict[str, Rows]:
    """The same, of what the log says."""
    with duckdb.connect() as connection:
        connection.register("log", read_events(written.dsn, 0, upto, tenant_id))
        selects = {name: table_select(table, "log") for name, table in tables().items()} | {"event": "FROM log"}
        select = "SELECT t::VARCHAR FROM ({}) t ORDER BY position"
        return {name: connection.sql(select.format(rows)).fetchall() for name, rows in selects.items()}


def first_ranges(segments: SegmentFolder, count: int) -> None:
    """Forget what came after the first ranges."""
    for each in segments.ranges()[count:]:
        segments.manifest(each).unlink()


def test_it_holds_the_rows_of_its_tenant_as_the_log_has_them_and_nobody_elses(
    written: Written, segments: SegmentFolder, tmp_path: Path
) -> None:
    for tenant_id in written.tenants:
        held = brought_up(AnalyticsCache(tmp_path, tenant_id), segments)
        assert held.reached == segments.reached
        found = rows_in(held)
        assert found == rows_of_log(written, tenant_id, held.reached)
        assert found["memory_generated"]


def test_without_segments_there_is_no_file(cache: AnalyticsCache, tmp_path: Path) -> None:
    assert cache.brought_up(SegmentFolder(tmp_path / "none")) is None
    assert list(tmp_path.iterdir()) == []


def test_it_grows_with_the_segments_and_is_then_as_if_made_at_once(
    cache: AnalyticsCache, segments: SegmentFolder, written: Written, tmp_path: Path
) -> None:
    first_ranges(segments, 1)
    before = brought_up(cache, segments)
    assert before.reached == STEP
    for each in SegmentFolder(written.folder).ranges():
        shutil.copyfile(SegmentFolder(written.folder).manifest(each), segments.manifest(each))
        brought_up(cache, segments)
    (tmp_path / "again").mkdir()
    again = brought_up(AnalyticsCache(tmp_path / "again", written.tenants[0]), segments)
    assert rows_in(brought_up(cache, segments)) == rows_in(again)


def test_what_fits_is_left_alone(cache: AnalyticsCache, segments: SegmentFolder) -> None:
    held = brought_up(cache, segments)
    before = held.path.stat()
    assert brought_up(cache, segments) == held
    assert (held.path.stat().st_ino, held.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_only_the_owner_can_read_it(cache: AnalyticsCache, segments: SegmentFolder) -> None:
    held = brought_up(cache, segments)
    assert held.path.stat().st_mode & 0o777 == 0o600


def test_whoever_reads_goes_on_reading_what_was_there(
    cache: AnalyticsCache, segments: SegmentFolder, written: Written
) -> None:
    first_ranges(segments, 1)
    held = brought_up(cache, segments)
    with duckdb.connect(str(held.path), read_only=True) as connection:
        for each in SegmentFolder(written.folder).ranges():
            shutil.copyfile(SegmentFolder(written.folder).manifest(each), segments.manifest(each))
        assert brought_up(cache, segments).reached > held.reached
        assert connection.sql("SELECT max(last) FROM sealed.mark").fetchall() == [(STEP,)]


def test_several_at_once_agree(segments: SegmentFolder, written: Written, tmp_path: Path) -> None:
    def bring_up(_: int) -> Held:
        return brought_up(AnalyticsCache(tmp_path, written.tenants[0]), segments)

    with ThreadPoolExecutor(4) as pool:
        (held,) = set(pool.map(bring_up, range(4)))
    assert rows_in(held) == rows_of_log(written, written.tenants[0], held.reached)


def of_another_schema(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE sealed.made SET fingerprint = 'another'; DELETE FROM sealed.event")


def of_other_segments(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE sealed.mark SET digest = 'another'; DELETE FROM sealed.event")


def of_more_segments(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO sealed.mark VALUES (1000, 1001, 'more'); DELETE FROM sealed.event")


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def no_database(path: Path) -> None:
    path.write_bytes(b"nothing that DuckDB would know" * 1000)


def with_a_log_beside_it(path: Path) -> None:
    path.with_name(f"{path.name}.wal").write_bytes(b"")


@pytest.mark.parametrize(
    "change",
    [of_another_schema, of_other_segments, of_more_segments, cut_short, emptied, no_database, with_a_log_beside_it],
)
def test_what_does_not_fit_is_made_anew(
    change: Any, cache: AnalyticsCache, segments: SegmentFolder, written: Written
) -> None:
    held = brought_up(cache, segments)
    change(held.path)
    again = brought_up(cache, segments)
    if cache.thrown_away_if_damaged():  # which a query finds out, and opening the file does not
        again = brought_up(cache, segments)
    assert rows_in(again) == rows_of_log(written, written.tenants[0], again.reached)
    assert sorted(each.name for each in held.path.parent.glob(f"*{held.path.name}*")) == [held.path.name]


def test_segments_that_were_written_anew_with_other_bounds_make_another_file(
    cache: AnalyticsCache, segments: SegmentFolder, written: Written
) -> None:
    brought_up(cache, segments)
    shutil.rmtree(segments.folder)
    write_segments(written.dsn, segments, STEP + 1)
    held = brought_up(cache, segments)
    assert held.reached % (STEP + 1) == 0
    assert rows_in(held) == rows_of_log(written, written.tenants[0], held.reached)


def test_what_a_killed_writer_left_is_not_gone_on_with(
    cache: AnalyticsCache, segments: SegmentFolder, written: Written, tmp_path: Path
) -> None:
    for name in (f".{written.tenants[0]}.duckdb.draft", f".{written.tenants[0]}.duckdb.draft.wal"):
        (tmp_path / name).write_bytes(b"half a file")
    held = brought_up(cache, segments)
    assert rows_in(held) == rows_of_log(written, written.tenants[0], held.reached)
    assert list(tmp_path.glob("*.draft*")) == []


def test_no_flipped_byte_is_believed(cache: AnalyticsCache, segments: SegmentFolder) -> None:
    """Either it is found when the file is opened, or when it is read, or nothing ever reads it."""
    held = brought_up(cache, segments)
    content, expected, found = held.path.read_bytes(), rows_in(held), 0
    for offset in [*range(0, 64, 9), *range(64, len(content), len(content) // 40)]:
        held.path.write_bytes(content[:offset] + bytes([content[offset] ^ 0xFF]) + content[offset + 1 :])
        if cache.thrown_away_if_damaged():
            found += 1
            assert not held.path.exists()
        else:
            assert rows_in(held) == expected
    assert found > 0


def test_a_segment_that_is_not_as_it_was_written_is_refused(cache: AnalyticsCache, segments: SegmentFolder) -> None:
    first_ranges(segments, 1)
    held = brought_up(cache, segments)
    damaged = segments.path(segments.ranges()[0].segments[0])
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x00")
    held.path.unlink()
    with pytest.raises(SegmentCorrupted, match=damaged.name):
        cache.brought_up(segments)
    assert not held.path.exists()


def test_a_segment_of_an_older_release_is_completed_from_its_payload(
    cache: AnalyticsCache, segments: SegmentFolder, written: Written
) -> None:
    """One that was written before a kind of event had the fact `trust`."""
    for each in segments.ranges():
        for segment in each.segments:
            if segment.table == "memory_generated":
                path = segments.path(segment)
                path.chmod(0o600)
                with duckdb.connect() as connection:
                    connection.execute(f"CREATE TABLE older AS SELECT * EXCLUDE (trust) FROM read_parquet('{path}')")
                    connection.execute(f"COPY older TO '{path}'")
                _say_again(segments.manifest(each), segment.table, sha256_of(path))
    held = brought_up(cache, segments)
    assert rows_in(held) == rows_of_log(written, written.tenants[0], held.reached)


def _say_again(manifest: Path, table: str, sha256: str) -> None:
    said = json.loads(manifest.read_bytes())
    for each in said["segments"]:
        each["sha256"] = sha256 if each["table"] == table else each["sha256"]
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(said))
