from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.adapters.analytics.segments import Range


@click.group("segments")
def command() -> None:
    """Write the log to files that analytics read.

    Parquet files, one for each kind of event and range of positions, in the folder of the installation. They never
    change, and have no text.
    """


@command.command("write")
@shared_options
@pass_invocation
def write(invocation: Invocation) -> None:
    """Write the ranges that are whole by now.

    MNEMOLOG_SEGMENT_EVENTS says how many positions a range has.
    """
    from mnemolog.api.terminal.progress import bar
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store, bar("writing segments", store.log.head()) as moved:
        done = store.segments.write(moved)
    if invocation.as_json:
        print_document(done)
        return
    _print(done.ranges)
    if done.busy:
        note("Another process is writing segments.")
    note(f"Segments reach position {done.reached} of {done.head}.")


@command.command("list")
@shared_options
@pass_invocation
def list_segments(invocation: Invocation) -> None:
    """List the ranges that are in segments."""
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store:
        ranges = store.segments.list()
    if invocation.as_json:
        print_document(ranges)
    else:
        _print(ranges)


@command.command("verify")
@shared_options
@pass_invocation
def verify(invocation: Invocation) -> None:
    """Prove that segments are as they were written, and say what the log says.

    Exits with 6 at the first position that differs.
    """
    from mnemolog.api.terminal.progress import bar
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store, bar("verifying segments", store.log.head()) as moved:
        verified = store.segments.verify(moved)
    if invocation.as_json:
        print_document(verified)
    else:
        click.echo(f"{verified.files} files with {verified.events} events say what the log says.")


def _print(ranges: tuple[Range, ...]) -> None:
    from mnemolog.api.terminal.tables import Column, print_rows

    columns = [Column(name, right=True) for name in ("first", "last", "events", "files")]
    rows = ((each.first, each.last, each.events, len(each.segments), each.chain) for each in ranges)
    print_rows([*columns, Column("chain", style="dim", cut=True)], rows)
