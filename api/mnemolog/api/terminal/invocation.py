"""What every command is given besides its own arguments, and what it shares with the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mnemolog.api.durations import parse_duration
from mnemolog.domain.refusals import Invalid

if TYPE_CHECKING:
    from mnemolog.api.settings import Settings
    from mnemolog.api.store import Store

C = TypeVar("C", bound=Callable[..., Any])


@dataclass
class Invocation:
    home: Path | None = None
    as_json: bool = False
    debug: bool = False
    purpose: str | None = None

    def settings(self) -> Settings:
        from mnemolog.api.settings import Settings

        found = Settings.from_environment()
        return found if self.home is None else replace(found, home=self.home.expanduser())

    @contextmanager
    def store(self, *views: str) -> Iterator[Store]:
        """Open, and with the named views as far as the log was when it was opened."""
        from mnemolog.api.settings import Audit
        from mnemolog.api.store import open_store
        from mnemolog.api.terminal.catching_up import catch_up
        from mnemolog.api.terminal.progress import bar

        # A command answers once: that its process opened and closed would be two more records than its answer.
        with open_store(settings=replace(self.settings(), audit=Audit.STRICT)) as store:
            if views:
                with bar("reading the log", store.parts.log.head()) as moved:
                    catch_up(store.parts, views, moved=moved)
            yield store if self.purpose is None else store.for_purpose(self.purpose)


class Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except Invalid as refusal:
            self.fail(str(refusal), param, ctx)


def shared_options(command: C) -> C:
    """Options that may stand before the command's name or after it."""
    flags: dict[str, Any] = {"is_flag": True, "expose_value": False, "callback": _keep}
    for option in (
        click.option("--debug", help="Say more, and show where an error comes from.", **flags),
        click.option("--json", "as_json", help="Answer with JSON on stdout.", **flags),
        click.option(
            "--purpose",
            expose_value=False,
            callback=_keep,
            help="What for: a memory with purposes is used for those alone.",
        ),
        click.option(
            "--home",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="FOLDER",
            expose_value=False,
            callback=_keep,
            help="Where the embedded store and the keys are. [env: MNEMOLOG_HOME]",
        ),
    ):
        command = option(command)
    return command


def pass_invocation(command: C) -> C:
    return click.make_pass_decorator(Invocation, ensure=True)(command)  # type: ignore[return-value]


def note(text: str) -> None:
    """For the person at the keyboard: never on stdout, which is data."""
    click.echo(text, file=sys.stderr)


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name is not None:
        setattr(ctx.ensure_object(Invocation), parameter.name, value)
