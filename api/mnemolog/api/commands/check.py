from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options
from mnemolog.api.terminal.permission_lines import ACTIONS, In

if TYPE_CHECKING:
    from mnemolog.domain.permissions import Context


@click.command("check")
@click.argument("user", type=click.UUID)
@click.argument("action", type=ACTIONS)
@click.argument("memory_id", metavar="MEMORY", type=click.UUID)
@click.option("--context", type=In(), help="purpose=, session=, address=, app=, on_behalf_of=, with commas between.")
@shared_options
@pass_invocation
def command(invocation: Invocation, user: UUID, action: str, memory_id: UUID, context: Context | None) -> None:
    """Say whether somebody may do something.

    With a memory. The exit code is 4 when not.

    \b
    mnemolog check USER read MEMORY
    mnemolog check USER export MEMORY --context purpose=care,app=notes
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.domain.permissions import Action
    from mnemolog.domain.refusals import Denied

    with invocation.store(*CATALOGUE) as store:
        decision = store.permissions.check(user, Action(action), memory_id, context)
    if invocation.as_json:
        print_document(decision)
    else:
        click.echo(decision.code.value)
    if not decision.allowed:
        click.get_current_context().exit(Denied.exit_code)
