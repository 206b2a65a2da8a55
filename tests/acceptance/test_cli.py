"""What the command line promises: data on stdout, all else on stderr, and an exit code for every way to end."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from mnemolog.api.answers import RecallAnswer
from mnemolog.api.cli import run
from mnemolog.api.commands.recall import print_answer
from tests.command_line import FOREIGN, PROGRAM, CommandLine

NOBODY = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn)


def test_what_was_remembered_is_recalled_shown_and_listed(mnemolog: CommandLine) -> None:
    remembered = mnemolog("remember", "Ada takes her coffee black.", "--tag", "coffee", "--key", "ada")
    assert remembered.code == 0
    assert "1 remembered, at position 7." in remembered.err
    (memory_id,) = remembered.out.split()
    hits = mnemolog("recall", "How does Ada like her coffee?", "--json").json["hits"]
    assert [(hit["memory_id"], hit["text"]) for hit in hits] == [(memory_id, "Ada takes her coffee black.")]
    assert mnemolog("show", memory_id, "--json").json["tags"] == ["coffee"]
    assert mnemolog("list", "--tag", "coffee", "--key", "ada").rows[0][0] == memory_id
    assert mnemolog("list", "--tag", "tea").rows == []


def test_each_line_of_stdin_is_a_memory(mnemolog: CommandLine) -> None:
    assert len(mnemolog("remember", "-", stdin="één\n\nzwei\n".encode()).rows) == 2
    lines = b'{"text": "trois", "key": "3"}\n{"text": "quattro"}\n'
    assert len(mnemolog("remember", "--jsonl", "-", "--json", stdin=lines).json["memory_ids"]) == 2
    assert [row[-1] for row in mnemolog("list").rows] == ["één", "zwei", "trois", "quattro"]


def test_explain_shows_every_signal(mnemolog: CommandLine) -> None:
    mnemolog("remember", "-", stdin=b"Tea is in the tin.\nThe dog is called Pilot.\n")
    plain, told = mnemolog("recall", "dog", "-k", "1"), mnemolog("recall", "dog", "-k", "1", "--explain")
    hit = mnemolog("--json", "recall", "dog", "-k", "1").json["hits"][0]
    assert [row[-1] for row in plain.rows] == ["The dog is called Pilot."]
    assert {row[1] for row in told.rows} == set(hit["signals"]) >= {"terms", "vector"}
    assert sum(float(row[4]) for row in told.rows) == pytest.approx(hit["score"], abs=0.01)
    assert "2 considered at position 9" in plain.err


def test_a_recipe_decides_which_signals_count(mnemolog: CommandLine) -> None:
    mnemolog("remember", "Tea is in the tin.")
    hit = mnemolog("recall", "--recipe", "keyword", "tea", "--json").json["hits"][0]
    assert set(hit["signals"]) == {"terms"}


def test_an_answer_says_whether_all_were_compared(mnemolog: CommandLine) -> None:
    mnemolog("remember", "Tea is in the tin.")
    assert mnemolog("recall", "tea", "--exact", "--json").json["exact"] is True
    assert "by an index" not in mnemolog("recall", "tea").err


def test_one_that_rests_on_an_index_says_so_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    answer = RecallAnswer(
        hits=[], position=8, exact=False, considered=2, dropped={}, estimated_tokens=0, embedder="none", reranker=None
    )
    print_answer(answer, explain=False, several=False)
    assert "2 considered, by an index, at position 8" in capsys.readouterr().err


def test_what_a_filter_does_not_let_through_is_left_out(mnemolog: CommandLine) -> None:
    for tag in ("drinks", "food"):
        mnemolog("remember", f"Tea is among the {tag}.", "--tag", tag)
    told = mnemolog("recall", "tea", "--where", '{"field": "tag", "eq": "food"}', "--budget", "6")
    assert [row[-1] for row in told.rows] == ["Tea is among the food."]
    assert "Left out: filtered 1." in told.err
    assert mnemolog("recall", "tea", "--budget", "5").rows == []


def test_a_list_is_narrowed_by_the_same_filter(mnemolog: CommandLine) -> None:
    for speaker in ("Ada", "Ben"):
        mnemolog("remember", f"Tea, says {speaker}.", "--speaker", speaker)
    by_ben = '{"field": "speaker", "eq": "ben"}'
    assert [row[-1] for row in mnemolog("list", "--where", by_ben).rows] == ["Tea, says Ben."]
    assert mnemolog("list", "--where", by_ben, "--at", "6").rows == []
    high = '{"field": "priority", "lt": 9}'
    told = mnemolog("list", "--where", high, "--limit", "1")
    cursor = told.err.split()[-1]
    assert [row[-1] for row in told.rows] == ["Tea, says Ada."]
    assert [row[-1] for row in mnemolog("list", "--where", high, "--cursor", cursor).rows] == ["Tea, says Ben."]


def test_of_several_cubes_each_row_says_which(mnemolog: CommandLine) -> None:
    mnemolog("cubes", "found", "kitchen")
    cubes = {row[0]: row[1] for row in mnemolog("cubes", "list").rows}
    for cube in cubes:
        mnemolog("remember", f"Tea of the cube {cube}.", "--cube", cube)
    told = mnemolog("recall", "tea", "--cube", "main", "--cube", "kitchen")
    assert {row[0]: row[-1] for row in told.rows} == {cubes[name]: f"Tea of the cube {name}." for name in cubes}
    assert "2 considered" in told.err


def test_a_memory_whose_time_has_passed_is_counted_and_not_told(mnemolog: CommandLine) -> None:
    mnemolog("remember", "gone", "--ttl", "1s")
    answer = mnemolog("recall", "gone", "--json").json
    while not answer["dropped"]:  # it may end between the ranking and the last check, which counts nothing
        answer = mnemolog("recall", "gone", "--json").json
    assert (answer["hits"], answer["dropped"]) == ([], {"expired": 1})


def test_the_history_tells_who_did_what(mnemolog: CommandLine) -> None:
    (memory_id,) = mnemolog("remember", "Tea.").out.split()
    rows = mnemolog("history", memory_id).rows
    assert [(row[0], row[2], row[3], row[4]) for row in rows] == [
        ("6", "you", "generated", '"Tea."'),
        ("7", "you", "activated", "gate owner"),
    ]
    assert [event["type"] for event in mnemolog("history", memory_id, "--json").json] == [
        "memory.generated.v1",
        "memory.activated.v1",
    ]


def test_the_log_is_read_from_a_position_by_type_and_never_tells_what_memories_say(mnemolog: CommandLine) -> None:
    mnemolog("remember", "a secret about Ada")
    head = mnemolog("status", "--json").json["position"]
    assert [row[0] for row in mnemolog("log", "--after", str(head - 2)).rows] == [str(head - 1), str(head)]
    assert [row[0] for row in mnemolog("log", "--type", "memory.activated").rows] == [str(head)]
    looked = [(row[0], row[2]) for row in mnemolog("log", "--limit", "2").rows]
    assert looked == [(str(head + 1), "access.recorded.v1"), (str(head + 2), "access.recorded.v1")]
    assert "secret" not in mnemolog("log", "--json").out


def test_a_followed_log_is_one_line_of_json_for_each_event_until_it_is_interrupted(mnemolog: CommandLine) -> None:
    head = mnemolog("status", "--json").json["position"]
    following = mnemolog.begin("log", "--follow", "--json", "--after", str(head))
    assert following.stdout is not None
    mnemolog("remember", "Tea.")
    events = [json.loads(following.stdout.readline()) for _ in range(2)]
    assert [(event["position"], event["type"]) for event in events] == [
        (head + 1, "memory.generated.v1"),
        (head + 2, "memory.activated.v1"),
    ]
    following.send_signal(signal.SIGINT)
    rest, complaint = following.communicate()
    assert (rest, complaint.strip()) == ("", "Interrupted.")
    assert following.returncode == 130


def test_the_status_tells_how_far_the_log_and_every_view_is(mnemolog: CommandLine) -> None:
    mnemolog("remember", "Tea.")
    found = mnemolog("status", "--json").json
    assert (found["position"], found["embedded"], found["memories"]) == (7, False, {"activated": 1})
    lags = {view["name"]: view["lag"] for view in found["views"]}
    assert lags.keys() >= {"catalogue", "scopes", "terms", "vectors"}
    assert set(lags.values()) == {0}
    assert ["position", "7"] in mnemolog("status").rows


def test_a_log_that_was_changed_from_outside_fails_verification_with_6(mnemolog: CommandLine, dsn: str) -> None:
    mnemolog("remember", "Tea.")
    assert mnemolog("verify", "--json").json["events"] == 7
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("ALTER TABLE event DISABLE TRIGGER ALL")
        connection.execute("UPDATE event SET occurred_at = occurred_at + interval '1 second' WHERE position = 5")
    failed = mnemolog("verify")
    assert (failed.code, failed.out) == (6, "")
    assert "position 5" in failed.err


def test_migrations_are_shown_and_applied(empty_dsn: str, tmp_path: Path) -> None:
    mnemolog = CommandLine(tmp_path / "home", empty_dsn)
    unready = mnemolog("status")
    assert unready.code == 5
    assert "mnemolog migrate" in unready.err
    assert {state for _, state in mnemolog("migrate", "--status").rows} == {"missing"}
    assert len(mnemolog("migrate", "--json").json["newly_applied"]) > 1
    assert {state for _, state in mnemolog("migrate").rows} == {"applied"}
    assert mnemolog("status").code == 0


def test_a_key_opens_the_store_for_its_holder_until_it_is_revoked(
    mnemolog: CommandLine, dsn: str, tmp_path: Path
) -> None:
    issued = mnemolog("keys", "issue", "--new", "Agent", "--ttl", "30d", "--json").json
    kek = (tmp_path / "home" / "key-encryption.key").read_bytes()
    (tmp_path / "theirs").mkdir(mode=0o700)
    theirs = tmp_path / "theirs" / "key-encryption.key"
    theirs.touch(0o600)
    theirs.write_bytes(kek)
    agent = CommandLine(tmp_path / "theirs", dsn, MNEMOLOG_API_KEY=issued["key"])
    assert agent("cubes", "found", "notes").code == 0
    assert [row[0] for row in agent("cubes", "list").rows] == ["notes"]
    assert agent("log").code == 4
    assert mnemolog("keys", "revoke", issued["principal_id"], issued["key_id"]).code == 0
    refused = agent("cubes", "list")
    assert refused.code == 4
    assert "MNEMOLOG_API_KEY" in refused.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("nonsense",), 2),
        (("show", "nonsense"), 2),
        (("remember", "Tea.", "--ttl", "soon"), 2),
        (("remember", "Tea.", "--ttl", "0s"), 2),
        (("remember", "--jsonl", "Tea."), 2),
        (("remember", "-"), 2),
        (("remember", ""), 2),
        (("recall", ""), 2),
        (("recall", "--recipe", "magic", "tea"), 2),
        (("recall", "Tea?", "--where", "{"), 2),
        (("recall", "Tea?", "--where", '{"tag": "a"}'), 2),
        (("recall", "Tea?", "--budget", "0"), 2),
        (("recall", "Tea?", "--rerank"), 2),
        (("recall", "Tea?", "-k", "0"), 2),
        (("recall", "Tea?", "--at-least", "999"), 2),
        (("list", "--limit", "0"), 2),
        (("list", "--cursor", "nonsense"), 2),
        (("list", "--where", "{"), 2),
        (("list", "--where", '{"tag": "a"}'), 2),
        (("log", "--type", "nonsense"), 2),
        (("demo", "/nowhere.json"), 2),
        (("show", NOBODY), 3),
        (("history", NOBODY), 3),
        (("recall", "Tea?", "--cube", "nowhere"), 3),
        (("keys", "revoke", NOBODY, NOBODY), 3),
        (("serve", "--host", "192.0.2.1"), 4),
        (("cubes", "found", "main"), 5),
    ],
)
def test_a_refusal_has_its_exit_code_says_so_on_stderr_and_shows_no_traceback(
    arguments: tuple[str, ...],
    code: int,
    mnemolog: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, as there are many of them."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    for name, value in mnemolog.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    assert run(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err
    assert "Traceback" not in said.err


def test_with_json_an_error_is_one_document_on_stderr(mnemolog: CommandLine) -> None:
    refused = mnemolog("show", NOBODY, "--json")
    error = json.loads(refused.err)["error"]
    assert refused.out == ""
    assert (error["code"], error["exit_code"]) == ("memory_not_found", 3)
    assert NOBODY in error["message"]
    assert "mnemolog list" in error["advice"]


def test_with_debug_an_error_shows_where_it_comes_from(mnemolog: CommandLine) -> None:
    assert "Traceback" in mnemolog("show", NOBODY, "--debug").err


def test_a_store_that_does_not_answer_is_7_and_no_secret_is_told(tmp_path: Path) -> None:
    unreachable = CommandLine(tmp_path / "home", "postgresql://ada:swordfish@127.0.0.1:1/nothing")("status")
    assert (unreachable.code, unreachable.out) == (7, "")
    assert "MNEMOLOG_DSN" in unreachable.err
    assert "swordfish" not in unreachable.err


def test_a_connection_string_that_is_none_is_never_repeated(tmp_path: Path) -> None:
    refused = CommandLine(tmp_path / "home", "postgres//ada:swordfish@nowhere")("status")
    assert refused.code != 0
    assert "swordfish" not in refused.err


def test_a_reader_that_goes_away_ends_the_command_without_a_word(mnemolog: CommandLine) -> None:
    mnemolog("remember", "-", stdin=b"".join(b"line %d\n" % number for number in range(300)))
    with subprocess.Popen(
        [*PROGRAM, "list", "--limit", "300"], env=mnemolog.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        assert listing.stderr.read() == b""


def test_at_a_terminal_there_is_a_table_and_colour_only_where_it_is_wanted(mnemolog: CommandLine) -> None:
    mnemolog("remember", "Tea.", "--key", "tin")
    coloured, plain = at_a_terminal(mnemolog, {}), at_a_terminal(mnemolog, {"NO_COLOR": "1"})
    assert "position" in coloured
    assert "─" in coloured
    assert "\x1b[36m" in coloured
    assert "\x1b[3" not in plain


def at_a_terminal(mnemolog: CommandLine, more: dict[str, str]) -> str:
    """What `mnemolog list` shows there."""
    ours, theirs = pty.openpty()
    environment = {**mnemolog.environment, "TERM": "xterm-256color", "COLUMNS": "120", **more}
    environment = environment if "NO_COLOR" in more else {k: v for k, v in environment.items() if k != "NO_COLOR"}
    with subprocess.Popen([*PROGRAM, "list"], env=environment, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        shown = bytearray()
        while chunk := read(ours):
            shown += chunk
        assert process.wait() == 0
    os.close(ours)
    return shown.decode()


def read(descriptor: int) -> bytes:
    """Empty at the end, which a terminal reports as an error."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
