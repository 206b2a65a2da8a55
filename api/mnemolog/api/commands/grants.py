from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("grants")
@click.option("--subject", "subject_id", type=click.UUID, metavar="WHO", help="Only for this principal.")
@click.option("--on", "resource_id", type=click.UUID, metavar="ID", help="Only on this cube, memory or tenant.")
@click.option("--revoked", is_flag=True, help="Also those that were taken back.")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    subject_id: UUID | None,
    resource_id: UUID | None,
    revoked: bool,
    limit: int,
    cursor: str | None,
) -> None:
    """List grants.

    Those that you issued, that are for you, or on your cubes; all of the tenant for an administrator.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import GRANT_COLUMNS
    from mnemolog.api.terminal.permission_lines import grant_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        page = store.grants.list(
            subject_id=subject_id, resource_id=resource_id, revoked=revoked, limit=limit, cursor=cursor
        )
    if invocation.as_json:
        print_document(page)
        return
    print_rows(GRANT_COLUMNS, map(grant_row, page.items))
    if page.next:
        note(f"There may be more: --cursor {page.next}")
