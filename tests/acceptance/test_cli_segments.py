"""Segments from the command line."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.command_line import CommandLine


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn, MNEMOLOG_SEGMENT_EVENTS="5")


def test_segments_are_written_listed_and_verified(mnemolog: CommandLine, tmp_path: Path) -> None:
    told = mnemolog("segments", "write")
    lines = [[int(cell) for cell in row[:4]] for row in told.rows]
    assert [row[:3] for row in lines] == [[first, first + 4, 5] for first in range(1, 5 * len(lines), 5)]
    assert len(lines) > 0
    assert f"Segments reach position {5 * len(lines)} of " in told.err
    listed = mnemolog("segments", "list", "--json").json
    assert [each["last"] for each in listed] == [row[1] for row in lines]
    verified = mnemolog("segments", "verify")
    assert verified.out.endswith(f" files with {5 * len(lines)} events say what the log says.\n")
    file = next((tmp_path / "home" / "analytics" / "segments").glob("*/*.parquet"))
    file.unlink()
    failed = mnemolog("segments", "verify", "--json")
    assert (failed.code, failed.out) == (6, "")
    assert orjson.loads(failed.err)["error"]["code"] == "segment_corrupted"
    assert f"{file.parent.name}/{file.name}" in failed.err
