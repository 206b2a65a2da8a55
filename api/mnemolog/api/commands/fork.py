from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("fork")
@click.argument("cube")
@click.option("--at", metavar="WHEN", required=True, help="A position, a time with its zone, or -2h.")
@click.option("--name", required=True, help="What the new cube is called.")
@shared_options
@pass_invocation
def command(invocation: Invocation, cube: str, at: str, name: str) -> None:
    """Copy a cube as it was into a new one.

    What you may read of it, with all its labels. The new cube is yours, and goes its own way.
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.references import id_or_name
    from mnemolog.api.terminal.tables import print_document

    with invocation.store(*CATALOGUE) as store:
        answer = store.cubes.fork(id_or_name(cube), store.at(at), name)
    if invocation.as_json:
        print_document(answer)
        return
    click.echo(answer.cube.cube_id)
    left_out = "".join(f", {count} {code.replace('_', ' ')}" for code, count in answer.left_out.items())
    note(f"{answer.memories} memories, as of position {answer.cube.forked_at}{left_out and ' without' + left_out[1:]}.")
