from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("timeline")
@click.argument("cube")
@click.option("--since", metavar="WHEN", help="Only what came later: a position, a time with its zone, or -2h.")
@click.option("--until", metavar="WHEN", help="Only what had come by then.")
@click.option("--grants", is_flag=True, help="Also what was granted and taken back there.")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    cube: str,
    since: str | None,
    until: str | None,
    grants: bool,
    limit: int,
    cursor: str | None,
) -> None:
    """Show what happened in a cube.

    Oldest first: where in the log, when, by whom, what, to which memory, and what that says now.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.references import id_or_name
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.api.terminal.time_lines import TIMELINE_COLUMNS, timeline_row

    with invocation.store(*CATALOGUE) as store:
        first, last = store.at(since), store.at(until)
        page = store.time.timeline(id_or_name(cube), since=first, until=last, grants=grants, limit=limit, cursor=cursor)
        me = store.caller.principal_id
    if invocation.as_json:
        print_document(page)
        return
    print_rows(TIMELINE_COLUMNS, (timeline_row(entry, me) for entry in page.items))
    if page.next:
        note(f"There is more: --cursor {page.next}")
