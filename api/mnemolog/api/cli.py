"""The command line. A command's module is imported when the command is called, and not before."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from keyword import iskeyword
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
        "import": "Take over memories from MemOS, mem0 or LangGraph.",
        "recall": "Ask a cube what it knows.",
        "graph": "Follow what joins memories, names and contexts.",
        "list": "List the memories of a cube.",
        "lineage": "Show what a memory was made from, and what was made of it.",
        "influence": "Show how far a memory has reached: what was made of it, and who was told.",
        "erase": "Make a memory, or all about a data subject, unreadable for ever.",
        "cubes": "List and found cubes, the spaces of memories.",
    },
    "Time travel": {
        "show": "Show a memory as it is, or as it was.",
        "history": "Show all that happened to a memory.",
        "diff": "Show what changed in a memory between two moments.",
        "blame": "Show which event put each part of a memory there.",
        "timeline": "Show what happened in a cube.",
        "undo": "Take back what was written, by new events.",
        "fork": "Copy a cube as it was into a new one.",
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
        "retract": "Take back what somebody wrote, with all that was made from it.",
        "sql": "Ask the log in SQL.",
        "report": "Show or draw a report on the log.",
        "verify": "Prove that the log is as it was written, and all that was made of it.",
        "export": "Write the log to a file that can be verified anywhere.",
        "segments": "Write the log to files that analytics read.",
        "dump": "Write a cube to a folder, with its proofs.",
        "load": "Make a cube of a folder that was dumped.",
        "status": "Show how the store and its views are.",
        "views": "Show the views, and what they hold.",
        "rebuild": "Make views anew from the log, or verify them.",
        "replay": "Make views from nothing as they were at any moment.",
        "replay-answer": "Ask again what was once answered, and compare every bit.",
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


def module_of(command: str) -> str:
    """`replay-answer` is in replay_answer.py, and `import`, which is a word of Python's, in import_.py."""
    name = command.replace("-", "_")
    return f"mnemolog.api.commands.{name}{'_' if iskeyword(name) else ''}"


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = import_module(module_of(cmd_name)).command
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
