from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.group("cubes")
def command() -> None:
    """List and found cubes, the spaces of memories."""


@command.command("list")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@shared_options
@pass_invocation
def list_cubes(invocation: Invocation, limit: int, cursor: str | None) -> None:
    """List the cubes that you may use."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import CUBE_COLUMNS, cube_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        page = store.cubes.list(limit=limit, cursor=cursor)
    if invocation.as_json:
        print_document(page)
        return
    print_rows(CUBE_COLUMNS, map(cube_row, page.items))
    if page.next:
        note(f"There may be more: --cursor {page.next}")


@command.command("found")
@click.argument("name")
@shared_options
@pass_invocation
def found(invocation: Invocation, name: str) -> None:
    """Found a cube of your own. Prints its id."""
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store:
        cube = store.cubes.found(name)
    if invocation.as_json:
        print_document(cube)
    else:
        click.echo(cube.cube_id)
