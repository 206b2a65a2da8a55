from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options
from mnemolog.api.terminal.permission_lines import ACTIONS, At, show_grant

if TYPE_CHECKING:
    from mnemolog.domain.grants import Level, Terms


@click.command("grant")
@click.argument("subject_id", metavar="WHO", type=click.UUID)
@click.argument("actions", nargs=-1, required=True, type=ACTIONS)
@click.option("--cube", help="Everything in this cube that is not private; its name or id.")
@click.option("--memory", "memory_id", type=click.UUID, help="This memory.")
@click.option("--tenant", is_flag=True, help="Everything in all cubes that is not private.")
@click.option("--deny", is_flag=True, help="Forbid it: that beats every permit.")
@click.option("--for", "purposes", multiple=True, metavar="PURPOSE", help="Only for this purpose.")
@click.option("--session", "sessions", multiple=True, type=click.UUID, help="Only in this session.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Only from this network.")
@click.option("--app", "apps", multiple=True, help="Only with this app.")
@click.option("--sensitivity", type=click.IntRange(0, 3), default=3, show_default=True, help="At most so sensitive.")
@click.option("--delegable", is_flag=True, help="It may be passed on.")
@click.option("--parent", "parent_id", type=click.UUID, metavar="GRANT", help="The grant that is passed on.")
@click.option("--from", "not_before", type=At(), help="From this time on.")
@click.option("--until", "expires_at", type=At(), help="Until this time.")
@click.option("--reason", default="", help="Why; it is sealed in the log.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    subject_id: UUID,
    actions: tuple[str, ...],
    cube: str | None,
    memory_id: UUID | None,
    tenant: bool,
    reason: str,
    **said: Any,
) -> None:
    """Let somebody do something, or forbid it.

    Prints the grant's id. WHO is a principal: a user, an agent, a group or a role.

    \b
    mnemolog grant WHO read --cube kitchen
    mnemolog grant WHO read train_on --cube kitchen --for care --until 2027-01-01T00:00:00Z
    mnemolog grant WHO read --memory ID --deny
    """
    from mnemolog.api.references import id_or_name

    with invocation.store() as store:
        place = None if cube is None else id_or_name(cube)
        on = store.grants.about(cube=place, memory_id=memory_id, tenant=tenant)
        answer = store.grants.issue(_terms(subject_id, actions, on, **said), reason)
    show_grant(invocation, answer)
    if not invocation.as_json:
        note(f"In force since position {answer.position}; end it with: mnemolog revoke {answer.grant_id}")


def _terms(
    subject_id: UUID,
    actions: tuple[str, ...],
    on: tuple[Level, UUID],
    *,
    deny: bool,
    sensitivity: int,
    delegable: bool,
    parent_id: UUID | None,
    not_before: datetime | None,
    expires_at: datetime | None,
    **conditions: Any,
) -> Terms:
    from mnemolog.domain.grants import Conditions, Effect, Terms
    from mnemolog.domain.metadata import Sensitivity
    from mnemolog.domain.permissions import Action

    level, resource_id = on
    return Terms(
        effect=Effect.DENY if deny else Effect.PERMIT,
        subject_id=subject_id,
        level=level,
        resource_id=resource_id,
        actions=frozenset(map(Action, actions)),
        conditions=Conditions(sensitivity=Sensitivity(sensitivity), **conditions),
        delegable=delegable,
        parent_id=parent_id,
        not_before=not_before,
        expires_at=expires_at,
    )
