from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import CommandLine

NOBODY = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn)


def test_what_commands_tell_and_refuse_is_on_record(mnemolog: CommandLine) -> None:
    (memory_id,) = mnemolog("remember", "Tea is in the tin.").out.split()
    assert mnemolog("recall", "tea").code == 0
    assert mnemolog("show", memory_id).code == 0
    assert mnemolog("show", NOBODY).code == 3
    rows = mnemolog("audit", "--memory", memory_id).rows
    assert [row[3] for row in rows] == ["get", "recall", "memory.activated", "memory.generated"]
    assert {row[2] for row in rows} == {"you"}
    refused = mnemolog("audit", "--refused", "--json").json["items"]
    assert [(each["kind"], each["code"], each["memory_ids"]) for each in refused] == [
        ("get", "memory_not_found", [NOBODY])
    ]
    assert "Tea" not in mnemolog("audit", "--json").out


def test_an_audit_is_narrowed_and_goes_on_from_a_cursor(mnemolog: CommandLine) -> None:
    mnemolog("remember", "Tea is in the tin.")
    for _ in range(3):
        mnemolog("recall", "tea")
    first = mnemolog("audit", "--kind", "recall", "--limit", "2")
    assert len(first.rows) == 2
    cursor = first.err.split()[-1]
    assert len(mnemolog("audit", "--kind", "recall", "--limit", "2", "--cursor", cursor).rows) == 1
    assert mnemolog("audit", "--kind", "recall", "--until", "3").rows == []
    assert len(mnemolog("audit", "--kind", "recall", "--since", "-1h", "--cube", "main").rows) == 3
    assert mnemolog("audit", "--cube", "nowhere").code == 3
    assert mnemolog("audit", "--actor", "me").code == 2


def test_a_command_that_answers_leaves_its_record_and_nothing_else(mnemolog: CommandLine) -> None:
    mnemolog("remember", "Tea is in the tin.")
    before = mnemolog("status", "--json").json["position"]
    mnemolog("recall", "tea")
    assert mnemolog("status", "--json").json["position"] == before + 1
    assert [row[2] for row in mnemolog("log", "--after", str(before)).rows] == ["access.recorded.v1"]
