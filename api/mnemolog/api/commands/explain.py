from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options
from mnemolog.api.terminal.permission_lines import ACTIONS, In

if TYPE_CHECKING:
    from mnemolog.domain.permissions import Context


@click.command("explain")
@click.argument("user", type=click.UUID)
@click.argument("action", type=ACTIONS)
@click.argument("memory_id", metavar="MEMORY", type=click.UUID)
@click.option("--context", type=In(), help="purpose=, session=, address=, app=, on_behalf_of=, with commas between.")
@click.option("--at", metavar="WHEN", help="By the rules of then: a position, a time with its zone, or -2h.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation, user: UUID, action: str, memory_id: UUID, context: Context | None, at: str | None
) -> None:
    """Say why somebody may or may not, rule by rule.

    And what would have to change for it.

    \b
    mnemolog explain USER read MEMORY
    mnemolog explain USER read MEMORY --context purpose=care --at -2h
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.domain.permissions import Action

    with invocation.store(*CATALOGUE) as store:
        answer = store.permissions.explain(user, Action(action), memory_id, context, at=store.at(at))
    if invocation.as_json:
        print_document(answer)
    else:
        click.echo(answer.text)
        note(f"As of position {answer.position}.")
