from __future__ import annotations

from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.group("tenants")
def command() -> None:
    """Found tenants, and limit them.

    For the owner of the installation.
    """


@command.command("create")
@click.argument("name")
@click.option("--rate", type=float, metavar="N", help="How many requests a second it may send.")
@click.option("--concurrent", type=int, metavar="N", help="How many requests it may have at once.")
@shared_options
@pass_invocation
def create(invocation: Invocation, name: str, rate: float | None, concurrent: int | None) -> None:
    """Found a tenant and print its owner's key. It is shown this once and cannot be shown again."""
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.domain.tenant import Limits

    with invocation.store() as store:
        answer = store.tenants.found(name, Limits(requests_per_second=rate, concurrent_requests=concurrent))
    if invocation.as_json:
        print_document(answer)
        return
    click.echo(answer.key)
    note(f"Tenant {answer.tenant_id}, owned by principal {answer.owner_id}.")


@command.command("list")
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@shared_options
@pass_invocation
def list_tenants(invocation: Invocation, limit: int, cursor: str | None) -> None:
    """List the tenants of this installation, and their limits."""
    from mnemolog.api.parts import CATALOGUE
    from mnemolog.api.terminal.columns import TENANT_COLUMNS, tenant_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*CATALOGUE) as store:
        page = store.tenants.list(limit=limit, cursor=cursor)
    if invocation.as_json:
        print_document(page)
        return
    print_rows(TENANT_COLUMNS, map(tenant_row, page.items))
    if page.next:
        note(f"There may be more: --cursor {page.next}")


@command.command("limit")
@click.argument("tenant_id", type=click.UUID)
@click.option("--rate", type=float, metavar="N", help="How many requests a second it may send.")
@click.option("--concurrent", type=int, metavar="N", help="How many requests it may have at once.")
@shared_options
@pass_invocation
def limit_tenant(invocation: Invocation, tenant_id: UUID, rate: float | None, concurrent: int | None) -> None:
    """Limit a tenant. What is not given is as the installation is set."""
    from mnemolog.api.terminal.columns import TENANT_COLUMNS, tenant_row
    from mnemolog.api.terminal.tables import print_document, print_rows
    from mnemolog.domain.tenant import Limits

    with invocation.store() as store:
        answer = store.tenants.limit(tenant_id, Limits(requests_per_second=rate, concurrent_requests=concurrent))
    if invocation.as_json:
        print_document(answer)
    else:
        print_rows(TENANT_COLUMNS, [tenant_row(answer)])
