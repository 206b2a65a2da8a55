from __future__ import annotations

import click

from mnemolog.api.references import id_or_name
from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("rebuild")
@click.argument("view", required=False)
@click.option("--cube", help="Only this one; without it, every cube of the tenant.")
@click.option("--verify", "only_verify", is_flag=True, help="Compare with the log instead, and change nothing.")
@shared_options
@pass_invocation
def command(invocation: Invocation, view: str | None, cube: str | None, only_verify: bool) -> None:
    """Make views anew from the log, or verify them.

    Without VIEW, all that are held in memory; tables (catalogue, access) are rebuilt when named, and always verified.
    With --verify, exits with 6 at the first difference.

    \b
    mnemolog rebuild terms --cube main
    mnemolog rebuild --verify
    mnemolog rebuild catalogue
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.api.terminal.view_lines import (
        REBUILT_COLUMNS,
        VERIFIED_COLUMNS,
        pace_line,
        rebuilt_row,
        verified_row,
    )

    chosen = None if cube is None else id_or_name(cube)
    with invocation.store(*CATALOGUE) as store, pace_line() as told:
        verified = store.views.verify(view, chosen, told) if only_verify else ()
        rebuilt = () if only_verify else store.views.rebuild(view, chosen, told)
    if invocation.as_json:
        print_document(verified if only_verify else rebuilt)
    elif only_verify:
        print_rows(VERIFIED_COLUMNS, map(verified_row, verified))
    else:
        print_rows(REBUILT_COLUMNS, map(rebuilt_row, rebuilt))
