from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.log import Log


@click.command("log")
@click.option("--after", type=click.IntRange(min=0), metavar="POSITION", help="Only what came later.")
@click.option("--type", "types", multiple=True, help="Only events of this type, as memory.revised or with its version.")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@shared_options
@pass_invocation
def command(invocation: Invocation, after: int | None, types: tuple[str, ...], limit: int, follow: bool) -> None:
    """Show the log of events, or follow it.

    Without --after, its end. What memories say is not shown here: see `mnemolog history`.

    \b
    mnemolog log --after 100 --type memory.revised
    mnemolog log --follow --json
    """
    from mnemolog.api.log import full_types
    from mnemolog.api.terminal.columns import EVENT_COLUMNS, event_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    wanted = full_types(types)
    with invocation.store() as store:
        start = max(0, store.log.head() - limit) if after is None else after
        if follow:
            _follow(invocation, store.log, start, wanted)
        page = store.log.page(after=start, limit=limit, types=wanted)
    if invocation.as_json:
        print_document(page)
        return
    print_rows(EVENT_COLUMNS, map(event_row, page.items))
    if page.next:
        note(f"There may be more: --after {page.items[-1].position}")


def _follow(invocation: Invocation, log: Log, position: int, types: tuple[str, ...]) -> None:
    """Ends with an interrupt only."""
    from mnemolog.api.terminal.columns import event_row
    from mnemolog.api.terminal.tables import cell, print_line
    from mnemolog.domain.log import Selection

    while True:
        events, position = log.tail(position, 1.0, Selection(types=types))
        for event in events:
            if invocation.as_json:
                print_line(event)
            else:
                click.echo("  ".join(map(cell, event_row(event))))
