"""The command line. A command's module is imported when the command is called, and not before."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import NoReturn

import click

from mnemolog.api.terminal import complaints
from mnemolog.api.terminal.invocation import Invocation, shared_options
from mnemolog.domain.refusals import Refusal

INTERRUPTED = 130
# The summaries stand here too, so that `mnemolog --help` imports none of the commands.
COMMANDS = {
    "Begin": {
        "demo": "Take a conversation through all that the store does.",
        "serve": "Serve the REST API.",
    },
    "Memories": {
        "remember": "Store memories.",
        "recall": "Ask a cube what it knows.",
        "graph": "Follow what joins memories, names and contexts.",
        "show": "Show a memory as it is, or as it was.",
        "history": "Show all that happened to a memory.",
        "list": "List the memories of a cube.",
        "erase": "Make a memory, or all about a data subject, unreadable for ever.",
        "cubes": "List and found cubes, the spaces of memories.",
    },
    "Permissions": {
        "grant": "Let somebody do something, or forbid it.",
        "revoke": "Take a grant back, and all that were made from it.",
        "grants": "List grants.",
        "check": "Say whether somebody may do something.",
        "explain": "Say why somebody may or may not, rule by rule.",
    },
    "The store": {
        "log": "Show the log of events, or follow it.",
        "audit": "Show who did, saw and was refused what.",
        "verify": "Prove that the log is as it was written.",
        "export": "Write the log to a file that can be verified anywhere.",
        "status": "Show how the store and its views are.",
        "views": "Show the views, and what they hold.",
        "rebuild": "Make views anew from the log, or verify them.",
        "migrate": "Bring a database up to this release.",
        "principals": "Manage users, agents, services, groups and roles.",
        "keys": "Issue, list, rotate and revoke API keys.",
        "tenants": "Found tenants, and limit them.",
    },
}
EPILOG = """\b
Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 not found, 4 denied, 5 conflict,
6 verification failed, 7 the store or a model does not answer, 130 interrupted.

\b
Environment: MNEMOLOG_HOME, MNEMOLOG_DSN or libpq's PG* variables, MNEMOLOG_EMBEDDER,
MNEMOLOG_API_KEY, MNEMOLOG_KEY_ENCRYPTION_KEY. Secrets are never options."""


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = import_module(f"mnemolog.api.commands.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()))


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("mnemolog"), prog_name="mnemolog", message="%(prog)s %(version)s")
@shared_options
def cli() -> None:
    """An event-sourced memory store for LLM agents.

    \b
    mnemolog demo
    mnemolog remember "Ada takes her coffee black."
    mnemolog recall "How does Ada like her coffee?"
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code. All that goes wrong is said here, once."""
    invocation = Invocation()
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        code = cli.main(list(arguments), prog_name="mnemolog", standalone_mode=False, obj=invocation)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), file=sys.stderr)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the edge of the process: whatever it is, it becomes an exit code
        if invocation.debug:
            complaints.trace(error)
        return complaint_about(error).show(invocation.as_json)


def complaint_about(error: Exception) -> complaints.Complaint:
    if isinstance(error, Refusal):
        return complaints.of_refusal(error)
    if isinstance(error, click.ClickException):
        return complaints.of_usage(error)
    return complaints.of_unexpected(error)
