from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.time_answers import DiffAnswer


@click.command("diff")
@click.argument("memory_id", type=click.UUID, metavar="ID")
@click.option("--from", "from_", metavar="WHEN", required=True, help="A position, a time with its zone, or -2h.")
@click.option("--to", metavar="WHEN", help="The same; now when it is absent.")
@shared_options
@pass_invocation
def command(invocation: Invocation, memory_id: UUID, from_: str, to: str | None) -> None:
    """Show what changed in a memory between two moments.

    The text with what is gone and what is new in it, in colours or as [-gone-] and {+new+}; then what else has changed.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document

    with invocation.store(*CATALOGUE) as store:
        first = store.at(from_)
        assert first is not None
        answer = store.time.diff(memory_id, first, store.at(to))
    if invocation.as_json:
        print_document(answer)
    else:
        _show(answer)


def _show(answer: DiffAnswer) -> None:
    from mnemolog.api.terminal.tables import print_rows
    from mnemolog.api.terminal.time_lines import CHANGE_COLUMNS, change_rows, worded

    rows = list(change_rows(answer))
    if answer.rewritten:
        click.echo(worded(answer.text, coloured=sys.stdout.isatty()))
    if rows:
        print_rows(CHANGE_COLUMNS, rows)
    if not (answer.rewritten or rows):
        note("Nothing has changed.")
    if answer.readers is None:
        note("Who may read it is told to administrators.")
