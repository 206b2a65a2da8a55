from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import open_store
from tests.command_line import CommandLine
from tests.databases import database


@pytest.fixture(scope="module")
def mnemolog(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with database(server) as dsn:
        line = CommandLine(tmp_path_factory.mktemp("home"), dsn)
        told = (
            b'{"text": "I had lunch with Ben.", "speaker": "Ann"}\n{"text": "We move to Lisbon.", "speaker": "Ben"}\n'
        )
        assert line("remember", "--jsonl", "-", stdin=told).code == 0
        yield line


def test_paths_are_rows_and_explained_they_are_steps(mnemolog: CommandLine) -> None:
    found = mnemolog("graph", "Ann", "--depth", "4", "--limit", "3")
    ann, _, ben = rows = found.rows
    assert [row[:2] for row in rows] == [["1", "memory"], ["2", "entity"], ["3", "memory"]]
    assert (ann[3:5], ben[3:5]) == (["activated", "I had lunch with Ben."], ["activated", "We move to Lisbon."])
    assert ben[5] == f"{ann[2]}, ben"
    assert "raise --limit" in found.err
    steps = mnemolog("graph", "Ann", "--to", "Lisbon", "--explain").rows
    assert [row[1] for row in steps] == ["0", "1", "2", "3", "4"]
    assert [row[3] for row in steps] == ["", "backward", "forward", "backward", "forward"]
    assert [steps[0][7], steps[4][7]] == ["ann", "lisbon"]


def test_what_is_related_is_listed_by_its_score(mnemolog: CommandLine) -> None:
    first, second = mnemolog("graph", "Ann", "--related").rows
    assert first[2:] == ["activated", "Ann", "I had lunch with Ben."]
    assert second[2:] == ["activated", "Ben", "We move to Lisbon."]
    assert 1 > float(first[0]) > float(second[0]) > 0


def test_what_was_merged_is_followed_where_its_history_is_asked_for(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with database(server) as dsn:
        line = CommandLine(tmp_path, dsn)
        with open_store(tmp_path, dsn, embedder=HashingEmbedder()) as store:
            parents = store.memories.remember("main", "I drink tea.", "With milk.").memory_ids
            merged = str(store.memories.merge(parents, "I drink tea with milk.").memory_ids[0])
        walk = ("graph", merged, "--relation", "derived_from", "--direction", "out")
        assert line(*walk).rows == []
        told = [(row[2], row[3], row[4]) for row in line(*walk, "--history").rows]
        assert told == [(str(parents[0]), "merged", "I drink tea."), (str(parents[1]), "merged", "With milk.")]
        steps = line("graph", str(parents[0]), "--to", merged, "--relation", "merged_to", "--history", "--explain").rows
        assert [(row[2], row[8]) for row in steps] == [("", "merged"), ("merged_to", "activated")]
        hits = line("graph", merged, "--related", "--history").rows
        assert {row[1]: row[2] for row in hits} == {str(each): "merged" for each in parents}
        document = line("graph", merged, "--history", "--json").json
        assert [memory["state"] for memory in document["memories"]] == ["activated", "merged", "merged"]
        assert line("graph", str(parents[0])).code == 3


def test_no_way_and_no_such_name_are_told_apart(mnemolog: CommandLine) -> None:
    none = mnemolog("graph", "Ann", "--to", "Lisbon", "--relation", "causes")
    assert (none.code, none.out) == (0, "")
    assert "No way leads there." in none.err
    assert mnemolog("graph", "Nobody").code == 3


@pytest.mark.parametrize(
    "arguments",
    [(), ("Ann", "Ben", "--to", "Lisbon"), ("Ann", "--related", "--to", "Lisbon")],
)
def test_a_question_that_cannot_be_is_wrong_usage(mnemolog: CommandLine, arguments: tuple[str, ...]) -> None:
    assert mnemolog("graph", *arguments).code == 2
