from __future__ import annotations

from typing import BinaryIO

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

Position = click.IntRange(min=1)


@click.command("export")
@click.argument("file", type=click.File("wb"))
@click.option("--from", "first", type=Position, default=1, metavar="POSITION", help="Begin with its append.")
@click.option("--to", "last", type=Position, metavar="POSITION", help="End with its append.")
@shared_options
@pass_invocation
def command(invocation: Invocation, file: BinaryIO, first: int, last: int | None) -> None:
    """Write the log to a file that can be verified anywhere.

    One line of JSON for each event, as it is stored: personal content stays sealed, and no key is in it. `-` is stdout.

    \b
    mnemolog export log.ndjson
    mnemolog verify --export log.ndjson --checkpoint checkpoints --key VERIFIERKEY
    """
    from mnemolog.api.terminal.progress import bar

    with invocation.store() as store, bar("exporting", store.log.head()) as moved:
        events = -1  # the first line is the header
        for events, line in enumerate(store.evidence.export(first, last)):
            file.write(line)
            if events % 1000 == 0:
                moved(first + events)
    note(f"{events} events exported.")
