from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.adapters.postgres.verify import Verified
    from mnemolog.api.store import Store
    from mnemolog.api.terminal.proof_lines import Proof

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
SHOWN = "-"
PARTS = ("log", "views", "answers")


@click.command("verify")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Prove this and not all of it; may be repeated.")
@click.option("--since", metavar="WHEN", help="Of the answers, those after a position, a time with its zone, or -2h.")
@click.option("--bundle", "bundle", type=FOLDER, metavar="DIR", help="Verify this dump of a cube, and open no store.")
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
def command(
    invocation: Invocation,
    only: tuple[str, ...],
    since: str | None,
    bundle: Path | None,
    export: Path | None,
    checkpoint: Path | None,
    key: str | None,
) -> None:
    """Prove that the log is as it was written, and all that was made of it.

    Makes every hash again from the rows as they are, and compares them with the checkpoints that were kept outside the
    database; makes every view again and compares it; asks again whatever was answered. Exits with 6 at the first
    position that is not what it was.

    \b
    mnemolog verify
    mnemolog verify --only log
    mnemolog verify --only answers --since -24h
    mnemolog verify --key
    mnemolog verify --export log.ndjson --checkpoint checkpoints --key VERIFIERKEY
    mnemolog verify --bundle main.dump --key VERIFIERKEY
    """
    store_only = only or since is not None
    if bundle is not None:
        if key in (None, SHOWN) or store_only or export or checkpoint:
            raise click.UsageError("--bundle and --key VERIFIERKEY go together, and with nothing else.")
        _show_bundle(invocation, bundle, key)
    elif (export, checkpoint, key) == (None, None, None):
        _show(invocation, _online(invocation, only or PARTS, since))
    elif store_only:
        raise click.UsageError("--only and --since are for a store, not for an export or a key.")
    elif (export, checkpoint, key) == (None, None, SHOWN):
        _show_key(invocation)
    elif export is None or checkpoint is None or key in (None, SHOWN):
        raise click.UsageError("--export, --checkpoint and --key VERIFIERKEY go together.")
    else:
        _show(invocation, _offline(export, checkpoint, key))


def _online(invocation: Invocation, parts: tuple[str, ...], since: str | None) -> Proof:
    """The log first: what was made of a log that is another one proves nothing."""
    from mnemolog.api.terminal.progress import bar
    from mnemolog.api.terminal.proof_lines import Proof
    from mnemolog.api.terminal.view_lines import pace_line

    if since is not None and "answers" not in parts:
        raise click.UsageError("--since is for answers.")
    with invocation.store() as store:
        moment = store.at(since)
        log: Verified | None = None
        if "log" in parts:
            with bar("verifying", store.log.head()) as moved:
                log = store.log.verify(moved)
        if {"views", "answers"} & set(parts):
            _caught_up(store)
        with pace_line() as told:
            views = store.views.verify(progress=told) if "views" in parts else None
            answers = store.replay.answers(moment, told) if "answers" in parts else None
    return Proof(log, views, answers)


def _caught_up(store: Store) -> None:
    from mnemolog.api.parts import ACCESS, EVERY
    from mnemolog.api.terminal.catching_up import catch_up
    from mnemolog.api.terminal.progress import bar

    with bar("reading the log", store.parts.log.head()) as moved:
        catch_up(store.parts, (*ACCESS, *EVERY), moved=moved)


def _offline(export: Path, checkpoint: Path, key: str) -> Proof:
    from mnemolog.adapters.export_file import verify_export
    from mnemolog.adapters.signing import Ed25519Verifier
    from mnemolog.api.terminal.progress import bar
    from mnemolog.api.terminal.proof_lines import Proof
    from mnemolog.domain.checkpoints import read_checkpoints

    verifier = Ed25519Verifier.parse(key)
    signed = read_checkpoints(checkpoint.read_bytes() + b"\n", verifier)
    with export.open("rb") as lines, bar("verifying", signed[-1].size) as moved:
        return Proof(verify_export(lines, signed, moved))


def _show(invocation: Invocation, proof: Proof) -> None:
    from mnemolog.api.terminal.proof_lines import document, proof_lines
    from mnemolog.api.terminal.tables import print_document

    if invocation.as_json:
        print_document(document(proof))
        return
    for line in proof_lines(proof):
        click.echo(line)


def _show_bundle(invocation: Invocation, folder: Path, key: str | None) -> None:
    from mnemolog.adapters.bundle_files import read_bundle
    from mnemolog.api.bundle_answers import Examined
    from mnemolog.api.terminal.tables import print_document

    examined = Examined.of(read_bundle(folder, key))
    if invocation.as_json:
        print_document(examined)
        return
    told = f"{examined.events} events of cube {examined.name} and of {examined.memories} memories"
    click.echo(f"{told} are as they were written up to position {examined.position}.")
    click.echo(f"manifest {examined.manifest_sha256}")


def _show_key(invocation: Invocation) -> None:
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store:
        key = store.evidence.verifier_key()
    if invocation.as_json:
        print_document({"verifier_key": key})
    else:
        click.echo(key)
