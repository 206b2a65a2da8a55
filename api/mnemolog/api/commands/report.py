from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.reports import Report

NAMES = ("activity", "access", "funnel", "denials", "retention", "lag")


@click.command("report")
@click.argument("name", type=click.Choice(NAMES))
@click.option("--since", metavar="WHEN", help="After a position, a time with its zone, or a while ago such as -7d.")
@click.option("--until", metavar="WHEN", help="Up to such a moment.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    help="In which form; table by default.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Draw it, as a PNG, and show no rows.",
)
@shared_options
@pass_invocation
def command(
    invocation: Invocation, name: str, since: str | None, until: str | None, output: str, plot: Path | None
) -> None:
    """Show or draw a report on the log.

    \b
    activity   events by day and kind, and who wrote them
    access     who was told how much, which memories most, and at which hours
    funnel     what became of memories, and how long that took
    denials    what was refused, to whom, and why
    retention  how old memories are, when they expire, holds and erasures
    lag        how long after the fact events were recorded

    \b
    mnemolog report activity --since -30d
    mnemolog report denials -o csv
    mnemolog report access --plot access.png
    """
    with invocation.store() as store:
        report = store.reports(name, since=store.at(since), until=store.at(until))
    if plot is not None:
        _draw(report, plot)
    elif invocation.as_json or output == "json":
        from mnemolog.api.terminal.tables import print_document

        print_document(report)
    elif output == "csv":
        _write_csv(report)
    else:
        _show(report)


def _draw(report: Report, path: Path) -> None:
    from mnemolog.adapters.plots import png

    path.write_bytes(png(report))
    note(f"Drawn into {path}.")


def _show(report: Report) -> None:
    from mnemolog.api.terminal.tables import Column, print_rows

    numbers = [
        all(isinstance(value, int | float | None) for value in column) for column in zip(*report.rows, strict=True)
    ]
    right = numbers or [False] * len(report.columns)
    columns = [Column(name, right=each) for name, each in zip(report.columns, right, strict=True)]
    print_rows(columns, report.rows)
    for each in report.notes or ["There is nothing to show for this time."]:
        note(each)


def _write_csv(report: Report) -> None:
    """Moments as ISO 8601, and nothing where there is no value."""
    import csv
    from datetime import date

    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow(report.columns)
    for row in report.rows:
        lines.writerow([value.isoformat() if isinstance(value, date) else value for value in row])
