"""Views for people: how they are, what was done to them, and a line on stderr while it is being done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mnemolog.api.pace import Pace, untold
from mnemolog.api.terminal.tables import Column

if TYPE_CHECKING:
    from mnemolog.api.replay_answers import ReplayedView
    from mnemolog.api.view_answers import Rebuilt, Verified, ViewAnswer

VIEW = Column("view")
POSITION = Column("position", right=True, style="cyan")
SECONDS = Column("seconds", right=True)
CUBE = Column("cube", style="dim")
VIEW_COLUMNS = (
    VIEW,
    POSITION,
    *(Column(name, right=True) for name in ("lag", "parked", "in memory", "memories", "in files")),
    Column("stopped by"),
)
REBUILT_COLUMNS = (VIEW, CUBE, POSITION, Column("events", right=True), SECONDS)
VERIFIED_COLUMNS = (VIEW, CUBE, POSITION, SECONDS)
REPLAYED_COLUMNS = (*REBUILT_COLUMNS, Column("events/s", right=True), Column("sha256", wide=True))


def view_row(view: ViewAnswer) -> Sequence[Any]:
    kept = None if view.cubes is None else sum(cube.kept for cube in view.cubes)
    cubes = view.resident_cubes, view.resident_memories, kept
    return view.name, view.position, view.lag, len(view.parked), *cubes, view.last_error_code


def rebuilt_row(done: Rebuilt) -> Sequence[Any]:
    return done.view, done.cube_id, done.position, done.events, done.seconds


def verified_row(done: Verified) -> Sequence[Any]:
    return done.view, done.cube_id, done.position, done.seconds


def replayed_row(made: ReplayedView) -> Sequence[Any]:
    return made.view, made.cube_id, made.position, made.events, made.seconds, round(made.rate), made.digest


@contextmanager
def pace_line() -> Iterator[Callable[[Pace], None]]:
    """Where nobody watches, nothing is shown."""
    if not sys.stderr.isatty():
        yield untold
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("   {task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
    with Progress(*columns, TextColumn("{task.fields[pace]}"), console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None, pace="")

        def tell(pace: Pace) -> None:
            name = pace.view if pace.cube is None else f"{pace.view} of {pace.cube}"
            shown.update(task, description=name, completed=pace.position, total=pace.upto, pace=in_words(pace))

        yield tell


def in_words(pace: Pace) -> str:
    return f"{pace.rate:,.0f}/s" if pace.eta is None else f"{pace.rate:,.0f}/s, {pace.eta:,.0f} s to go"
