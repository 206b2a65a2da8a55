from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from mnemolog.api.cli import run
from tests.command_line import CommandLine

WANTED = "event_type SIMILAR TO '(cube|memory).*'"
KINDS = f"SELECT event_type, count(*) AS n FROM event WHERE {WANTED} GROUP BY ALL ORDER BY ALL"
FOUND = [["cube.founded.v1", "1"], ["memory.activated.v1", "1"], ["memory.generated.v1", "1"]]


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn)


def test_a_query_is_answered_in_each_format(mnemolog: CommandLine, tmp_path: Path) -> None:
    mnemolog("remember", "Tea is in the tin.")
    said = mnemolog("sql", KINDS)
    assert said.rows == FOUND
    assert said.err == "3 rows, as of position 7.\n"
    out = tmp_path / "answer"
    document = mnemolog("sql", "--json", "--limit", "1", KINDS).json
    assert (document["columns"], document["rows"], document["truncated"]) == (
        ["event_type", "n"],
        [[*FOUND[0][:1], 1]],
        True,
    )
    assert mnemolog("sql", "-o", "parquet", "--out", str(out), "--at", "7", KINDS).out == ""
    assert [list(map(str, row.values())) for row in parquet.read_table(out).to_pylist()] == FOUND
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_query_that_would_leave_the_tables_is_refused_and_leaves_nothing(
    mnemolog: CommandLine, tmp_path: Path
) -> None:
    refused = mnemolog("sql", f"WITH x AS (COPY (SELECT 1) TO '{tmp_path}/stolen.csv') SELECT 1")
    assert (refused.code, refused.out) == (2, "")
    assert not (tmp_path / "stolen.csv").exists()
    for wrong in ([], ["--schema", "SELECT 1"], ["-o", "parquet", "SELECT 1"]):
        assert run(["sql", *wrong]) == 2
    recorded = mnemolog("audit", "--refused", "--json").json["items"]
    assert [each["code"] for each in recorded] == ["query_refused"]


def test_what_can_be_asked_is_shown(mnemolog: CommandLine, tmp_path: Path) -> None:
    rows = mnemolog("sql", "--schema").rows
    assert ["event", "position", "BIGINT"] in rows
    assert ["memory_linked", "target_id", "UUID"] in rows
    assert any(row[0].startswith("memory_history(") for row in rows)
    assert not list(tmp_path.rglob("*.duckdb"))
