from __future__ import annotations

from pathlib import Path

import click

from mnemolog.api.references import id_or_name
from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("replay")
@click.option("--to", metavar="WHEN", help="A position, a time with its zone, or -2h; without it, all of the log.")
@click.option("--view", "views", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option("--cube", help="Only this one; without it, every cube of the tenant, and the tables.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Leave there what is made, and go on there after an interruption.",
)
@shared_options
@pass_invocation
def command(
    invocation: Invocation, to: str | None, views: tuple[str, ...], cube: str | None, into: Path | None
) -> None:
    """Make views from nothing as they were at any moment.

    Tells the digest of each; the views that the store lives by are not touched.

    \b
    mnemolog replay
    mnemolog replay --to 2026-05-08T12:00:00Z --view terms --cube main
    mnemolog replay --into then
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.api.terminal.view_lines import REPLAYED_COLUMNS, pace_line, replayed_row

    chosen = None if cube is None else id_or_name(cube)
    with invocation.store(*CATALOGUE) as store, pace_line() as told:
        replayed = store.replay(store.at(to), views, chosen, into, told)
    if invocation.as_json:
        print_document(replayed)
    else:
        print_rows(REPLAYED_COLUMNS, map(replayed_row, replayed.items))
