"""The past on the command line: views of any moment, answers asked again, and all of it proven."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from tests.command_line import PROGRAM, CommandLine
from tests.databases import database, superuser

VIEWS = ["access", "catalogue", "edges", "labels", "scopes", "terms", "turns", "vectors"]
WRITTEN, RECORDED = 7, 8  # the last event of a memory, and the record of the first answer


@pytest.fixture(scope="module")
def dsn(server: EmbeddedPostgres) -> Iterator[str]:
    with database(server) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def mnemolog(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Of a store with one memory and one answer."""
    line = CommandLine(tmp_path_factory.mktemp("home"), dsn)
    assert line("remember", "Tea is in the tin.").code == 0
    assert line("recall", "tea").code == 0
    return line


def test_an_answer_is_asked_again(mnemolog: CommandLine) -> None:
    told = mnemolog("replay-answer", str(RECORDED))
    assert told.out == f"The answer as of position {WRITTEN} is the same: 1 hit, to the last bit.\n"
    answer = mnemolog("replay-answer", str(RECORDED), "--json").json
    assert (answer["same"], answer["reason"]) == (True, None)
    assert (len(answer["memory_ids"]), float.fromhex(answer["scores"][0])) == (1, 0.0)
    assert mnemolog("replay-answer", str(WRITTEN)).code == 2


def test_views_are_made_again_and_left_in_a_folder(mnemolog: CommandLine, tmp_path: Path) -> None:
    rows = mnemolog("replay", "--to", str(RECORDED)).rows
    assert sorted(row[0] for row in rows) == VIEWS
    assert {row[2] for row in rows} == {str(RECORDED)}
    (row,) = mnemolog("replay", "--to", "6", "--view", "terms", "--cube", "main").rows
    assert (row[0], row[2]) == ("terms", "6")
    into = ("--to", str(RECORDED), "--into", str(tmp_path / "then"))
    made = mnemolog("replay", *into, "--json").json
    known = json.loads((tmp_path / "then" / "replay.json").read_text())
    assert (made["chain"], made["position"]) == (known["plan"]["chain"], known["plan"]["position"])
    digests = {each["view"]: each["digest"] for each in made["items"]}
    assert digests == {each["view"]: each["digest"] for each in known["finished"]} == {row[0]: row[-1] for row in rows}
    assert sha256((tmp_path / "then" / "catalogue.ndjson").read_bytes()).hexdigest() == digests["catalogue"]
    assert mnemolog("replay", "--cube", "main", "--to", "1").code == 3


def test_somebody_who_watches_is_told_how_fast_it_goes(mnemolog: CommandLine) -> None:
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "replay"], env=mnemolog.environment, stdout=subprocess.DEVNULL, stderr=writer, stdin=writer
    )
    os.close(writer)
    shown = b""
    try:
        while some := os.read(reader, 4096):
            shown += some
    except OSError:
        pass  # the other end of a terminal is gone
    os.close(reader)
    assert process.wait() == 0
    assert b"s to go" in shown


@pytest.mark.parametrize(
    "arguments", [("--only", "views", "--since", "8"), ("--only", "log", "--key"), ("--since", "no")]
)
def test_what_makes_no_sense_is_refused(mnemolog: CommandLine, arguments: tuple[str, ...]) -> None:
    assert mnemolog("verify", *arguments).code == 2


def test_all_is_proven_and_a_part_by_itself_until_something_is_not_what_it_was(mnemolog: CommandLine, dsn: str) -> None:
    told = mnemolog("verify")
    views, answers = told.out.splitlines()[-2:]
    assert views == "6 views of 1 cube and the tables catalogue and access are what the log says."
    assert answers.startswith("1 answer is the same when asked again, up to position ")
    proven = mnemolog("verify", "--json").json
    assert proven.keys() == {"position", "events", "chain", "checkpoints", "bound", "views", "answers"}
    assert (proven["answers"]["same"], proven["answers"]["not_replayable"]) == (1, {})
    assert sorted({each["view"] for each in proven["views"]}) == VIEWS
    only = mnemolog("verify", "--only", "answers", "--since", str(RECORDED), "--json").json
    assert (only.keys(), only["answers"]["same"]) == ({"answers"}, 0)
    with superuser(dsn) as connection:
        connection.execute("UPDATE mnemolog.memory SET trust = 0.5 WHERE to_position IS NULL")
    failed = mnemolog("verify", "--json")
    assert (failed.code, json.loads(failed.err)["error"]["code"]) == (6, "view_differs")
    forge(dsn)
    failed = mnemolog("verify", "--only", "answers", "--json")
    assert (failed.code, json.loads(failed.err)["error"]["code"]) == (6, "answer_differs")
    assert f"position {RECORDED} " in failed.err


def forge(dsn: str) -> None:
    """As if another memory had been told."""
    with superuser(dsn) as connection:
        connection.execute("ALTER TABLE mnemolog.event DISABLE TRIGGER event_is_immutable")
        connection.execute(
            """UPDATE mnemolog.event SET payload = jsonb_set(payload::jsonb, '{memory_ids,0}',
               to_jsonb(gen_random_uuid()))::json WHERE position = %s""",
            (RECORDED,),
        )
