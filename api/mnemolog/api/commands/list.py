from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options
from mnemolog.domain.lifecycle import State


@click.command("list")
@click.option("--cube", default="main", show_default=True, help="Which cube.")
@click.option("--state", "states", multiple=True, type=click.Choice([s.value for s in State]), help="Only these.")
@click.option("--tag", "tags", multiple=True, help="Only those with this label; several must all be there.")
@click.option("--key", help="Only those of this name.")
@click.option("--where", metavar="JSON", help='Only what this filter lets through: {"field": "tag", "eq": "coffee"}.')
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@click.option("--at", metavar="WHEN", help="As of a position, a time with its zone, or a while ago such as -2h.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    cube: str,
    states: tuple[str, ...],
    tags: tuple[str, ...],
    key: str | None,
    where: str | None,
    limit: int,
    cursor: str | None,
    at: str | None,
) -> None:
    """List the memories of a cube.

    In the order they were made, without those whose time has passed.
    """
    from mnemolog.adapters.postgres.directory import MemoryFilter
    from mnemolog.api.filter_json import read_filter
    from mnemolog.api.listing import views_for
    from mnemolog.api.terminal.columns import MEMORY_COLUMNS, memory_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    wanted = MemoryFilter(states=states or None, tags=tags or None, key=key)
    fitting = None if where is None else read_filter("--where", where)
    with invocation.store(*views_for(fitting)) as store:
        page = store.memories.list(cube, wanted, filter=fitting, limit=limit, cursor=cursor, at=store.at(at))
    if invocation.as_json:
        print_document(page)
        return
    print_rows(MEMORY_COLUMNS, map(memory_row, page.items))
    if page.next:
        note(f"There may be more: --cursor {page.next}")
