from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("blame")
@click.argument("memory_id", type=click.UUID, metavar="ID")
@click.option("--at", metavar="WHEN", help="As of a position, a time with its zone, or a while ago such as -2h.")
@shared_options
@pass_invocation
def command(invocation: Invocation, memory_id: UUID, at: str | None) -> None:
    """Show which event put each part of a memory there.

    The text piece by piece, then its fields and links: where in the log, when, by whom, what.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.api.terminal.time_lines import BLAME_COLUMNS, blame_rows

    with invocation.store(*CATALOGUE) as store:
        answer = store.time.blame(memory_id, at=store.at(at))
        me = store.caller.principal_id
    if invocation.as_json:
        print_document(answer)
        return
    print_rows(BLAME_COLUMNS, blame_rows(answer, me))
    if answer.copied_from is not None:
        note(f"It was copied from {answer.copied_from} when its cube was forked.")
