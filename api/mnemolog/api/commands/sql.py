from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.query_answers import QueryTables

FORMATS = ("table", "csv", "json", "parquet")


@click.command("sql")
@click.argument("query", required=False)
@click.option("-o", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to show it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it to this file.")
@click.option("--at", metavar="WHEN", help="As of a position, a time with its zone, or a while ago such as -2h.")
@click.option("--limit", type=int, default=10_000, show_default=True, help="How many rows at most.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long it may take, up to MNEMOLOG_QUERY_SECONDS.")
@click.option("--schema", is_flag=True, help="Show what can be asked: tables, columns and macros.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    query: str | None,
    form: str,
    out: Path | None,
    at: str | None,
    limit: int,
    timeout: float | None,
    schema: bool,
) -> None:
    """Ask the log in SQL.

    \b
    mnemolog sql "SELECT event_type, count(*) FROM event GROUP BY ALL"
    mnemolog sql "FROM funnel()"
    mnemolog sql --at -2h -o csv --out events.csv "FROM event"
    mnemolog sql --schema
    """
    from mnemolog.api.terminal.query_rendering import rendered, save, show

    form = "json" if invocation.as_json else form
    if (query is None) is not schema:
        raise click.UsageError("Give a query, or --schema.")
    if form == "parquet" and out is None:
        raise click.UsageError("Parquet is for programs: say where to with --out.")
    with invocation.store() as store:
        if query is None:
            show_schema(store.analytics.tables(), as_json=form == "json")
            return
        answer = store.analytics.query(query, at=store.at(at), limit=limit, seconds=timeout)
    if out is not None:
        save(out, rendered(answer, form))
    else:
        show(answer, form)
    more = f", of which these are the first {limit}" if answer.truncated else ""
    note(f"{answer.table.num_rows} rows{more}, as of position {answer.position}.")


def show_schema(found: QueryTables, *, as_json: bool) -> None:
    from mnemolog.api.terminal.tables import Column, print_document, print_rows

    if as_json:
        print_document(found)
        return
    columns = (Column("table"), Column("column"), Column("type", style="dim"))
    print_rows(columns, ((table.name, each.name, each.type) for table in found.tables for each in table.columns))
    if sys.stdout.isatty():
        click.echo()
    print_rows((Column("macro"), Column("", wide=True)), ((each.signature, each.description) for each in found.macros))
