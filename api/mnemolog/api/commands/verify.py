from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.adapters.postgres.verify import Verified

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
SHOWN = "-"


@click.command("verify")
@click.option("--export", "export", type=EXISTING, metavar="FILE", help="Verify this export, and open no store.")
@click.option(
    "--checkpoint", "checkpoint", type=EXISTING, metavar="NOTE", help="A file with one checkpoint or several."
)
@click.option(
    "--key",
    "key",
    is_flag=False,
    flag_value=SHOWN,
    metavar="[VERIFIERKEY]",
    help="Whose checkpoints are believed; alone, show the key of this store.",
)
@shared_options
@pass_invocation
def command(invocation: Invocation, export: Path | None, checkpoint: Path | None, key: str | None) -> None:
    """Prove that the log is as it was written.

    Makes every hash again from the rows as they are, and compares them with the checkpoints that were kept outside the
    database. Exits with 6 at the first position that is not what it was.

    \b
    mnemolog verify
    mnemolog verify --key
    mnemolog verify --export log.ndjson --checkpoint checkpoints --key VERIFIERKEY
    """
    if (export, checkpoint, key) == (None, None, SHOWN):
        _show_key(invocation)
    elif (export, checkpoint, key) == (None, None, None):
        _show(invocation, _online(invocation))
    elif export is None or checkpoint is None or key in (None, SHOWN):
        raise click.UsageError("--export, --checkpoint and --key VERIFIERKEY go together.")
    else:
        _show(invocation, _offline(export, checkpoint, key))


def _online(invocation: Invocation) -> Verified:
    from mnemolog.api.terminal.progress import bar

    with invocation.store() as store, bar("verifying", store.log.head()) as moved:
        return store.log.verify(moved)


def _offline(export: Path, checkpoint: Path, key: str) -> Verified:
    from mnemolog.adapters.export_file import verify_export
    from mnemolog.adapters.signing import Ed25519Verifier
    from mnemolog.api.terminal.progress import bar
    from mnemolog.domain.checkpoints import read_checkpoints

    verifier = Ed25519Verifier.parse(key)
    signed = read_checkpoints(checkpoint.read_bytes() + b"\n", verifier)
    with export.open("rb") as lines, bar("verifying", signed[-1].size) as moved:
        return verify_export(lines, signed, moved)


def _show(invocation: Invocation, verified: Verified) -> None:
    from mnemolog.api.terminal.tables import print_document

    if invocation.as_json:
        print_document(verified)
        return
    click.echo(f"{verified.events} events up to position {verified.position} are as they were written.")
    click.echo(f"chain {verified.chain.hex()}")
    if verified.checkpoints:
        count = "1 checkpoint agrees" if verified.checkpoints == 1 else f"{verified.checkpoints} checkpoints agree"
        click.echo(f"{count}, and bind all up to position {verified.bound}.")


def _show_key(invocation: Invocation) -> None:
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store:
        key = store.evidence.verifier_key()
    if invocation.as_json:
        print_document({"verifier_key": key})
    else:
        click.echo(key)
