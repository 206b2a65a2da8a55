"""One picture for each report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from matplotlib.axes import Axes

from mnemolog.adapters.plots.page import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SHORTEST,
    VERMILION,
    Page,
    at_end,
    bars,
    by_duration,
    columns,
    headed,
    in_words,
    timed,
    whole,
)

Row = Mapping[str, Any]
Rows = Sequence[Row]
MOST_BARS = 10
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # no line goes through the text
STATES = ("generated", "activated", "merged", "archived", "frozen", "erased")
ANSWERS, REFUSALS, STORED = "access.recorded", "access.refused", "memory.generated"
GROUPS = (
    ("Answers", BLUE),
    ("Memories stored", GREEN),
    ("Memories changed", PURPLE),
    ("Refusals", VERMILION),
    ("All else", GREY),
)


def activity(page: Page, rows: Rows) -> None:
    """A panel for each group of kinds, because the few refusals would drown in the many answers."""
    days = _days(rows)
    counted = {name: Counter[date]() for name, _ in GROUPS}
    writers = Counter[date]()
    for row in rows:
        counted[_group(row["kind"])][_day(row["day"])] += row["events"]
        writers[_day(row["day"])] = row["writers_that_day"]
    shown = [(name, counted[name], colour) for name, colour in GROUPS if counted[name]]
    panels = page.panels(1.6 + 0.98 * (len(shown) + 1), [[name] for name, _, _ in shown] + [["writers"]], share="x")
    for name, by_day, colour in shown:
        columns(panels[name], days, [by_day[day] for day in days], colour)
        headed(panels[name], f"{name} a day ({by_day.total():,} in all)")
    columns(panels["writers"], days, [writers[day] for day in days], ORANGE)
    headed(panels["writers"], "People and agents who wrote or asked, each day")
    page.remark("Each panel has a scale of its own.")


def access(page: Page, rows: Rows) -> None:
    panels = page.panels(8.6, [["hours", "hours"], ["persons", "memories"]], height_ratios=[1, 1.6])
    hours = {int(row["which"]): row["told"] for row in rows if row["per"] == "hour"}
    panels["hours"].bar(range(24), [hours.get(hour, 0) for hour in range(24)], width=0.8, color=BLUE)
    panels["hours"].set_xticks(range(0, 24, 3), [f"{hour:02}:00" for hour in range(0, 24, 3)])
    panels["hours"].set_xlim(-0.6, 23.6)
    whole(panels["hours"])
    headed(panels["hours"], "Memories told, by hour of the day (UTC)")
    for name, per, colour in (("persons", "person", GREEN), ("memories", "memory", PURPLE)):
        found = [row for row in rows if row["per"] == per]
        _ranked(panels[name], {row["which"]: row["told"] for row in found}, colour, _short, slots=6)
    headed(panels["persons"], "To whom: times a memory was told, by id")
    headed(panels["memories"], "Of what: times a memory was told, by id")


def funnel(page: Page, rows: Rows) -> None:
    """The ways between states in the order of a life; how long a memory stayed before it went."""
    found = sorted(rows, key=lambda row: (_place(row["from_state"]), -row["times"]))
    panels = page.panels(2.0 + 0.36 * len(found), [["counts", "waits"]], width_ratios=[1, 1.15], share="y")
    names = [f"{row['from_state']} → {row['to_state']}" if row["from_state"] else "stored" for row in found]
    stored = sum(row["times"] for row in found if row["from_state"] is None)
    said = [f"{row['times']:,}{_share(row['times'], stored)}" for row in found]
    bars(panels["counts"], names, [row["times"] for row in found], said)
    headed(panels["counts"], "Times gone this way (share of those stored)" if stored else "Times gone this way")
    waits = panels["waits"]
    longest = max((row["p95_seconds"] or 0 for row in found), default=1)
    for place, row in enumerate(found):
        if row["median_seconds"] is not None:
            _spread(waits, place, row["median_seconds"], row["p95_seconds"])
    by_duration(waits, longest)
    waits.grid(axis="x", color="#E6E6E6", linewidth=0.8)
    headed(waits, "Time in the state before: median ●, 95 % within ┤ (log scale)")


def denials(page: Page, rows: Rows) -> None:
    panels = page.panels(7.4, [["days"] * 3, ["code", "kind", "who"]], height_ratios=[1, 1.05])
    days, by_day = _days(rows), Counter[date]()
    for row in rows:
        by_day[_day(row["day"])] += row["times"]
    columns(panels["days"], days, [by_day[day] for day in days], VERMILION)
    headed(panels["days"], f"Refusals a day, {by_day.total():,} in all")
    _peak(panels["days"], by_day)
    counted = {name: Counter[str]() for name in ("code", "kind", "who")}
    for row in rows:
        for name, label in (("code", row["code"]), ("kind", row["kind"]), ("who", _short(row["actor_id"]))):
            counted[name][label] += row["times"]
    slots = min(MOST_BARS, max(map(len, counted.values())))
    for name, title in (("code", "Why: by code"), ("kind", "What was asked for"), ("who", "Who asked, by id")):
        _ranked(panels[name], counted[name], VERMILION if name == "code" else GREY, slots=slots)
        headed(panels[name], title)


def retention(page: Page, rows: Rows) -> None:
    panels = page.panels(4.6, [["age", "expires", "duty"]], width_ratios=[1, 1, 1.05])
    titles = {
        "age": "Memories in use, by age",
        "expires": "The same, by when they expire",
        "duty": "Holds and erasures",
    }
    for name, colour in (("age", BLUE), ("expires", GREEN), ("duty", GREY)):
        found = [row for row in rows if row["per"] == name]
        values = [row["count"] for row in found]
        bars(panels[name], [row["which"] for row in found], values, [f"{value:,}" for value in values], colour, slots=6)
        headed(panels[name], titles[name])
    for patch, row in zip(panels["expires"].patches, (row for row in rows if row["per"] == "expires"), strict=True):
        patch.set_facecolor({"overdue": VERMILION, "within 1 day": ORANGE}.get(row["which"], GREEN))


def lag(page: Page, rows: Rows) -> None:
    kinds = sorted((row for row in rows if row["per"] == "kind"), key=lambda row: -row["p95_seconds"])
    daily = [row for row in rows if row["per"] == "day"]
    layout = [["kinds", "days"], ["kinds", "late"]]
    panels = page.panels(max(5.6, 2.2 + 0.3 * len(kinds)), layout, width_ratios=[1.15, 1])
    panel = panels["kinds"]
    for place, row in enumerate(kinds):
        _spread(panel, place, row["p50_seconds"], row["p95_seconds"], row["max_seconds"])
    panel.set_yticks(range(len(kinds)), [row["which"] for row in kinds], color=INK, size=9)
    panel.set_ylim(max(len(kinds), 3) - 0.4, -0.6)
    by_duration(panel, max(row["max_seconds"] for row in kinds))
    panel.grid(axis="x", color="#E6E6E6", linewidth=0.8)
    headed(panel, "By kind: median ●, 95 % within ┤, longest ─ (log scale)")
    days = [_day(row["which"]) for row in daily]
    for quantile, label, colour, up in (("p50_seconds", "half", GREY, -5), ("p95_seconds", "95 %", BLUE, 5)):
        values = [max(row[quantile], SHORTEST) for row in daily]
        panels["days"].plot(days, values, color=colour, marker=".", markersize=4, linewidth=1.2)  # type: ignore[arg-type]
        at_end(panels["days"], days[-1], values[-1], label, colour, up)
    by_duration(panels["days"], max(row["p95_seconds"] for row in daily), vertical=True)
    timed(panels["days"], days)
    headed(panels["days"], "Of a day's memories, recorded within (log scale)")
    columns(panels["late"], days, [row["late"] for row in daily], ORANGE)
    headed(panels["late"], "Memories recorded over a day late, each day")


def _share(part: int, whole: int) -> str:
    return f" ({part / whole:.{0 if part * 100 >= whole else 1}%})" if whole else ""


def _spread(panel: Axes, place: int, median: float, p95: float, most: float | None = None) -> None:
    """What is shorter than the scale begins, or was said to be in the future, is where it begins."""
    low, high = max(median, SHORTEST), max(p95, SHORTEST)
    if most is not None:
        panel.plot([high, max(most, SHORTEST)], [place, place], color=GREY, linewidth=1)
    panel.plot([low, high], [place, place], color=BLUE, linewidth=2.4, solid_capstyle="butt")
    panel.plot([low], [place], "o", color=BLUE, markersize=6)
    panel.plot([high], [place], "|", color=BLUE, markersize=9, markeredgewidth=2)
    panel.annotate(in_words(median), (low, place), (0, 6), textcoords="offset points", ha="center", size=7.5, color=INK)


def _ranked(
    panel: Axes, counted: Mapping[str, int], colour: str, label: Callable[[str], str] = str, slots: int = 3
) -> None:
    """The greatest first; what there is no room for is counted together."""
    found = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    names, values = [label(name) for name, _ in found[:MOST_BARS]], [value for _, value in found[:MOST_BARS]]
    said = [f"{value:,}" for value in values]
    bars(panel, names, values, said, colour, slots)
    if (rest := len(found) - MOST_BARS) > 0:
        total = sum(value for _, value in found[MOST_BARS:])
        panel.set_xlabel(f"and {rest:,} more with {total:,} together", size=9, loc="left")


def _peak(panel: Axes, by_day: Mapping[date, int]) -> None:
    day, most = max(by_day.items(), key=lambda item: (item[1], item[0]))
    text = f"{most:,} on {day.day} {day:%B}"
    panel.annotate(text, (day, most), (0, 4), textcoords="offset points", ha="center", size=9, color=INK, bbox=BEHIND)
    panel.set_ylim(top=most * 1.18)


def _group(kind: str) -> str:
    if kind in (ANSWERS, REFUSALS):
        return "Answers" if kind == ANSWERS else "Refusals"
    if kind == STORED:
        return "Memories stored"
    return "Memories changed" if kind.startswith("memory.") else "All else"


def _place(state: str | None) -> int:
    return STATES.index(state) if state in STATES else -1


def _days(rows: Rows) -> list[date]:
    """All from the first to the last, those without an event too."""
    found = [_day(row["day"]) for row in rows]
    return [min(found) + timedelta(days=n) for n in range((max(found) - min(found)).days + 1)]


def _day(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _short(identity: object) -> str:
    """The end of an id: its beginning is the time it was made, which many share."""
    return f"…{str(identity)[-8:]}" if identity else "nobody"


FIGURES: Mapping[str, Callable[[Page, Rows], None]] = {
    "activity": activity,
    "access": access,
    "funnel": funnel,
    "denials": denials,
    "retention": retention,
    "lag": lag,
}
