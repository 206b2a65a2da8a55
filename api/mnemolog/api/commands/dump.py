from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.bundle_answers import Dumped


@click.command("dump")
@click.argument("cube")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--at", metavar="WHEN", help="As of a position, a time with its zone, or a while ago such as -2h.")
@click.option("--without-keys", is_flag=True, help="Prove what was written, and let nobody read it.")
@shared_options
@pass_invocation
def command(invocation: Invocation, cube: str, folder: Path, at: str | None, without_keys: bool) -> None:
    """Write a cube to a folder, with its proofs.

    Those of its memories that you may export, all that happened to them, and the keys that open it: whoever has the
    folder can read it. DIR must not be there yet.

    \b
    mnemolog dump main main.dump
    mnemolog load main.dump --name again --key VERIFIERKEY
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.references import id_or_name
    from mnemolog.api.terminal.progress import spinner
    from mnemolog.api.terminal.tables import print_document

    with invocation.store(*CATALOGUE) as store, spinner("dumping"):
        dumped = store.bundles.dump(id_or_name(cube), folder, at=store.at(at), keys=not without_keys)
    if invocation.as_json:
        print_document(dumped)
        return
    click.echo(dumped.folder)
    _notes(dumped, readable=not without_keys)


def _notes(dumped: Dumped, *, readable: bool) -> None:
    left_out = f", {dumped.left_out} left out" if dumped.left_out else ""
    note(f"{dumped.memories} memories{left_out}, {dumped.events} events up to position {dumped.position}.")
    note(f"It is verified with {dumped.verifier_key}")
    if readable:
        note("Whoever has this folder can read it, also after an erasure: keep it as you keep the store.")
