"""`python -m benchmarks NAME` measures and prints a table. It fails when a bar is missed.

A run that leaves nothing out writes results/NAME.json. A benchmark that can be run in part has `left_out`, which says
why it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from rich.console import Console

from benchmarks import analytics, governance, log, million, recall
from benchmarks.figure import Figure, Report, machine, show, versions
from benchmarks.server import durable_server, server_version

BENCHMARKS = {"log": log, "recall": recall, "million": million, "governance": governance, "analytics": analytics}


@click.command()
@click.argument("name", type=click.Choice(sorted(BENCHMARKS)))
def main(name: str) -> None:
    benchmark, figures, postgres = BENCHMARKS[name], list[Figure](), ""
    console = Console(stderr=True)
    for measure in benchmark.MEASURES:
        with console.status(measure.__name__.replace("_", " ")), durable_server() as dsn:
            postgres = server_version(dsn)
            figures += measure(dsn)
    report = Report(machine(), versions(postgres, benchmark.PACKAGES), figures)
    show(name, report)
    left_out: Callable[[], str] = getattr(benchmark, "left_out", str)
    if why := left_out():
        console.print(f"Left out, so no results are written: {why}")
    else:
        report.write(name)
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    main()
