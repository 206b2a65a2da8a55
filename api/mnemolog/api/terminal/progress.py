"""Bars on stderr, for a person who waits. Where nobody watches, nothing is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import Any


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Call it with how far the work is: the bar appears with the first call and goes away at the end."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    with ExitStack() as showing:
        yield Bar(title, total, showing)


@contextmanager
def spinner(title: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(title):
        yield


class Bar:
    def __init__(self, title: str, total: int, showing: ExitStack) -> None:
        self._title, self._total, self._showing = title, total, showing
        self._began = monotonic()
        self._progress: Any = None
        self._first = 0

    def __call__(self, done: int) -> None:
        if self._progress is None:
            self._progress, self._first = self._showing.enter_context(_progress()), done
            self._task = self._progress.add_task(self._title, total=self._total, rate="")
        rate = (done - self._first) / max(monotonic() - self._began, 0.001)
        self._progress.update(self._task, completed=done, rate=f"{rate:,.0f}/s" if rate else "")


def _progress() -> Any:
    """A rich Progress: how far, how fast, for how long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("   {task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
