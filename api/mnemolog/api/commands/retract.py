from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("retract")
@click.argument("actor_id", type=click.UUID, metavar="ACTOR")
@click.option(
    "--since", metavar="WHEN", required=True, help="After a position, a time with its zone, or a while ago: -2h."
)
@click.option("--until", metavar="WHEN", help="Up to such a moment.")
@click.option("--reason", required=True, help="Why; it is sealed in the log.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@shared_options
@pass_invocation
def command(invocation: Invocation, actor_id: UUID, since: str, until: str | None, reason: str, dry_run: bool) -> None:
    """Take back what somebody wrote, with all that was made from it.

    What it wrote is archived, what it revised has its text again, grants that it issued are revoked. What is frozen
    stays and is listed.
    """
    from mnemolog.api.moments import parse_at
    from mnemolog.api.parts import ACCESS, CATALOGUE
    from mnemolog.api.terminal.lineage_lines import FINDING_COLUMNS, finding_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE, *ACCESS) as store:
        after = parse_at(since, store.parts.clock.now())
        answer = store.retract(actor_id, after, store.at(until), reason=reason, dry_run=dry_run)
    if invocation.as_json:
        print_document(answer)
        return
    print_rows(FINDING_COLUMNS, map(finding_row, answer.findings))
    counts = ", ".join(f"{count} {outcome}" for outcome, count in answer.counts.items()) or "nothing"
    note(f"Would be: {counts}." if dry_run else f"Done: {counts}, at position {answer.position}.")
