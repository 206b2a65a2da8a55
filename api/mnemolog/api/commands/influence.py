from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("influence")
@click.argument("memory_id", type=click.UUID, metavar="[ID]", required=False)
@click.option("--position", type=int, help="Only what came of an event, or of the memory from there on.")
@click.option("--limit", default=50, show_default=True, help="How many answers at most.")
@click.option("--cursor", help="`next` of the page before.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation, memory_id: UUID | None, position: int | None, limit: int, cursor: str | None
) -> None:
    """Show how far a memory has reached: what was made of it, and who was told.

    \b
    mnemolog influence 01900000-0000-7000-8000-000000000000
    mnemolog influence --position 1250
    """
    from mnemolog.api.parts import ACCESS, CATALOGUE
    from mnemolog.api.terminal.lineage_lines import INFLUENCE_COLUMNS, influence_rows
    from mnemolog.api.terminal.tables import print_document, print_rows

    if memory_id is None and position is None:
        raise click.UsageError("Give a memory, or --position.")
    with invocation.store(*CATALOGUE, *ACCESS) as store:
        answer = store.influence(memory_id, position=position, limit=limit, cursor=cursor)
        me = store.caller.principal_id
    if invocation.as_json:
        print_document(answer)
        return
    print_rows(INFLUENCE_COLUMNS, influence_rows(answer, me))
    if answer.next:
        note(f"There is more: --cursor {answer.next}")
