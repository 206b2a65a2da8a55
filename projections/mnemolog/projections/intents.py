"""What a question is after, besides its words: whom it names, and when it happened. No model, only rules for English.

Names are those of speakers whom the caller may hear. They are taken out of what the question means, because they would
drown it: to a small embedding model, two sentences about Ada are more alike than two about coffee.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.turns import DAY_ZERO

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
_MONTH = "|".join(MONTHS)
_DATE = re.compile(
    rf"(?:(?P<before>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?\b(?P<month>{_MONTH})\b"
    rf"(?:\s+(?P<after>\d{{1,2}})(?:st|nd|rd|th)?\b)?(?:,?\s+(?P<year>\d{{4}}))?"
)
_MAY = re.compile(r"\b(?:in|of|during|on|last|since|by|early|late|mid|this|next|before|after|until)[\s-]+may\b")
_ISO = re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
NEAR_DAYS = 31


@dataclass(frozen=True, slots=True)
class When:
    """A day, a month or a year; what is None was not said."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """`meaning` is the question without the names of `subjects`, which are speakers, in the order of their names."""

    subjects: tuple[str, ...]
    meaning: str
    dates: tuple[When, ...]


def intent(question: str, names: Collection[str]) -> Intent:
    """`names` are case-folded. A question that is nothing but names keeps them."""
    subjects = tuple(name for name in sorted(names) if _named(name).search(question))
    meaning = question
    for name in sorted(subjects, key=len, reverse=True):
        meaning = _named(name).sub("", meaning)
    meaning = " ".join(meaning.split())
    return Intent(subjects, meaning if any(c.isalnum() for c in meaning) else question, dates(question))


def dates(question: str) -> tuple[When, ...]:
    text = question.lower()
    found = [When(*(int(match[part]) for part in ("year", "month", "day"))) for match in _ISO.finditer(text)]
    for match in _DATE.finditer(text):
        day = match["before"] or match["after"]
        if match["month"] == "may" and not (day or match["year"] or _MAY.search(text)):
            continue  # the verb
        year = int(match["year"]) if match["year"] else None
        found.append(When(year, MONTHS.index(match["month"]) + 1, int(day) if day else None))
    return tuple(found or [When(int(year[0])) for year in _YEAR.finditer(text)])


def closeness(days: NDArray[np.int64], wanted: tuple[When, ...]) -> NDArray[np.float64]:
    """(n,) in [0, 1]: how well each day (since 1970) fits the best of the dates.

    The day itself 1, falling to 0 over a month; the month 1, the first week of the month after it 0.4; the year 0.3.
    """
    best = np.zeros(len(days))
    unique, places = np.unique(days, return_inverse=True)
    for when in wanted:
        fits = np.array([_fit(date.fromordinal(int(day) + DAY_ZERO), when) for day in unique])
        best = np.maximum(best, fits[places])
    return best


def _fit(day: date, when: When) -> float:
    if when.year is not None and day.year != when.year:
        return 0.0
    if when.month is None:
        return 0.3
    if when.day is not None:
        return _fit_day(day, when.month, when.day)
    if day.month == when.month:
        return 1.0
    return 0.4 if day.day <= 7 and (day.month - when.month) % 12 == 1 else 0.0


def _fit_day(day: date, month: int, wanted: int) -> float:
    try:
        distance = abs((day - date(day.year, month, wanted)).days)
    except ValueError:  # the 30th of February
        return 0.0
    return 1 / (1 + distance / 3) if distance < NEAR_DAYS else 0.0


def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?:'s|’s)?(?!\w)", re.IGNORECASE)
