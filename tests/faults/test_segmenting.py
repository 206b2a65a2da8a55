"""A range is in segments whole or not at all, wherever its writer is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from mnemolog.adapters.analytics.segmenting import write_segments
from mnemolog.adapters.analytics.segments import SegmentFolder
from mnemolog.adapters.analytics.verifying import verify_segments
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import connect
from tests.appends import flush, request
from tests.every_event import record_every_event
from tests.factories import log_event

SCRIPT = Path(__file__).with_name("segmenting.py")
STEP = 4


class Killed:
    """Writers that die when they are told to."""

    def __init__(self, dsn: str) -> None:
        command = [sys.executable, str(SCRIPT), dsn]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._exit_code = 0
        assert self._answer() == "ready"

    def write(self, kill_at: int, folder: SegmentFolder, step: int = STEP) -> bool:
        """Whether it came to its end."""
        self._begin(kill_at, folder, step)
        answer = self._answer()
        assert answer in ("done", "killed")
        return answer == "done"

    def die_after(self, seconds: float, folder: SegmentFolder, step: int) -> None:
        self._begin(0, folder, step)
        time.sleep(seconds)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._exit_code = -signal.SIGKILL

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(60) == self._exit_code
        self._process.stdout.close()

    def _begin(self, kill_at: int, folder: SegmentFolder, step: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{kill_at} {step} {folder.folder}\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")


def append_range(dsn: str) -> None:
    """Of two kinds of events."""
    with connect(dsn) as connection:
        flush(connection, request(*(log_event(topic=f"test.kind_{number}.v1") for number in (1, 2, 1, 1))))


def contents(folder: SegmentFolder) -> Mapping[str, bytes]:
    files = (file for file in folder.folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder.folder)): file.read_bytes() for file in files}


def kill_at_every_step(dsn: str, begun: SegmentFolder, undisturbed: SegmentFolder, step: int) -> int:
    """How many steps there were. What is visible after each is whole, and the next writer goes on from it."""
    expected = contents(undisturbed)
    ends = {begun.reached, *(each.last for each in undisturbed.ranges() if each.last > begun.reached)}
    folder, seen, kills = SegmentFolder(begun.folder.with_name("killed")), set[int](), 0
    with closing(Killed(dsn)) as killed:
        while not killed.write(kills + 1, again(begun, folder), step):
            kills += 1
            reached = verify_segments(folder).reached
            assert reached in ends
            seen.add(reached)
            write_segments(dsn, folder, step)
            assert contents(folder) == expected, kills
    assert contents(folder) == expected
    assert seen == ends
    return kills


def again(begun: SegmentFolder, folder: SegmentFolder) -> SegmentFolder:
    shutil.rmtree(folder.folder, ignore_errors=True)
    if begun.folder.exists():
        shutil.copytree(begun.folder, folder.folder)
    return folder


def written(dsn: str, path: Path, step: int) -> SegmentFolder:
    folder = SegmentFolder(path)
    write_segments(dsn, folder, step)
    return folder


def test_a_writer_that_is_killed_at_any_step_leaves_whole_ranges_and_nothing_in_the_way(
    dsn: str, tmp_path: Path
) -> None:
    append_range(dsn)
    begun = written(dsn, tmp_path / "begun", STEP)
    append_range(dsn)
    assert kill_at_every_step(dsn, begun, written(dsn, tmp_path / "undisturbed", STEP), STEP) > 20


def test_a_writer_that_is_killed_again_and_again_comes_to_its_end(dsn: str, tmp_path: Path) -> None:
    """Each goes on from what the one before it left."""
    folder, kills = SegmentFolder(tmp_path / "segments"), 0
    for _ in range(2):
        append_range(dsn)
    with closing(Killed(dsn)) as killed:
        while not killed.write(12 + 2 * kills, folder):
            kills += 1
        assert kills > 1
        assert verify_segments(folder, dsn).reached == 2 * STEP


@pytest.mark.long
def test_every_step_with_every_kind_of_event(dsn: str, tmp_path: Path) -> None:
    with closing(LogApplication(dsn, bytes(32))) as application:
        step = record_every_event(application) // 2
    undisturbed = written(dsn, tmp_path / "undisturbed", step)
    assert kill_at_every_step(dsn, SegmentFolder(tmp_path / "begun"), undisturbed, step) > 200


@pytest.mark.long
def test_a_hundred_kills_at_any_time(dsn: str, tmp_path: Path) -> None:
    """Not between two steps that Python knows of, but wherever it happens to be, in DuckDB as well."""
    with connect(dsn) as connection:
        for _ in range(20):
            flush(connection, request(*(log_event() for _ in range(1000))))
    expected, folder = contents(written(dsn, tmp_path / "undisturbed", 1000)), SegmentFolder(tmp_path / "killed")
    chance, progress = random.Random(5), set[int]()
    for _ in range(100):
        with closing(Killed(dsn)) as killed:
            killed.die_after(chance.uniform(0.05, 0.4), folder, 1000)
        progress.add(verify_segments(folder).reached)
        if folder.reached == 20_000:
            assert contents(folder) == expected
            shutil.rmtree(folder.folder)
    write_segments(dsn, folder, 1000)
    assert contents(folder) == expected
    assert len(progress) > 2
    assert {reached % 1000 for reached in progress} == {0}
