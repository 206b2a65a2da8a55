from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("revoke")
@click.argument("grant_id", metavar="GRANT", type=click.UUID)
@click.option("--reason", default="", help="Why; it is sealed in the log.")
@shared_options
@pass_invocation
def command(invocation: Invocation, grant_id: UUID, reason: str) -> None:
    """Take a grant back, and all that were made from it."""
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store:
        answer = store.grants.revoke(grant_id, reason)
    if invocation.as_json:
        print_document(answer)
    else:
        note(f"Grant {grant_id} holds no longer, since position {answer.revoked_position}.")
