from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("show")
@click.argument("memory_id", type=click.UUID, metavar="ID")
@click.option("--at", metavar="WHEN", help="As of a position, a time with its zone, or a while ago such as -2h.")
@shared_options
@pass_invocation
def command(invocation: Invocation, memory_id: UUID, at: str | None) -> None:
    """Show a memory as it is, or as it was."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import FIELD_COLUMNS, memory_fields
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        memory = store.memories.get(memory_id, at=store.at(at))
    if invocation.as_json:
        print_document(memory)
    else:
        print_rows(FIELD_COLUMNS, memory_fields(memory))
