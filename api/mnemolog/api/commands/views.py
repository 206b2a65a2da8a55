from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("views")
@shared_options
@pass_invocation
def command(invocation: Invocation) -> None:
    """Show the views, and what they hold.

    With --json, every cube that is in memory or has a file. A command of its own holds no cube before it asks.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.api.terminal.view_lines import VIEW_COLUMNS, view_row

    with invocation.store(*CATALOGUE) as store:
        found = store.views.list()
    if invocation.as_json:
        print_document(found)
    else:
        print_rows(VIEW_COLUMNS, map(view_row, found))
