from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.imports import ImportAnswer

FORMATS = ("auto", "memos", "mem0", "langgraph")


@click.command("import")
@click.argument("path", metavar="FILE_OR_FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "name", type=click.Choice(FORMATS), default="auto", show_default=True, help="Whose export.")
@click.option("--cube", default="main", show_default=True, help="Where to.")
@click.option("--dry-run", is_flag=True, help="Only say what would be imported.")
@shared_options
@pass_invocation
def command(invocation: Invocation, path: Path, name: str, cube: str, dry_run: bool) -> None:
    """Take over memories from MemOS, mem0 or LangGraph.

    They arrive in quarantine: nobody recalls them before a reviewer lets them out. Importing the same again writes
    nothing. Only JSON is read: pickles, weights and code are never opened.

    \b
    mnemolog import mem0.json --dry-run
    mnemolog import ./mem_cube --format memos --cube ada
    """
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store:
        answer = store.imports.file(cube, path, name, dry_run=dry_run)
    if invocation.as_json:
        print_document(answer)
    else:
        _print(answer, dry_run)


def _print(answer: ImportAnswer, dry_run: bool) -> None:
    from mnemolog.api.terminal.columns import FIELD_COLUMNS
    from mnemolog.api.terminal.tables import cell, print_rows

    facts: list[tuple[str, str | int]] = [("format", answer.format), ("memories", answer.memories)]
    facts += [("links", answer.links), ("times taken as UTC", answer.naive_times)]
    facts += [(f"left out: {why}", count) for why, count in answer.left_out.items()]
    facts += [("not opened", each.name) for each in answer.unopened]
    print_rows(FIELD_COLUMNS, facts)
    if dry_run:
        note("Nothing was written.")
    elif answer.replayed:
        note("All of it had been imported before: nothing was written.")
    elif answer.position is not None:
        note(f"In quarantine, at position {cell(answer.position)}.")
