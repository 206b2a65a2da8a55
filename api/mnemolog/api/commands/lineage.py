from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("lineage")
@click.argument("memory_id", type=click.UUID, metavar="ID")
@shared_options
@pass_invocation
def command(invocation: Invocation, memory_id: UUID) -> None:
    """Show what a memory was made from, and what was made of it."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.lineage_lines import tree
    from mnemolog.api.terminal.tables import print_document

    with invocation.store(*CATALOGUE) as store:
        answer = store.lineage(memory_id)
    if invocation.as_json:
        print_document(answer)
    else:
        click.echo("\n".join(tree(answer)))
