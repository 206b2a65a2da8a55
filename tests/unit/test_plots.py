"""Pictures of reports: what stands on them, and that they are always the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mnemolog.adapters.plots import png
from mnemolog.adapters.plots.figures import FIGURES
from mnemolog.adapters.plots.page import DURATIONS, Page, bars, by_duration, in_words
from mnemolog.domain.refusals import Invalid

FIRST = datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Drawn:
    """A report with just what a picture needs."""

    rows: Sequence[Sequence[Any]]
    columns: Sequence[str] = ("day", "code", "kind", "actor_id", "times")
    name: str = "denials"
    title: str = "What was refused"
    position: int = 1234
    since: datetime | None = FIRST
    until: datetime | None = FIRST + timedelta(days=9)
    notes: Sequence[str] = ("Seven refusals.",)


DENIALS = Drawn([(date(2026, 3, 1), "denied", "get", None, 3), (date(2026, 3, 10), "denied", "recall", "a" * 36, 4)])


def texts(page: Page) -> list[str]:
    page.png()
    panels = [text for axes in page.figure.axes for text in (axes.get_title("left"), *map(str, said(axes)))]
    return [*(text.get_text() for text in page.figure.texts), *panels]


def kept(monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    """The pages that are drawn from now on."""
    pages: list[Page] = []
    drawn = Page.png

    def png_of(page: Page) -> bytes:
        pages.append(page)
        return drawn(page)

    monkeypatch.setattr(Page, "png", png_of)
    return pages


def said(axes: Any) -> list[str]:
    return [text.get_text() for text in (*axes.texts, *axes.get_yticklabels(), *axes.get_xticklabels())]


def test_a_picture_of_the_same_report_has_the_same_bytes_and_says_not_when_it_was_drawn() -> None:
    first = png(DENIALS)
    assert png(DENIALS) == first
    assert png(Drawn(DENIALS.rows[:1])) != first
    assert not [word for word in (b"tEXt", b"iTXt", b"tIME", b"Matplotlib") if word in first]


def test_a_picture_says_what_it_is_of_and_what_stands_out() -> None:
    page = Page("What was refused", "1 to 10 March", ["Seven refusals."])
    FIGURES["denials"](page, [dict(zip(DENIALS.columns, row, strict=True)) for row in DENIALS.rows])
    found = texts(page)
    for expected in (
        "What was refused",
        "1 to 10 March",
        "Seven refusals.",
        "Refusals a day, 7 in all",
        "4 on 10 March",
    ):
        assert expected in found
    assert {"denied", "nobody", "…aaaaaaaa"} <= set(found)


@pytest.mark.parametrize("report", [Drawn([]), Drawn([], since=None, until=None)])
def test_where_there_is_nothing_the_picture_says_so(report: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = kept(monkeypatch)
    assert png(report).startswith(b"\x89PNG")
    assert "There is nothing to show for this time." in texts(pages[0])


def test_a_picture_of_one_day_names_that_day_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = kept(monkeypatch)
    png(Drawn(DENIALS.rows[:1], until=FIRST))
    assert "1 March 2026 (UTC), as of position 1,234 of the log" in texts(pages[0])


def test_without_matplotlib_a_picture_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("matplotlib", "mnemolog.adapters.plots."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Invalid, match=r"mnemolog\[plots\]"):
        png(DENIALS)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 ms"), (-4, "0 ms"), (0.04, "40 ms"), (3, "3 s"), (300, "5 min"), (7200, "2 h"), (1_036_800, "12 days")],
)
def test_durations_are_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_scale_of_durations_names_them_and_reaches_the_longest() -> None:
    panel = Page("", "", []).panels(4, [["one"]])["one"]
    by_duration(panel, 5000)
    low, high = panel.get_xlim()
    assert low < min(DURATIONS)
    assert high > 5000
    assert panel.get_xscale() == "log"
    assert {"1 ms", "1 h", "1 day"} <= set(said(panel))


def test_what_is_said_of_the_longest_bar_ends_within_the_panel() -> None:
    page = Page("", "", [])
    panel = page.panels(4, [["one"]])["one"]
    bars(panel, ["a", "b"], [1000, 1], ["1,000 (100%)", "1"])
    page.png()
    for text in panel.texts:
        assert text.get_window_extent().x1 <= page.figure.bbox.x1
