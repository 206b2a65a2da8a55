"""What an English phrase of time stands for: '3 May 2023', 'late May', 'the summer of 2023', 'two weeks ago'.

Like in `dates`, no pattern repeats without a bound. Texts are in lower case and single-spaced.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from mnemolog.projections.dates import MONTH, MONTHS, YEAR
from mnemolog.projections.language import STOP_WORDS
from mnemolog.projections.turns import DAY_ZERO

Extent = tuple[int, int]  # first and last day, since 1970
PARTS = ("early", "mid", "late")
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # by the first of three months
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
           "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "a couple of": 2, "a few": 3}  # fmt: skip
TO = " ?[-–—] ?| (?:to|until|till|through) (?:the )?"

_TH = "(?:st|nd|rd|th)?"
_PART = r"\b(?P<{}>early|mid|late)[ -](?:in )?"
_ISO = r"\b(?P<iso>(?:19|20)\d\d-\d\d-\d\d)(?!\d)"
_MONTH = (
    rf"(?:(?:(?<![\d:.-])(?P<opening>\d{{1,2}}){_TH}(?P<joint>{TO}| and (?:the )?))?"
    rf"(?<!\d)(?P<before>\d{{1,2}}){_TH} (?:of )?|{_PART.format('part')})?\b(?P<month>{MONTH})\b"
    rf"(?: (?P<after>\d{{1,2}}){_TH}\b(?:(?:{TO})(?P<closing>\d{{1,2}}){_TH}(?![\w:-]| (?:of )?(?:{MONTH})))?)?"
    r"(?:,? (?P<year>\d{4}))?"
)
_SEASON = (
    rf"(?:{_PART.format('season_part')})?\b(?P<season>{'|'.join(SEASONS)})\b"
    rf"(?:,? (?:of )?(?P<season_year>{YEAR})(?:[-–/](?:20)?\d\d\b)?)?"
)
_ONLY_YEAR = rf"(?:{_PART.format('year_part')})?(?P<only_year>{YEAR})(?!-\d\d\b)"
_CALENDAR = re.compile(f"{_ISO}|{_MONTH}|{_SEASON}|{_ONLY_YEAR}")
_SEASONAL = re.compile(r"\b(?:in|during|over|since|by|before|after|until|till|between|from|and|to) (?:the )?$")
_FALLEN = re.compile(r"\b(?:since|by|before|after|until|till|from|and|to) (?:the )?$")  # an accident, not a season
_NEXT_WORD = re.compile(r" (\w{1,20})")

_COUNT = rf"\d{{1,4}}|{'|'.join(sorted(NUMBERS, key=len, reverse=True))}"
_UNIT = "day|week|month|year"
_RELATIVE = re.compile(
    r"\b(?P<day>(?:the )?day before yesterday|yesterday|last night|today|tonight)\b"
    rf"|\b(?P<count>{_COUNT}) (?P<ago>{_UNIT})s? ago\b"
    rf"|\b(?:last|past) (?P<past>{_COUNT}) (?P<unit>{_UNIT})s?\b(?! of\b)"
    rf"|\bpast (?P<one>{_UNIT})\b(?! of\b)"
    rf"|\b(?P<which>last|this) (?P<period>week|weekend|month|year|{'|'.join(SEASONS)})\b(?! of\b|,? \d{{4}}\b)"
    rf"|\blast (?P<weekday>{'|'.join(WEEKDAYS)})\b(?! of\b)"
)


@dataclass(frozen=True, slots=True)
class Point:
    """`of` gives the extent in a year, None if there is none, such as a 30th of February.

    A `date` is a plain day, month or year; anything else is a time range of its own. `relative` means: to today.
    `paired` are two days of a month joined by `and`, which make a range only after `between`.
    """

    start: int
    end: int
    year: int | None
    of: Callable[[int], Extent | None]
    date: bool = False
    relative: bool = False
    paired: bool = False

    def is_range(self, lead: str) -> bool:
        return not self.date and (lead == "between" or not self.paired)


def points(text: str, today: date | None) -> Iterator[Point]:
    """In their order; none overlaps another. Without `today` there are no relative ones."""
    found = [*_calendar_points(text), *(() if today is None else _relative_points(text, today))]
    end = 0
    for point in sorted(found, key=lambda point: (point.start, -point.end)):
        if point.start >= end:
            end = point.end
            yield point


def months(year: int, month: int, count: int = 1) -> Extent | None:
    """`count` whole months; `month` may be 0 or less, for the years before."""
    first, last = 12 * year + month - 1, 12 * year + month + count - 2
    if first < 12 * date.min.year or last >= 12 * (date.max.year + 1):
        return None
    (year, month), (last_year, last_month) = divmod(first, 12), divmod(last, 12)
    last_day = monthrange(last_year, last_month + 1)[1]
    return _since_1970(date(year, month + 1, 1)), _since_1970(date(last_year, last_month + 1, last_day))


def _since_1970(day: date) -> int:
    return day.toordinal() - DAY_ZERO


def _calendar_points(text: str) -> Iterator[Point]:
    for match in _CALENDAR.finditer(text):
        start, end = match.span()
        if match["iso"]:
            year, month, day = map(int, match["iso"].split("-"))
            yield Point(start, end, year, _days(month, day, day), date=True)
        elif match["month"]:
            yield _month(match)
        elif match["only_year"]:
            part = match["year_part"]
            yield Point(start, end, int(match["only_year"]), _third(1, 12, part), date=not part)
        elif _is_season(text, match):
            year_said = int(match["season_year"]) if match["season_year"] else None
            yield Point(start, end, year_said, _third(SEASONS[match["season"]], 3, match["season_part"]))


def _month(match: re.Match[str]) -> Point:
    start, end = match.span()
    month, year = MONTHS.index(match["month"]) + 1, int(match["year"]) if match["year"] else None
    if day := match["before"] or match["after"]:
        first, last = int(match["opening"] or day), int(match["closing"] or day)
        single = not (match["opening"] or match["closing"])
        paired = " and " in (match["joint"] or "")
        return Point(start, end, year, _days(month, first, last), date=single, paired=paired)
    return Point(start, end, year, _tenth(month, match["part"]), date=not match["part"])


def _is_season(text: str, match: re.Match[str]) -> bool:
    """A year tells, and otherwise the words around: nobody asks when it was in 'a summer dress' or 'did Ann fall'."""
    if match["season_year"] or match["season_part"]:
        return True
    around = max(0, match.start() - 16), match.start()
    if not _SEASONAL.search(text, *around) or (match["season"] == "fall" and _FALLEN.search(text, *around)):
        return False
    following = _NEXT_WORD.match(text, match.end())
    return following is None or following[1] in STOP_WORDS | {"until", "till", "through"}


def _days(month: int, first: int, last: int) -> Callable[[int], Extent | None]:
    def of(year: int) -> Extent | None:
        try:
            return _since_1970(date(year, month, first)), _since_1970(date(year, month, last))
        except ValueError:
            return None

    return of


def _tenth(month: int, part: str | None) -> Callable[[int], Extent | None]:
    """A month, or ten days of it."""

    def of(year: int) -> Extent | None:
        extent = months(year, month)
        if extent is None or part is None:
            return extent
        first = extent[0] + 10 * PARTS.index(part)
        return first, extent[1] if part == "late" else first + 9

    return of


def _third(month: int, count: int, part: str | None) -> Callable[[int], Extent | None]:
    """So many months, or a third of them."""
    if part is not None:
        count //= 3
        month += count * PARTS.index(part)
    return lambda year: months(year, month, count)


def _relative_points(text: str, today: date) -> Iterator[Point]:
    for match in _RELATIVE.finditer(text):
        extent = _relative_extent(match, today)
        if extent is not None and 1 <= extent[0] + DAY_ZERO <= date.max.toordinal():
            year = date.fromordinal(extent[0] + DAY_ZERO).year
            yield Point(*match.span(), year, _always(extent), relative=True)


def _always(extent: Extent) -> Callable[[int], Extent | None]:
    return lambda year: extent


def _relative_extent(match: re.Match[str], today: date) -> Extent | None:
    now = _since_1970(today)
    if match["day"]:
        back = {"today": 0, "tonight": 0, "yesterday": 1, "last night": 1}.get(match["day"], 2)
        return now - back, now - back
    if match["ago"]:
        return _period(match["ago"], _number(match["count"]), today)
    if match["unit"] or match["one"]:
        return _rolling(match["unit"] or match["one"], _number(match["past"] or "one"), today)
    if match["weekday"]:
        back = (today.weekday() - WEEKDAYS.index(match["weekday"]) - 1) % 7 + 1
        return now - back, now - back
    if match["period"] in SEASONS:
        return _last_season(SEASONS[match["period"]], today, ended=match["which"] == "last")
    return _period(match["period"], int(match["which"] == "last"), today)


def _number(count: str) -> int:
    return NUMBERS[count] if count in NUMBERS else int(count)


def _period(unit: str, back: int, today: date) -> Extent | None:
    """A whole day, a week from Monday, a month or a year, so many before the present one."""
    now = _since_1970(today)
    monday = now - today.weekday() - 7 * back
    match unit:
        case "day":
            return now - back, now - back
        case "week":
            return monday, monday + 6
        case "weekend":
            return monday + 5, monday + 6
        case "month":
            return months(today.year, today.month - back)
        case _:
            return months(today.year - back, 1, 12)


def _rolling(unit: str, count: int, today: date) -> Extent:
    """The time up to today; a month counts as 30 days, as nobody means it to the day."""
    now = _since_1970(today)
    return now - count * {"day": 1, "week": 7, "month": 30, "year": 365}[unit], now


def _last_season(month: int, today: date, *, ended: bool) -> Extent | None:
    now = _since_1970(today)
    found = (months(today.year - back, month, 3) for back in range(3))
    return next((each for each in found if each and each[1 if ended else 0] < now + (not ended)), None)
