"""How the command line says that something went wrong: what happened, why, and what to do about it. On stderr."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import dataclass

import click

from mnemolog.domain.refusals import Refusal

ADVICE = {
    "already_exists": "Choose another name.",
    "cube_not_found": "`mnemolog cubes list` shows the cubes that you may use.",
    "denied": "Ask an administrator of this store, or set MNEMOLOG_API_KEY to a key that may.",
    "embedded_start_failed": "Look at postgres/server.log in the store's home, or give a Postgres in MNEMOLOG_DSN.",
    "embedder_unavailable": "Install or start the model, or choose another one with MNEMOLOG_EMBEDDER.",
    "invalid_cursor": "Ask again without --cursor.",
    "key_unavailable": "Put the key file back into the store's home, or set MNEMOLOG_KEY_ENCRYPTION_KEY.",
    "memory_not_found": "`mnemolog list` shows the memories of a cube.",
    "migration_changed": "Another build of mnemolog made this store: use that one, or another --home or database.",
    "model_rejected": "Install the model again from a source that you trust.",
    "not_authenticated": "This store has an owner. Give --home with the folder of its owner.key, or MNEMOLOG_API_KEY.",
    "principal_not_found": "`mnemolog keys issue --new NAME` registers a principal with a key of its own.",
    "cannot_join": "`mnemolog principals members GROUP` shows who belongs to a group.",
    "store_unreachable": "Is Postgres running? MNEMOLOG_DSN or the PG* variables say where; without them mnemolog "
    "starts one of its own.",
    "unavailable": "`mnemolog status` shows what is behind, and why.",
    "verification_failed": "The log was changed from outside. Keep this database as it is, and compare with a backup.",
}
WORDS = {"not_authenticated": "No valid key for this store was found."}  # where the refusal speaks of HTTP


@dataclass(frozen=True, slots=True)
class Complaint:
    code: str
    message: str
    advice: str | None
    exit_code: int

    def show(self, as_json: bool) -> int:
        """Returns the exit code."""
        if as_json:
            error = {"code": self.code, "message": self.message, "advice": self.advice, "exit_code": self.exit_code}
            click.echo(json.dumps({"error": error}, ensure_ascii=False), file=sys.stderr)
        else:
            click.echo(f"Error: {self.message}", file=sys.stderr)
            if self.advice:
                click.echo(self.advice, file=sys.stderr)
        return self.exit_code


def of_refusal(refusal: Refusal) -> Complaint:
    message = WORDS.get(refusal.code, str(refusal))
    return Complaint(refusal.code, message, ADVICE.get(refusal.code), refusal.exit_code)


def of_usage(error: click.ClickException) -> Complaint:
    ctx = getattr(error, "ctx", None)
    advice = f"`{ctx.command_path} --help` shows how it is used." if ctx is not None else None
    return Complaint("usage", error.format_message(), advice, 2)


def of_unexpected(error: Exception) -> Complaint:
    """Only the kind of the error: its message may hold a memory's text or a connection string."""
    message = f"This should not have happened ({type(error).__name__})."
    return Complaint("unexpected", message, "Run the command again with --debug to see where.", 1)


def trace(error: BaseException) -> None:
    click.echo("".join(traceback.format_exception(error)), file=sys.stderr, nl=False)
