from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("erase")
@click.argument("memory_id", type=click.UUID, required=False)
@click.option("--subject", "subject_id", type=click.UUID, help="Erase everything about this data subject.")
@click.option("--basis", required=True, help="Why: a case number or an article. It stays readable; name nobody.")
@click.option("--dry-run", is_flag=True, help="Only say how much would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation, memory_id: UUID | None, subject_id: UUID | None, basis: str, dry_run: bool, yes: bool
) -> None:
    """Make a memory, or all about a data subject, unreadable for ever."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document

    if (memory_id is None) == (subject_id is None):
        raise click.UsageError("Give a memory or --subject, not both.")
    with invocation.store(*CATALOGUE) as store:
        if not dry_run and not yes:
            found = store.erasures.erase(memory=memory_id, subject=subject_id, basis=basis, dry_run=True)
            if not found.completed:
                click.confirm(f"{found.memories} memories will be unreadable for ever. Erase?", abort=True, err=True)
        answer = store.erasures.erase(memory=memory_id, subject=subject_id, basis=basis, dry_run=dry_run)
    if invocation.as_json:
        print_document(answer)
    elif answer.receipt is None:
        note(f"{answer.memories} memories would be erased, {answer.shared} of them about others too.")
    else:
        click.echo(answer.receipt, nl=False)
        note(f"Erased, at position {answer.position}. Check the receipt with {answer.verifier_key}")
