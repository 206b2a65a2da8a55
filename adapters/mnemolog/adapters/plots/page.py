"""A page to draw on: what all pictures look like. Colours are those of Okabe and Ito, which everybody tells apart."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from datetime import date
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num, num2date
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#8A8A8A"
INK, FAINT, GRID = "#222222", "#666666", "#E6E6E6"
WIDTH, DPI = 11.0, 144
HEAD, FOOT = 0.85, 0.5  # inches above and below what is drawn
STYLE: dict[Any, Any] = {"font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": FAINT}
FEW_DAYS = 9
SHORTEST = 0.001  # seconds, on a scale of durations
DURATIONS = {
    0.001: "1 ms",
    0.01: "10 ms",
    0.1: "0.1 s",
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    86_400: "1 day",
    864_000: "10 days",
    8_640_000: "100 days",
    86_400_000: "1,000 days",
}
COARSE = (0.001, 1, 60, 3600, 86_400, 8_640_000)


class Page:
    def __init__(self, title: str, subtitle: str, notes: Sequence[str], height: float = 6.4) -> None:
        self._said = title, subtitle, list(notes)
        self.height = height
        self.figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def panels(
        self, height: float, layout: Sequence[Sequence[str]], *, share: str = "", **ratios: Sequence[float]
    ) -> dict[str, Axes]:
        """Named panels below the title, on a page that is `height` inches high. `share` is x or y."""
        self.height = height
        self.figure.set_size_inches(WIDTH, height)
        with mpl.rc_context(STYLE):
            mosaic: Any = [list(row) for row in layout]
            shared: dict[str, Any] = {"sharex": share == "x", "sharey": share == "y", **ratios}
            found: dict[str, Axes] = self.figure.subplot_mosaic(mosaic, **shared)
        for panel in found.values():
            _quiet(panel)
        return found

    def remark(self, text: str) -> None:
        """Said below the drawing, after the notes."""
        self._said[2].append(text)

    def nothing(self) -> None:
        self.figure.set_size_inches(WIDTH, 3.2)
        self.height = 3.2
        self.figure.text(0.5, 0.4, "There is nothing to show for this time.", ha="center", size=14, color=FAINT)

    def png(self) -> bytes:
        title, subtitle, notes = self._said
        with mpl.rc_context(STYLE):
            self.figure.tight_layout(
                rect=(0.012, FOOT / self.height, 0.985, 1 - HEAD / self.height), h_pad=1.2, w_pad=1.6
            )
            self.figure.text(0.02, 1 - 0.38 / self.height, title, size=16, weight="bold", color=INK)
            self.figure.text(0.02, 1 - 0.66 / self.height, subtitle, size=10, color=FAINT)
            said = textwrap.fill("  ".join(notes), 170, max_lines=2)
            self.figure.text(0.02, 0.14 / self.height, said, size=9, color=FAINT, va="bottom", linespacing=1.4)
            written = io.BytesIO()
            self.figure.savefig(written, format="png", metadata={"Software": None})
        return written.getvalue()


def headed(panel: Axes, text: str) -> None:
    panel.set_title(text, loc="left", size=10.5, color=INK, pad=8)


def bars(
    panel: Axes,
    names: Sequence[str],
    values: Sequence[float],
    said: Sequence[str],
    colour: str = BLUE,
    slots: int = 3,
) -> None:
    """From top to bottom, each with what is said of it at its end. There is room for `slots` at least."""
    places = range(len(names))
    panel.barh(places, values, color=colour, height=0.68)
    panel.set_yticks(places, names, color=INK, size=9)
    panel.set_ylim(max(len(names), slots) - 0.4, -0.6)
    for place, value, text in zip(places, values, said, strict=True):
        panel.annotate(
            text,
            (value, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            size=9,
            color=INK,
            annotation_clip=False,
        )
    panel.xaxis.set_major_locator(NullLocator())
    panel.spines["bottom"].set_visible(False)
    panel.grid(visible=False)
    _room_for(panel, said, max([*values, 1]))


def _room_for(panel: Axes, said: Sequence[str], most: float) -> None:
    """The longest text ends inside the panel, whichever bar it belongs to."""
    longest = max(map(len, said), default=0)
    panel.set_xlim(0, most * (1 + 0.022 * (longest + 2)))


def columns(panel: Axes, days: Sequence[date], values: Sequence[float], colour: str = BLUE) -> None:
    panel.bar(date2num(days), values, width=0.86, color=colour)  # type: ignore[no-untyped-call]
    whole(panel)
    timed(panel, days)


def timed(panel: Axes, days: Sequence[date]) -> None:
    """Of a few days each has its name, and they are drawn as if there were more."""
    first, last = date2num(min(days)), date2num(max(days))  # type: ignore[no-untyped-call]
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
    if last - first <= FEW_DAYS:
        panel.set_xticks(range(int(first), int(last) + 1))
        panel.xaxis.set_major_formatter(FuncFormatter(_day_named))
    room = max(0.7, (FEW_DAYS + 1 - (last - first)) / 2)
    panel.set_xlim(first - room, last + room)


def _day_named(number: float, _: object) -> str:
    day = num2date(number)  # type: ignore[no-untyped-call]
    return f"{day.day} {day:%b}"


def at_end(panel: Axes, day: date, value: float, text: str, colour: str, up: int) -> None:
    """What a line is, right of where it ends, `up` points higher."""
    place = date2num(day), value  # type: ignore[no-untyped-call]
    panel.annotate(
        text, place, (6, up), textcoords="offset points", va="center", size=9, color=colour, annotation_clip=False
    )


def whole(panel: Axes) -> None:
    """Counts, from zero."""
    panel.set_ylim(bottom=0)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True, min_n_ticks=1))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def by_duration(panel: Axes, longest: float, *, vertical: bool = False) -> None:
    """A logarithmic scale of seconds, named as people name durations."""
    last = next((seconds for seconds in DURATIONS if seconds >= longest), max(DURATIONS))
    shown = [seconds for seconds in DURATIONS if seconds <= last]
    shown = shown if len(shown) <= 7 else [seconds for seconds in COARSE if seconds <= last]
    limits = SHORTEST * 0.6, last * 1.6
    axis = panel.yaxis if vertical else panel.xaxis
    if vertical:
        panel.set_yscale("log")
        panel.set_ylim(*limits)
    else:
        panel.set_xscale("log")
        panel.set_xlim(*limits)
    axis.set_major_locator(FixedLocator(shown))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: DURATIONS.get(round(value, 3), "")))


def in_words(seconds: float) -> str:
    """About how long: 40 ms, 3 s, 5 min, 2 h, 12 days."""
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds / size:,.0f} {unit}"
    return f"{max(seconds, 0) * 1000:,.0f} ms"


def _quiet(panel: Axes) -> None:
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color("#BBBBBB")
    panel.tick_params(length=0, labelsize=9, labelcolor=FAINT)
    panel.set_axisbelow(True)
    panel.grid(axis="y", color=GRID, linewidth=0.8)
