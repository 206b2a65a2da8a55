from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options
from mnemolog.projections.recipes import RECIPES

if TYPE_CHECKING:
    from mnemolog.api.answers import RecallAnswer


@click.command("recall")
@click.argument("query")
@click.option("--cube", default="main", show_default=True, help="Which cube to ask.")
@click.option("-k", default=10, show_default=True, help="How many memories at most.")
@click.option(
    "--recipe",
    type=click.Choice(tuple(RECIPES)),
    default="dialogue",
    show_default=True,
    help="How to weigh the signals.",
)
@click.option("--at", metavar="WHEN", help="As of a position, a time with its zone, or a while ago such as -2h.")
@click.option("--at-least", type=int, metavar="POSITION", help="Wait until this position of the log is known.")
@click.option(
    "--explain",
    is_flag=True,
    help="Show every signal: what it measured, how far above the mean that is, and its part of the score.",
)
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    query: str,
    cube: str,
    k: int,
    recipe: str,
    at: str | None,
    at_least: int | None,
    explain: bool,
) -> None:
    """Ask a cube what it knows.

    \b
    mnemolog recall "How does Ada like her coffee?"
    mnemolog recall -k 3 --explain "How does Ada like her coffee?"
    mnemolog recall --recipe keyword "black coffee"
    mnemolog recall --at -2h "How does Ada like her coffee?"
    """
    from mnemolog.api.parts import RECALL
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.projections.recall import Question

    with invocation.store(*RECALL) as store:
        answer = store.recall(cube, Question(query, k, recipe), at=store.at(at), at_least=at_least)
    if invocation.as_json:
        print_document(answer)
        return
    _print(answer, explain)


def _print(answer: RecallAnswer, explain: bool) -> None:
    from mnemolog.api.terminal.columns import EXPLAINED_COLUMNS, HIT_COLUMNS, explained, hit_row
    from mnemolog.api.terminal.tables import cell, print_rows

    if explain:
        sparse = sys.stdout.isatty()
        print_rows(EXPLAINED_COLUMNS, (row for hit in answer.hits for row in explained(hit, sparse)))
    else:
        print_rows(HIT_COLUMNS, map(hit_row, answer.hits))
    note(f"{answer.considered} considered at position {answer.position} with {answer.embedder}.")
    if answer.dropped:
        note(f"Not considered: {cell(answer.dropped)}.")
