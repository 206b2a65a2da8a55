"""`python -m benchmarks NAME` measures, prints a table and writes results/NAME.json. It fails when a bar is missed."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from benchmarks import log, recall
from benchmarks.figure import Figure, Report, machine, show, versions
from benchmarks.server import durable_server, server_version

BENCHMARKS = {"log": log, "recall": recall}


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
    report.write(name)
    show(name, report)
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    main()
