"""Time travel on the command line: what a person reads, and what a pipe is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import open_store
from mnemolog.api.terminal.time_lines import worded
from mnemolog.api.time_answers import WordsAnswer
from tests.command_line import CommandLine
from tests.databases import database


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def told(server: EmbeddedPostgres, home: Path) -> Iterator[tuple[CommandLine, str, int, int]]:
    """The command line, a memory, where it was made, and where it was revised."""
    with database(server) as dsn:
        with open_store(home, dsn, embedder=HashingEmbedder()) as store:
            made = store.memories.remember("main", "Tea is in the blue tin.")
            (memory_id,) = made.memory_ids
            revised = store.memories.revise(memory_id, "Tea is in the red tin.", priority=9)
        yield CommandLine(home, dsn), str(memory_id), made.position, revised.position


def test_the_past_of_a_memory_is_shown_undone_and_forked(told: tuple[CommandLine, str, int, int]) -> None:
    line, memory_id, made, revised = told
    diff = line("diff", memory_id, "--from", str(made), "--to", str(revised))
    assert diff.out.splitlines() == ["Tea is in the [-blue-]{+red+} tin.", "priority\t5\t9"]
    blame = line("blame", memory_id).rows
    assert [(row[0], row[2], row[4]) for row in blame if row[3] == "text"] == [
        (str(made - 1), "you", "Tea is in the"),
        (str(revised), "you", "red"),
        (str(made - 1), "you", "tin."),
    ]
    assert [row[0] for row in blame if row[3] == "priority"] == [str(revised)]
    timeline = line("timeline", "main", "--since", str(made - 2), "--limit", "2")
    assert [(row[3], row[4], row[5]) for row in timeline.rows] == [
        ("memory.generated", memory_id, "Tea is in the red tin."),
        ("memory.activated", memory_id, "Tea is in the red tin."),
    ]
    assert "--cursor" in timeline.err
    dry = line("undo", str(revised), "--dry-run")
    assert dry.rows == [["memory.revised", memory_id]]
    assert "would" in dry.err
    undone = line("undo", str(revised), "--json").json
    assert (undone["undone"], undone["memory_ids"]) == ([revised], [memory_id])
    refused = line("undo", str(revised))
    assert refused.code == 5
    assert f"position {undone['position']}" in refused.err
    fork = line("fork", "main", "--at", str(revised), "--name", "what-if")
    assert "1 memories, as of position" in fork.err
    assert [row[5] for row in line("list", "--cube", "what-if").rows] == ["Tea is in the red tin."]


@pytest.mark.parametrize("arguments", [("undo", "soon"), ("fork", "main")])
def test_a_question_that_cannot_be_is_wrong_usage(
    told: tuple[CommandLine, str, int, int], arguments: tuple[str]
) -> None:
    assert told[0](*arguments).code == 2


def test_words_are_coloured_for_people_and_no_text_takes_over_their_terminal() -> None:
    words = [
        WordsAnswer(kind="kept", text="Tea\n"),
        WordsAnswer(kind="gone", text="tin\x1b[2J"),
        WordsAnswer(kind="new", text="jar"),
    ]
    assert worded(words, coloured=False) == "Tea\n[-tin\ufffd[2J-]{+jar+}"
    assert worded(words, coloured=True) == "Tea\n\x1b[0m\x1b[31m\x1b[9mtin\ufffd[2J\x1b[0m\x1b[32mjar\x1b[0m"
