from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Duration, Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.answers import KeyAnswer

ACTIONS = click.Choice(["read", "write", "merge", "share", "administer", "train_on", "cache", "export", "erase"])
KINDS = click.Choice(["agent", "user", "service"])  # groups and roles act through their members, and hold no keys


@click.group("keys")
def command() -> None:
    """Issue, list, rotate and revoke API keys."""


@command.command("issue")
@click.option("--principal", "principal_id", type=click.UUID, help="For whom; yourself when nobody is named.")
@click.option("--new", "name", metavar="NAME", help="Register a principal of this name, and issue it a key.")
@click.option("--kind", type=KINDS, default="agent", show_default=True, help="What the new principal is.")
@click.option("--ttl", type=Duration(), help="How long the key is valid: 2h, 30d. For ever when not given.")
@click.option("--scope", "scopes", multiple=True, type=ACTIONS, help="What the key can be used for; all otherwise.")
@click.option("--for", "on_behalf_of", type=click.UUID, metavar="USER", help="The user for whom an agent acts with it.")
@shared_options
@pass_invocation
def issue(
    invocation: Invocation,
    principal_id: UUID | None,
    name: str | None,
    kind: str,
    ttl: timedelta | None,
    scopes: tuple[str, ...],
    on_behalf_of: UUID | None,
) -> None:
    """Print a new key. It is shown this once and cannot be shown again."""
    from mnemolog.domain.permissions import Action
    from mnemolog.domain.principal import PrincipalKind

    if name is not None and principal_id is not None:
        raise click.UsageError("Give --principal or --new, not both.")
    with invocation.store() as store:
        if name is not None:
            principal_id = store.principals.register(name, PrincipalKind(kind)).principal_id
        actions = frozenset(map(Action, scopes)) or None
        answer = store.principals.issue_key(
            principal_id or store.caller.principal_id, ttl=ttl, scopes=actions, on_behalf_of=on_behalf_of
        )
    _show(invocation, answer)


@command.command("list")
@click.option("--principal", "principal_id", type=click.UUID, help="Of this principal only.")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@shared_options
@pass_invocation
def list_keys(invocation: Invocation, principal_id: UUID | None, limit: int, cursor: str | None) -> None:
    """List keys without their secrets, and when each was last used, to the hour."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import KEY_COLUMNS, key_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        page, now = store.principals.keys(principal_id, limit=limit, cursor=cursor), store.parts.clock.now()
    if invocation.as_json:
        print_document(page)
        return
    print_rows(KEY_COLUMNS, [key_row(row, now) for row in page.items])
    if page.next:
        note(f"There may be more: --cursor {page.next}")


@command.command("rotate")
@click.argument("key_id", type=click.UUID)
@click.option("--overlap", type=Duration(), default="0s", help="How long the old key is accepted too: 1h, 7d.")
@click.option("--ttl", type=Duration(), help="How long the new key is valid. As long as the old one when not given.")
@shared_options
@pass_invocation
def rotate(invocation: Invocation, key_id: UUID, overlap: timedelta, ttl: timedelta | None) -> None:
    """Print a key that takes the place of another and may do the same."""
    with invocation.store() as store:
        answer = store.principals.rotate_key(store.principals.holder_of(key_id), key_id, overlap, ttl=ttl)
    _show(invocation, answer)


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


def _show(invocation: Invocation, answer: KeyAnswer) -> None:
    from mnemolog.api.terminal.tables import print_document

    if invocation.as_json:
        print_document(answer)
        return
    click.echo(answer.key)
    note(f"Key {answer.key_id} of principal {answer.principal_id}.")


@command.command("rewrap")
@shared_options
@pass_invocation
def rewrap(invocation: Invocation) -> None:
    """Put all keys under another key-encryption key.

    A key file is replaced. A key from the environment or a command is replaced by the one in
    MNEMOLOG_NEXT_KEY_ENCRYPTION_KEY, or from MNEMOLOG_NEXT_KEY_ENCRYPTION_KEY_COMMAND. Start servers again afterwards.
    """
    from mnemolog.api.key_rotation import rotate
    from mnemolog.api.terminal.tables import print_document

    rotated = rotate(invocation.settings())
    if invocation.as_json:
        print_document(rotated)
        return
    note(f"{rotated.subject_keys} keys of data subjects are under another key now, from {rotated.source}.")
    note("Start servers again. Copies of the key tables from before open with the former key only.")
