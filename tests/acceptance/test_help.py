"""`--help` is quick and complete."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest

from mnemolog.api.cli import COMMANDS, cli, module_of

HEAVY = (
    "torch",
    "transformers",
    "fastapi",
    "uvicorn",
    "numpy",
    "scipy",
    "rustworkx",
    "psycopg",
    "duckdb",
    "pyarrow",
    "eventsourcing",
    "rich",
    "pydantic",
)
LOOK = """
import json, sys
from mnemolog.api.cli import run
code = run(json.loads(sys.argv[1]))
print(json.dumps({"code": code, "modules": sorted(sys.modules)}), file=sys.stderr)
"""
SUMMARIES = {name: summary for section in COMMANDS.values() for name, summary in section.items()}


def modules_after(*arguments: str) -> set[str]:
    """What has been imported once a command line has been run."""
    command = [sys.executable, "-c", LOOK, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stderr.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    return set(found["modules"])


def every_command(group: click.Group = cli) -> Iterator[tuple[str, click.Command]]:
    with click.Context(group) as ctx:
        for name in group.list_commands(ctx):
            found = group.get_command(ctx, name)
            assert found is not None
            yield name, found
            if isinstance(found, click.Group):
                yield from every_command(found)


def test_help_imports_no_command_and_nothing_heavy() -> None:
    modules = modules_after("--help")
    assert not [name for name in HEAVY if name in modules]
    assert not [name for name in modules if name.startswith("mnemolog.api.commands.")]


@pytest.mark.parametrize("command", SUMMARIES)
def test_the_help_of_a_command_imports_that_command_only_and_nothing_heavy(command: str) -> None:
    modules = modules_after(command, "--help")
    assert not [name for name in HEAVY if name in modules]
    assert [name for name in modules if name.startswith("mnemolog.api.commands.")] == [module_of(command)]


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_summary_of_a_command_is_what_the_command_says_of_itself(name: str) -> None:
    with click.Context(cli) as ctx:
        command = cli.get_command(ctx, name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == SUMMARIES[name]


@pytest.mark.parametrize(
    ("name", "command"), [*every_command()], ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_command_and_every_option_is_documented(name: str, command: click.Command) -> None:
    assert command.help, name
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    if not isinstance(command, click.Group):
        assert {"as_json", "debug", "home"} <= {each.name for each in options}


def test_no_option_takes_a_secret() -> None:
    names = {each.name or "" for _, command in every_command() for each in command.params}
    assert not {
        name for name in names if any(word in name for word in ("dsn", "password", "secret", "token", "api_key"))
    }


def test_the_version_is_that_of_the_distribution() -> None:
    command = [sys.executable, "-c", "from mnemolog.api.cli import main; main(['--version'])"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"mnemolog {version('mnemolog')}\n"
