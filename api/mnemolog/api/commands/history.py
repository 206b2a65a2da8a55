from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("history")
@click.argument("memory_id", type=click.UUID, metavar="ID")
@shared_options
@pass_invocation
def command(invocation: Invocation, memory_id: UUID) -> None:
    """Show all that happened to a memory.

    Oldest first: where in the log, when, by whom, what, and what that changed.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import HISTORY_COLUMNS, history_rows
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        events = store.memories.history(memory_id)
        me = store.caller.principal_id
    if invocation.as_json:
        print_document(events)
    else:
        print_rows(HISTORY_COLUMNS, history_rows(events, me))
