"""Principals, keys and tenants at the command line."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.command_line import CommandLine


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, dsn)


def created(mnemolog: CommandLine, name: str, kind: str) -> str:
    said = mnemolog("principals", "create", name, "--kind", kind)
    assert said.code == 0, said.err
    return said.out.strip()


def test_principals_are_created_listed_shown_and_deactivated(mnemolog: CommandLine) -> None:
    agent = created(mnemolog, "agent", "agent")
    listed = mnemolog("principals", "list", "--kind", "agent").rows
    assert [row[:4] for row in listed] == [[agent, "agent", "False", "True"]]
    assert mnemolog("principals", "deactivate", agent).code == 0
    assert mnemolog("principals", "show", agent, "--json").json["active"] is False
    assert mnemolog("principals", "reactivate", agent).code == 0
    assert mnemolog("principals", "show", agent).rows[0][3] == "True"
    assert mnemolog("principals", "show", str(uuid4())).code == 3


def test_members_are_added_listed_and_removed(mnemolog: CommandLine) -> None:
    group, user = created(mnemolog, "friends", "group"), created(mnemolog, "Ada", "user")
    rows = mnemolog("principals", "members", group, "--add", user).rows
    assert [row[:2] for row in rows] == [[user, "user"]]
    assert mnemolog("principals", "members", group, "--add", group).code == 5
    assert mnemolog("principals", "members", group, "--remove", user).rows == []


def test_keys_are_listed_rotated_and_bound(mnemolog: CommandLine) -> None:
    agent, user = created(mnemolog, "agent", "agent"), created(mnemolog, "Ada", "user")
    bound = mnemolog("keys", "issue", "--principal", agent, "--scope", "read", "--for", user, "--json").json
    assert (bound["scopes"], bound["on_behalf_of"]) == (["read"], user)
    following = mnemolog("keys", "rotate", bound["key_id"], "--overlap", "1h", "--json").json
    assert (following["scopes"], following["on_behalf_of"]) == (["read"], user)
    rows = {row[0]: row for row in mnemolog("keys", "list", "--principal", agent).rows}
    assert rows.keys() == {bound["key_id"], following["key_id"]}
    assert (rows[bound["key_id"]][2], rows[bound["key_id"]][3] != "") == ("valid", True)
    assert mnemolog("keys", "rotate", str(uuid4())).code == 3


def test_tenants_are_founded_listed_and_limited_by_the_owner_of_the_installation(
    mnemolog: CommandLine, dsn: str, tmp_path: Path
) -> None:
    founded = mnemolog("tenants", "create", "Bakery", "--rate", "5", "--json").json
    assert mnemolog("tenants", "limit", founded["tenant_id"], "--concurrent", "3").code == 0
    rows = {row[0]: row[1:3] for row in mnemolog("tenants", "list").rows}
    assert rows[founded["tenant_id"]] == ["", "3"]
    other = CommandLine(tmp_path, dsn, MNEMOLOG_API_KEY=founded["key"])
    assert other("tenants", "list").code == 4
    assert [row[0] for row in other("principals", "list").rows] == [founded["owner_id"]]


def test_an_identity_is_told_once(mnemolog: CommandLine) -> None:
    one, two = created(mnemolog, "Ada", "user"), created(mnemolog, "Ben", "user")
    whose = ("--issuer", "https://id.example", "--subject", "ada")
    assert mnemolog("principals", "identify", one, *whose).code == 0
    assert mnemolog("principals", "identify", two, *whose).code == 5
