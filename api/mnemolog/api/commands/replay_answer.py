from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("replay-answer")
@click.argument("position", type=int)
@shared_options
@pass_invocation
def command(invocation: Invocation, position: int) -> None:
    """Ask again what was once answered, and compare every bit.

    POSITION is that of the record, as `mnemolog audit` shows it. Exits with 6 at the first difference.

    \b
    mnemolog audit --kind recall
    mnemolog replay-answer 1250
    """
    from mnemolog.api.parts import EVERY
    from mnemolog.api.replay_answers import WHY
    from mnemolog.api.terminal.tables import print_document

    with invocation.store(*EVERY) as store:
        answer = store.replay.answer(position)
    if invocation.as_json:
        print_document(answer)
    elif answer.reason is None:
        hits = "1 hit" if len(answer.memory_ids) == 1 else f"{len(answer.memory_ids)} hits"
        click.echo(f"The answer as of position {answer.answered_at} is the same: {hits}, to the last bit.")
    else:
        click.echo(f"It cannot be known ({answer.reason}): {WHY[answer.reason]}.")
