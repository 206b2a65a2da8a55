from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

KINDS = click.Choice(["user", "agent", "group", "role", "service"])


@click.group("principals")
def command() -> None:
    """Manage users, agents, services, groups and roles."""


@command.command("create")
@click.argument("name")
@click.option("--kind", type=KINDS, default="user", show_default=True, help="What it is.")
@click.option("--administrator", is_flag=True, help="It administers the tenant.")
@shared_options
@pass_invocation
def create(invocation: Invocation, name: str, kind: str, administrator: bool) -> None:
    """Register a principal. Prints its id."""
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.domain.principal import PrincipalKind

    with invocation.store() as store:
        answer = store.principals.register(name, PrincipalKind(kind), administrator=administrator)
    if invocation.as_json:
        print_document(answer)
    else:
        click.echo(answer.principal_id)


@command.command("list")
@click.option("--kind", type=KINDS, help="Only these.")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@shared_options
@pass_invocation
def list_principals(invocation: Invocation, kind: str | None, limit: int, cursor: str | None) -> None:
    """List the principals of the tenant."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import PRINCIPAL_COLUMNS, principal_row
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.domain.principal import PrincipalKind

    with invocation.store(*CATALOGUE) as store:
        page = store.principals.list(kind=PrincipalKind(kind) if kind else None, limit=limit, cursor=cursor)
    if invocation.as_json:
        print_document(page)
        return
    print_rows(PRINCIPAL_COLUMNS, map(principal_row, page.items))
    if page.next:
        note(f"There may be more: --cursor {page.next}")


@command.command("show")
@click.argument("principal_id", type=click.UUID)
@shared_options
@pass_invocation
def show(invocation: Invocation, principal_id: UUID) -> None:
    """Show a principal."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import PRINCIPAL_COLUMNS, principal_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        answer = store.principals.get(principal_id)
    if invocation.as_json:
        print_document(answer)
    else:
        print_rows(PRINCIPAL_COLUMNS, [principal_row(answer)])


@command.command("members")
@click.argument("group_id", type=click.UUID)
@click.option("--add", "added", type=click.UUID, multiple=True, metavar="ID", help="Make it a member.")
@click.option("--remove", "removed", type=click.UUID, multiple=True, metavar="ID", help="Let it be one no longer.")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@shared_options
@pass_invocation
def members(
    invocation: Invocation,
    group_id: UUID,
    added: tuple[UUID, ...],
    removed: tuple[UUID, ...],
    limit: int,
    cursor: str | None,
) -> None:
    """List who belongs to a group or role, after the changes that are asked for."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import MEMBER_COLUMNS
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        for each in added:
            store.groups.add(group_id, each)
        for each in removed:
            store.groups.remove(group_id, each)
        page = store.groups.members(group_id, limit=limit, cursor=cursor)
    if invocation.as_json:
        print_document(page)
        return
    print_rows(MEMBER_COLUMNS, [(row.member_id, row.kind, row.position) for row in page.items])
    if page.next:
        note(f"There may be more: --cursor {page.next}")


@command.command("deactivate")
@click.argument("principal_id", type=click.UUID)
@shared_options
@pass_invocation
def deactivate(invocation: Invocation, principal_id: UUID) -> None:
    """Accept none of its keys any more, at once."""
    with invocation.store() as store:
        position = store.principals.deactivate(principal_id)
    _say(invocation, principal_id, position, "may not act any more")


@command.command("reactivate")
@click.argument("principal_id", type=click.UUID)
@shared_options
@pass_invocation
def reactivate(invocation: Invocation, principal_id: UUID) -> None:
    """Accept its keys again."""
    with invocation.store() as store:
        position = store.principals.reactivate(principal_id)
    _say(invocation, principal_id, position, "may act again")


@command.command("identify")
@click.argument("principal_id", type=click.UUID)
@click.option("--issuer", required=True, help="`iss` of the tokens.")
@click.option("--subject", required=True, help="`sub` of the tokens.")
@shared_options
@pass_invocation
def identify(invocation: Invocation, principal_id: UUID, issuer: str, subject: str) -> None:
    """Say whose tokens these are: this principal signs in with them."""
    with invocation.store() as store:
        position = store.principals.identify(principal_id, issuer, subject)
    _say(invocation, principal_id, position, f"signs in with tokens of {issuer}")


def _say(invocation: Invocation, principal_id: UUID, position: int, what: str) -> None:
    from mnemolog.api.terminal.tables import print_document

    if invocation.as_json:
        print_document({"principal_id": principal_id, "position": position})
    else:
        note(f"{principal_id} {what}, since position {position}.")
