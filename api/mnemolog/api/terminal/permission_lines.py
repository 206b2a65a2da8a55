"""What the commands about permissions take and show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation
from mnemolog.domain.refusals import Invalid

if TYPE_CHECKING:
    from mnemolog.api.permission_answers import GrantAnswer
    from mnemolog.domain.permissions import Context

ACTIONS = click.Choice(["read", "write", "merge", "share", "administer", "train_on", "cache", "export", "erase"])
KNOWN = {"purpose": str, "session": UUID, "address": str, "app": str, "on_behalf_of": UUID}


class At(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from mnemolog.api.moments import parse_at

        if isinstance(value, datetime):
            return value
        try:
            found = parse_at(value, datetime.now(UTC))
        except Invalid as refusal:
            self.fail(str(refusal), param, ctx)
        return found if isinstance(found, datetime) else self.fail("a position is no time", param, ctx)


class In(click.ParamType["Context"]):
    name = "context"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Context:
        from mnemolog.domain.permissions import Context

        if isinstance(value, Context):
            return value
        said: dict[str, Any] = {}
        for each in value.split(","):
            name, equals, text = each.partition("=")
            if not equals or name not in KNOWN:
                self.fail(f"{each!r} is none of {', '.join(f'{known}=' for known in KNOWN)}", param, ctx)
            try:
                said["session_id" if name == "session" else name] = KNOWN[name](text)
            except ValueError:
                self.fail(f"{text!r} is no id", param, ctx)
        return Context(**said)


def grant_row(grant: GrantAnswer) -> tuple[Any, ...]:
    asked = {name: value for name, value in grant.conditions.items() if value not in ([], 3)}
    return (
        grant.grant_id,
        grant.effect,
        grant.subject_id,
        list(grant.actions),
        grant.level,
        grant.resource_id,
        grant.state,
        grant.expires_at,
        asked or None,
    )


def show_grant(invocation: Invocation, grant: GrantAnswer) -> None:
    from mnemolog.api.terminal.tables import print_document

    if invocation.as_json:
        print_document(grant)
    else:
        click.echo(grant.grant_id)
