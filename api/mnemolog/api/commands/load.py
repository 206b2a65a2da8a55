from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.bundle_answers import Loaded


@click.command("load")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", help="What to call the cube; as it was called, by default.")
@click.option(
    "--key", "key", metavar="VERIFIERKEY", help="The key of the store that made the dump, which you have from there."
)
@click.option("--quarantine", is_flag=True, help="Recall nothing of it before somebody has looked at it.")
@click.option("--idempotency-key", type=click.UUID, metavar="UUID", help="Sent again, done once.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    folder: Path,
    name: str | None,
    key: str | None,
    quarantine: bool,
    idempotency_key: UUID | None,
) -> None:
    """Make a cube of a folder that was dumped.

    All of it is verified first. Without --key, nobody says whose dump it is, and its memories stay in quarantine.
    Prints the id of the cube.

    \b
    mnemolog load main.dump --key VERIFIERKEY
    """
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.progress import spinner
    from mnemolog.api.terminal.tables import print_document

    with invocation.store(*CATALOGUE) as store, spinner("loading"):
        loaded = store.bundles.load(folder, name=name, key=key, quarantine=quarantine, idempotency_key=idempotency_key)
    if invocation.as_json:
        print_document(loaded)
    else:
        click.echo(loaded.cube_id)
    if key is None:
        note("WARNING: verified with the key that the dump itself names, which proves nothing about where it is from.")
    _notes(loaded)


def _notes(loaded: Loaded) -> None:
    where = ", in quarantine" if loaded.quarantined else ""
    note(f"{len(loaded.memory_ids)} memories in cube {loaded.name}{where}.")
    for what, count in loaded.left_out.items():
        note(f"left out: {what.replace('_', ' ')} {count}")
