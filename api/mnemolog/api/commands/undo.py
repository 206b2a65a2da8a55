from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("undo")
@click.argument("position", type=int)
@click.option("--dry-run", is_flag=True, help="Only say what it would take.")
@shared_options
@pass_invocation
def command(invocation: Invocation, position: int, dry_run: bool) -> None:
    """Take back what was written, by new events.

    POSITION is that of any event: all that was written together with it is taken back, or nothing. No event is
    rewritten, so an undo can be undone.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.api.terminal.time_lines import STEP_COLUMNS, step_row

    with invocation.store(*CATALOGUE) as store:
        answer = store.time.undo(position, dry_run=dry_run)
    if invocation.as_json:
        print_document(answer)
        return
    print_rows(STEP_COLUMNS, map(step_row, answer.steps))
    if dry_run:
        note(f"That would take back {len(answer.undone)} events.")
    else:
        note(f"{len(answer.undone)} events are taken back, at position {answer.position}.")
