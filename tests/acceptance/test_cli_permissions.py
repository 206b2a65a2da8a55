"""Grants and questions about permissions on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import CommandLine


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn)


def test_somebody_is_let_in_told_why_and_shut_out_again(mnemolog: CommandLine) -> None:
    memory_id = mnemolog("remember", "Tea is in the blue tin.").out.strip()
    guest = mnemolog("keys", "issue", "--new", "A guest", "--kind", "user", "--json").json["principal_id"]
    refused = mnemolog("check", guest, "read", memory_id)
    assert (refused.code, refused.out) == (4, "no_permit\n")
    explained = mnemolog("explain", guest, "read", memory_id)
    assert explained.code == 0
    assert f"  - a grant of read on cube main for {guest}\n" in explained.out
    grant_id = mnemolog(
        "grant", guest, "read", "--cube", "main", "--for", "care", "--until", "2999-01-01T00:00:00Z"
    ).out
    allowed = mnemolog("check", guest, "read", memory_id, "--context", "purpose=care")
    assert (allowed.code, allowed.out) == (0, "allowed\n")
    assert mnemolog("check", guest, "read", memory_id, "--json").code == 4
    ((shown, effect, whom, what, level, *_),) = mnemolog("grants").rows
    assert [shown, effect, whom, what, level] == [grant_id.strip(), "permit", guest, "read", "cube"]
    assert mnemolog("revoke", grant_id.strip(), "--reason", "Tea is over.").code == 0
    assert mnemolog("grants").out == ""
    assert len(mnemolog("grants", "--revoked").rows) == 1
    position = mnemolog("grants", "--revoked", "--json").json["items"][0]["position"]
    said = mnemolog("explain", guest, "read", memory_id, "--context", "purpose=care", "--at", str(position), "--json")
    assert said.json["allowed"] is True


def test_a_purpose_is_declared_with_an_option(mnemolog: CommandLine) -> None:
    assert mnemolog("recall", "tea", "--purpose", "care").code == 0
    assert mnemolog("recall", "tea", "--purpose", "  ").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("grant", "00000000-0000-0000-0000-000000000001", "fly", "--tenant"),
        ("grant", "00000000-0000-0000-0000-000000000001", "read"),
        ("grant", "00000000-0000-0000-0000-000000000001", "read", "--tenant", "--until", "12"),
        ("check", "nobody", "read", "nothing"),
        ("explain", *["00000000-0000-0000-0000-000000000001"], "read", "00000000-0000-0000-0000-000000000001",
         "--context", "mood=good"),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)  # fmt: skip
def test_what_makes_no_sense_is_wrong_usage(mnemolog: CommandLine, arguments: tuple[str, ...]) -> None:
    assert mnemolog(*arguments).code == 2
