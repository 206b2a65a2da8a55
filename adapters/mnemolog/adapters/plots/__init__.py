"""Reports as pictures: the same bytes for the same report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from mnemolog.domain.refusals import Invalid


class Told(Protocol):
    """What a picture is made of. `since` and `until` are when the first and the last of it was recorded."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def rows(self) -> Sequence[Sequence[Any]]: ...
    @property
    def position(self) -> int: ...
    @property
    def since(self) -> datetime | None: ...
    @property
    def until(self) -> datetime | None: ...
    @property
    def notes(self) -> Sequence[str]: ...


def png(report: Told) -> bytes:
    """Raises Invalid where matplotlib is not installed."""
    try:
        from mnemolog.adapters.plots.figures import FIGURES
        from mnemolog.adapters.plots.page import Page
    except ImportError:
        raise Invalid(reason="Plots need matplotlib: pip install 'mnemolog[plots]'") from None
    page = Page(report.title, _subtitle(report), report.notes)
    rows = [dict(zip(report.columns, row, strict=True)) for row in report.rows]
    if report.since is None or not rows:
        page.nothing()
    else:
        FIGURES[report.name](page, rows)
    return page.png()


def _subtitle(report: Told) -> str:
    at = f"as of position {report.position:,} of the log"
    if report.since is None or report.until is None:
        return at
    first, last = (f"{moment.day} {moment:%B %Y}" for moment in (report.since, report.until))
    return f"{first} (UTC), {at}" if first == last else f"{first} to {last} (UTC), {at}"
