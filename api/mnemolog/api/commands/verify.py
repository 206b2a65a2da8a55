from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options


@click.command("verify")
@shared_options
@pass_invocation
def command(invocation: Invocation) -> None:
    """Prove that the log is as it was written.

    Makes every hash again from the rows as they are. Exits with 6 at the first position that is not what it was.
    """
    from mnemolog.api.terminal.progress import bar
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store, bar("verifying", store.log.head()) as moved:
        verified = store.log.verify(moved)
    if invocation.as_json:
        print_document(verified)
        return
    click.echo(f"{verified.events} events up to position {verified.position} are as they were written.")
    click.echo(f"chain {verified.chain.hex()}")
