"""Stretches of time that a question asks about: 'between May and July 2023', 'since March', 'in the last 3 days'."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from mnemolog.projections.dates import MAX_DATES, dates, plain
from mnemolog.projections.time_points import TO, Extent, Point, points
from mnemolog.projections.turns import DAY_ZERO

_LEAD_LENGTH = 40  # characters, more than the longest of these
_LEAD = re.compile(
    r"(?P<near>\b(?:day|night|morning|evening|week|weekend|month|year|monday|tuesday|wednesday|thursday|friday|saturday"
    r"|sunday|spring|summer|autumn|fall|winter)s? |\b(?:just|right|shortly|soon|immediately) )?(?P<or>\bon or )?"
    r"\b(?P<lead>between|from|since|before|after|until|till|by|up to)(?: the)?(?: last| this| year)? $"
)
_OPEN = ("since", "before", "after", "until", "till", "by", "up to")
_AND = re.compile(",? and (?:the )?")
_TO = re.compile(f",?(?:{TO})")
_DASH = re.compile(" ?[-–—] ?")
_ONWARDS = re.compile(r" (?:on(?! the\b)|onwards?|forward)\b")
_LEAP = 9  # years among which any day of the calendar occurs


@dataclass(frozen=True, slots=True)
class Span:
    """Days since 1970, both of them inside; None for no end."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the text says from `start` to `end`, by so many points."""

    span: Span
    start: int
    end: int
    size: int = 1
    relative: bool = False


def time_ranges(question: str, today: date | None) -> tuple[tuple[Span, ...], str]:
    """At most `MAX_DATES` ranges, and the question without them: the dates that make a range are none by themselves.

    What is counted from today is left out where a calendar date is said too: 'last Friday, on 23 January 2022'.
    """
    text = plain(question)
    readings = list(_readings(text, list(points(text, today)), today))
    calendar = [each for each in readings if not each.relative]
    rest, end = [], 0
    for reading in calendar:
        rest.append(text[end : reading.start])
        end = reading.end
    left = " | ".join((*rest, text[end:]))
    wanted = calendar if calendar or dates(left) else readings
    return tuple(dict.fromkeys(each.span for each in wanted[:MAX_DATES])), left


def _readings(text: str, found: Sequence[Point], today: date | None) -> Iterator[_Reading]:
    place = 0
    while place < len(found):
        reading = _reading(text, found[place : place + 2], today)
        place += reading.size if reading else 1
        if reading:
            yield reading


def _reading(text: str, found: Sequence[Point], today: date | None) -> _Reading | None:
    point, end = found[0], found[0].end
    lead = _LEAD.search(text, max(0, point.start - _LEAD_LENGTH), point.start)
    word = lead["lead"] if lead else ""
    start = lead.start("lead") if lead else point.start
    if len(found) > 1 and _joined(text, word, point, found[1]) and (extent := _pair(point, found[1], today)):
        return _Reading(Span(*extent), start, found[1].end, 2, point.relative and found[1].relative)
    is_open = lead is not None and not lead["near"] and (word in _OPEN or (word == "from" and _goes_on(text, end)))
    if not (is_open or point.is_range(word)) or (extent := _latest(point, today)) is None:
        return None
    span = _open(word, extent, on=bool(lead and lead["or"])) if is_open else Span(*extent)
    return _Reading(span, start if is_open or word == "between" else point.start, end, 1, point.relative)


def _joined(text: str, lead: str, first: Point, second: Point) -> bool:
    joint = {"between": _AND, "from": _TO}.get(lead, _DASH)
    return joint.fullmatch(text, first.end, second.start) is not None


def _goes_on(text: str, end: int) -> bool:
    return _ONWARDS.match(text, end) is not None


def _open(lead: str, extent: Extent, *, on: bool) -> Span:
    first, last = extent
    match lead:
        case "before":
            return Span(None, last if on else first - 1)
        case "after":
            return Span(first if on else last + 1, None)
        case "since" | "from":
            return Span(first, None)
        case _:
            return Span(None, last)


def _latest(point: Point, today: date | None) -> Extent | None:
    """Without a year: the last that has begun."""
    if point.year is not None:
        return point.of(point.year)
    if today is None:
        return None
    now = today.toordinal() - DAY_ZERO
    extents = (point.of(today.year - back) for back in range(_LEAP))
    return next((extent for extent in extents if extent and extent[0] <= now), None)


def _pair(first: Point, second: Point, today: date | None) -> Extent | None:
    """A year that is said once is that of both, or the one next to it."""
    if first.year is None and second.year is not None:
        end = second.of(second.year)
        begins = (first.of(second.year - back) for back in range(_LEAP))
        begin = next((each for each in begins if end and each and each[0] <= end[1]), None)
    else:
        begin, end = _latest(first, today), None
    if begin is None:
        return None
    if second.year is not None:
        end = second.of(second.year)
    else:
        year = date.fromordinal(begin[0] + DAY_ZERO).year
        ends = (second.of(year + on) for on in range(_LEAP))
        end = next((each for each in ends if each and each[1] >= begin[0]), None)
    return None if end is None else (min(begin[0], end[0]), max(begin[1], end[1]))
