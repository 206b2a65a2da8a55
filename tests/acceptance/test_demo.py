"""The demonstration does what it tells, does nothing twice, and survives being killed."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.demo.conversations import our_own
from tests.command_line import CommandLine

SESSIONS, TURNS = 150, 4
PATIENCE = 60.0


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn)


@pytest.fixture
def long_talk(tmp_path: Path) -> Path:
    """A LoCoMo file that takes a while to remember."""
    spoken: dict[str, Any] = {}
    for session in range(1, SESSIONS + 1):
        spoken[f"session_{session}_date_time"] = "1:56 pm on 8 May, 2023"
        spoken[f"session_{session}"] = [
            {"speaker": "AB"[turn % 2], "dia_id": f"D{session}:{turn}", "text": f"Turn {turn} of session {session}."}
            for turn in range(1, TURNS + 1)
        ]
    path = tmp_path / "long.json"
    path.write_text(json.dumps([{"sample_id": "long", "conversation": spoken, "qa": []}]), encoding="utf-8")
    return path


def memories_in_log(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM event WHERE event_type = 'memory.generated.v1'").fetchone()
        assert row is not None
        return int(row[0])


def test_the_bundled_conversation_goes_through_all_that_the_store_does(mnemolog: CommandLine) -> None:
    talk, outcome = our_own(), mnemolog("demo", "--json").json
    assert (outcome["ingested"]["turns"], outcome["ingested"]["new"]) == (len(talk.turns), len(talk.turns))
    assert [each["question"] for each in outcome["recalled"]] == [question.text for question in talk.questions]
    assert outcome["recalled"][0]["found"]
    assert outcome["revised"]["position"] < outcome["archived"]["position"]
    assert outcome["passed"]["found_before"]
    assert not outcome["passed"]["found_after"]
    assert outcome["passed"]["dropped"] == {"archived": 1, "expired": 1}
    merged = outcome["merged"]["memory"]
    assert (merged["text"], len(merged["parents"]), merged["state"]) == (talk.changes.merge[1], 2, "activated")
    verified, head = outcome["verified"], mnemolog("status", "--json").json["position"]
    assert verified["position"] == verified["events"] <= head


def test_the_memories_that_were_changed_are_the_ones_that_were_meant(mnemolog: CommandLine) -> None:
    talk, cube = our_own(), mnemolog("demo", "--json").json["cube"]
    found = {each["key"]: each for each in mnemolog("list", "--cube", cube, "--limit", "200", "--json").json["items"]}
    key, text = talk.changes.revise
    assert (found[key]["text"], found[key]["version"]) == (text, 3)
    assert {key for key, each in found.items() if each["state"] == "archived"} == {talk.changes.archive}
    assert {key for key, each in found.items() if each["state"] == "merged"} == set(talk.changes.merge[0])


def test_a_second_run_remembers_nothing_twice_and_says_so(mnemolog: CommandLine, dsn: str) -> None:
    first = mnemolog("demo", "--json").json
    before = memories_in_log(dsn)
    second = mnemolog("demo", "--json").json
    assert second["ingested"]["new"] == second["computed"] == 0
    assert second["ingested"]["first"] == first["ingested"]["first"]
    for change in ("revised", "archived"):
        assert second[change] == {**first[change], "replayed": True}
    assert second["merged"]["written"] == {**first["merged"]["written"], "replayed": True}
    assert memories_in_log(dsn) == before + 1  # the one that lives for a moment
    assert "are here from an earlier run" in mnemolog("demo").out


def test_a_run_that_was_killed_is_carried_on_and_every_turn_is_there_once(
    mnemolog: CommandLine, dsn: str, long_talk: Path
) -> None:
    running = mnemolog.begin("demo", str(long_talk), "--json")
    deadline = time.monotonic() + PATIENCE
    while memories_in_log(dsn) == 0 and time.monotonic() < deadline:
        assert running.poll() is None
    running.send_signal(signal.SIGKILL)
    running.communicate()
    left = memories_in_log(dsn)
    assert 0 < left < SESSIONS * TURNS
    outcome = mnemolog("demo", str(long_talk), "--json").json
    assert outcome["ingested"]["turns"] == SESSIONS * TURNS
    assert outcome["ingested"]["new"] == SESSIONS * TURNS - left
    turns = mnemolog("log", "--type", "memory.generated", "--limit", "500", "--after", "0", "--json").json["items"]
    assert len({event["memory_id"] for event in turns}) == 500
    assert memories_in_log(dsn) == SESSIONS * TURNS + 2  # the one that lives for a moment, and the merged one


def test_it_is_told_in_plain_text_where_nobody_looks_on(mnemolog: CommandLine) -> None:
    told = mnemolog("demo")
    assert told.code == 0
    assert told.err == ""
    assert "\x1b" not in told.out
    assert 50 < len(told.out.splitlines()) < 90
    for chapter in ("Remember", "Recall", "Change", "Forget in time", "Merge", "Verify"):
        assert chapter in told.out
    assert "Asked at once: found. Asked when its time had passed: not found." in told.out


@pytest.fixture
def home() -> Iterator[Path]:
    """Not below tmp_path: pytest closes that to the account which root lends the embedded server."""
    folder = Path(tempfile.mkdtemp(prefix="mnemolog-demo-"))
    folder.chmod(0o711)
    yield folder / "home"
    assert EmbeddedPostgres(folder / "home" / "demo").wait_stopped()
    shutil.rmtree(folder)


def test_with_the_embedded_server_the_users_own_store_is_not_touched(home: Path) -> None:
    assert CommandLine(home)("demo", "--json").json["ingested"]["new"] == len(our_own().turns)
    assert [each.name for each in home.iterdir()] == ["demo"]
