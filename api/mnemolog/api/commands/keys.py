from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Duration, Invocation, note, pass_invocation, shared_options

KINDS = click.Choice(["agent", "user", "service"])  # groups and roles act through their members, and hold no keys


@click.group("keys")
def command() -> None:
    """Issue and revoke API keys."""


@command.command("issue")
@click.option("--principal", "principal_id", type=click.UUID, help="For whom; yourself when nobody is named.")
@click.option("--new", "name", metavar="NAME", help="Register a principal of this name, and issue it a key.")
@click.option("--kind", type=KINDS, default="agent", show_default=True, help="What the new principal is.")
@click.option("--ttl", type=Duration(), help="How long the key is valid: 2h, 30d. For ever when not given.")
@shared_options
@pass_invocation
def issue(
    invocation: Invocation, principal_id: UUID | None, name: str | None, kind: str, ttl: timedelta | None
) -> None:
    """Print a new key. It is shown this once and cannot be shown again."""
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.domain.principal import PrincipalKind

    if name is not None and principal_id is not None:
        raise click.UsageError("Give --principal or --new, not both.")
    with invocation.store() as store:
        if name is not None:
            principal_id = store.principals.register(name, PrincipalKind(kind)).principal_id
        answer = store.principals.issue_key(principal_id or store.caller.principal_id, ttl=ttl)
    if invocation.as_json:
        print_document(answer)
        return
    click.echo(answer.key)
    note(f"Key {answer.key_id} of principal {answer.principal_id}.")


@command.command("revoke")
@click.argument("principal_id", type=click.UUID)
@click.argument("key_id", type=click.UUID)
@shared_options
@pass_invocation
def revoke(invocation: Invocation, principal_id: UUID, key_id: UUID) -> None:
    """End a key at once."""
    from mnemolog.api.terminal.tables import print_document

    with invocation.store() as store:
        position = store.principals.revoke_key(principal_id, key_id)
    if invocation.as_json:
        print_document({"key_id": key_id, "position": position})
    else:
        note(f"Key {key_id} is no longer accepted, since position {position}.")
