"""Views on the command line: what they hold, rebuilt and verified."""

from __future__ import annotations

import json
import os
import pty
import subprocess

import pytest

from mnemolog.api.pace import Pace
from mnemolog.api.terminal.view_lines import in_words
from tests.command_line import PROGRAM, CommandLine
from tests.databases import superuser

IN_MEMORY = ["edges", "labels", "scopes", "terms", "turns", "vectors"]


@pytest.fixture
def mnemolog(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    line = CommandLine(tmp_path_factory.mktemp("home"), dsn)
    assert line("remember", "Tea is in the tin.").code == 0
    return line


def test_the_views_are_listed(mnemolog: CommandLine) -> None:
    rows = {row[0]: row[1:] for row in mnemolog("views").rows}
    assert sorted(rows) == ["access", "catalogue", *IN_MEMORY]
    assert rows["catalogue"][3:6] == ["", "", ""]
    assert rows["terms"][:5] == ["7", "0", "0", "0", "0"]
    assert {view["name"] for view in mnemolog("views", "--json").json} == rows.keys()


def test_a_rebuild_says_what_it_did_on_stdout_and_nothing_on_stderr(mnemolog: CommandLine) -> None:
    (cube,) = mnemolog("cubes", "list").rows
    told = mnemolog("rebuild")
    assert sorted(row[0] for row in told.rows) == IN_MEMORY
    assert {(row[1], row[2]) for row in told.rows} == {(cube[1], "7")}
    assert told.err == ""
    held = {row[0]: row[6] for row in mnemolog("views").rows}
    assert held == {"access": "", "catalogue": "", **dict.fromkeys(IN_MEMORY, "1")}
    (done,) = mnemolog("rebuild", "terms", "--cube", "main", "--json").json
    assert (done["view"], done["cube_id"], done["position"]) == ("terms", cube[1], 7)
    assert done["events"] > 0
    ((view, cube_id, position, events, *_),) = mnemolog("rebuild", "catalogue").rows
    assert (view, cube_id, position) == ("catalogue", "", events)
    assert len(mnemolog("list").rows) == 1


def test_all_views_are_verified_and_a_row_that_was_changed_is_6(mnemolog: CommandLine, dsn: str) -> None:
    assert sorted(row[0] for row in mnemolog("rebuild", "--verify").rows) == ["access", "catalogue", *IN_MEMORY]
    with superuser(dsn) as connection:
        connection.execute("UPDATE mnemolog.memory SET trust = 0.5 WHERE to_position IS NULL")
    for arguments in ((), ("catalogue",)):
        failed = mnemolog("rebuild", "--verify", *arguments)
        assert (failed.code, failed.out) == (6, "")
        assert "position 7" in failed.err
        assert "trust" in failed.err
        assert "`mnemolog rebuild catalogue`" in failed.err
    error = json.loads(mnemolog("rebuild", "--verify", "--json").err)["error"]
    assert (error["code"], error["exit_code"]) == ("view_differs", 6)
    assert mnemolog("rebuild", "catalogue").code == 0
    assert mnemolog("rebuild", "--verify", "catalogue").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("catalogue", "--cube", "main"), 2),
        (("nonsense",), 3),
        (("terms", "--cube", "nowhere"), 3),
    ],
)
def test_what_cannot_be_is_refused(mnemolog: CommandLine, arguments: tuple[str, ...], code: int) -> None:
    for verifying in ((), ("--verify",)):
        assert mnemolog("rebuild", *arguments, *verifying).code == code


def test_others_than_administrators_are_denied(mnemolog: CommandLine) -> None:
    key = mnemolog("keys", "issue", "--new", "Agent", "--json").json["key"]
    mnemolog.environment["MNEMOLOG_API_KEY"] = key
    for verifying in ((), ("--verify",)):
        denied = mnemolog("rebuild", *verifying)
        assert (denied.code, denied.out) == (4, "")


def test_whoever_watches_is_told_the_position_and_stdout_stays_data(mnemolog: CommandLine) -> None:
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "rebuild", "terms", "--json"]
    environment = {**mnemolog.environment, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: heard(ours), b""))
        assert process.stdout is not None
        assert [each["view"] for each in json.loads(process.stdout.read())] == ["terms"]
    os.close(ours)
    assert process.returncode == 0
    assert "terms of main" in shown.decode()
    assert "7/7" in shown.decode()


def heard(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side has been closed
        return b""


def test_the_rate_and_the_time_that_is_left_are_said_in_words() -> None:
    pace = Pace("terms", "main", 500, 2000, 1234.5, 1.2)
    assert in_words(pace) == "1,234/s, 1 s to go"
    assert in_words(Pace("terms", "main", 0, 2000, 0.0, None)) == "0/s"
