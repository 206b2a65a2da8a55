from __future__ import annotations

from collections.abc import Iterator

import pytest

from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
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
    assert (ann[3], ben[3]) == ("I had lunch with Ben.", "We move to Lisbon.")
    assert ben[4] == f"{ann[2]}, ben"
    assert "raise --limit" in found.err
    steps = mnemolog("graph", "Ann", "--to", "Lisbon", "--explain").rows
    assert [row[1] for row in steps] == ["0", "1", "2", "3", "4"]
    assert [row[3] for row in steps] == ["", "backward", "forward", "backward", "forward"]
    assert [steps[0][7], steps[4][7]] == ["ann", "lisbon"]


def test_what_is_related_is_listed_by_its_score(mnemolog: CommandLine) -> None:
    first, second = mnemolog("graph", "Ann", "--related").rows
    assert [first[2:], second[2:]] == [["Ann", "I had lunch with Ben."], ["Ben", "We move to Lisbon."]]
    assert 1 > float(first[0]) > float(second[0]) > 0


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
