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
@click.option(
    "--cube",
    "cubes",
    multiple=True,
    default=["main"],
    show_default=True,
    help="Which cube to ask; may be repeated.",
)
@click.option("-k", default=10, show_default=True, help="How many memories at most.")
@click.option(
    "--recipe",
    type=click.Choice(tuple(RECIPES)),
    default="dialogue",
    show_default=True,
    help="How to weigh the signals.",
)
@click.option("--where", metavar="JSON", help='Only what this filter lets through: {"field": "tag", "eq": "coffee"}.')
@click.option("--exact", is_flag=True, help="Compare all memories, also where an index is at hand.")
@click.option("--rerank", is_flag=True, help="Let the model of MNEMOLOG_RERANKER decide about the order.")
@click.option("--budget", type=int, metavar="TOKENS", help="At most so much text, by an estimate of its tokens.")
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
    cubes: tuple[str, ...],
    k: int,
    recipe: str,
    where: str | None,
    exact: bool,
    rerank: bool,
    budget: int | None,
    at: str | None,
    at_least: int | None,
    explain: bool,
) -> None:
    """Ask a cube what it knows.

    \b
    mnemolog recall "How does Ada like her coffee?"
    mnemolog recall -k 3 --explain "How does Ada like her coffee?"
    mnemolog recall --recipe keyword "black coffee"
    mnemolog recall --cube main --cube kitchen "black coffee"
    mnemolog recall --at -2h "How does Ada like her coffee?"
    """
    from mnemolog.api.filter_json import read_filter
    from mnemolog.api.parts import RECALL
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.projections.recall import Question

    with invocation.store(*RECALL) as store:
        wanted = None if where is None else read_filter("--where", where)
        question = Question(query, k, recipe, filter=wanted, exact=exact)
        answer = store.recall(cubes, question, budget=budget, rerank=rerank, at=store.at(at), at_least=at_least)
    if invocation.as_json:
        print_document(answer)
        return
    print_answer(answer, explain, several=len(cubes) > 1)


def print_answer(answer: RecallAnswer, explain: bool, *, several: bool) -> None:
    from mnemolog.api.terminal.columns import CUBE_COLUMN, EXPLAINED_COLUMNS, HIT_COLUMNS, explained, hit_row
    from mnemolog.api.terminal.tables import cell, print_rows

    sparse = sys.stdout.isatty()
    rows = [(hit, row) for hit in answer.hits for row in (explained(hit, sparse) if explain else [hit_row(hit)])]
    columns = EXPLAINED_COLUMNS if explain else HIT_COLUMNS
    if several:
        print_rows((CUBE_COLUMN, *columns), ((hit.cube_id, *row) for hit, row in rows))
    else:
        print_rows(columns, (row for _, row in rows))
    how = "" if answer.exact else ", by an index,"
    note(f"{answer.considered} considered{how} at position {answer.position} with {answer.embedder}.")
    if answer.dropped:
        note(f"Left out: {cell(answer.dropped)}.")
