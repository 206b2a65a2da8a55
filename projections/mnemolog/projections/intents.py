"""What a question is after, besides its words: whom it names, and when it happened. No model, only rules for English.

Names are those of speakers whom the caller may hear. They are taken out of what the question means, because they would
drown it: to a small embedding model, two sentences about Ada are more alike than two about coffee.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.language import STOP_WORDS
from mnemolog.projections.turns import DAY_ZERO

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
_MONTH = "|".join(MONTHS)
_DATE = re.compile(
    rf"(?:(?<!\d)(?P<before>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?\b(?P<month>{_MONTH})\b"
    rf"(?:\s+(?P<after>\d{{1,2}})(?:st|nd|rd|th)?\b)?(?:,?\s+(?P<year>\d{{4}}))?"
)
_MAY = re.compile(r"\b(?:in|of|during|on|last|since|by|early|late|mid|this|next|before|after|until)[\s-]+may\b")
_ISO = re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
NEAR_DAYS = 31
_WORDS = STOP_WORDS | {"may"}  # which are names too: a name only inside a sentence, and with a capital letter


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
    """`names` are case-folded and single-spaced. A question that is nothing but names keeps them."""
    written = " ".join(question.split())
    folded = written.casefold()
    if len(folded) != len(written):  # a letter may fold into two, and places would not be the same
        written = folded
    subjects, rest, end = set[str](), "", 0
    for start, stop, name in _mentions(written, folded, _called(names)):
        subjects.add(name)
        rest += written[end:start]
        end = stop
    meaning = " ".join((rest + written[end:]).split())
    return Intent(tuple(sorted(subjects)), meaning if any(map(str.isalnum, meaning)) else question, dates(question))


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
    if when.month is None:
        return 0.3 if day.year == when.year else 0.0
    years = (day.year - 1, day.year, day.year + 1) if when.year is None else (when.year,)
    if when.day is not None:
        return max(_fit_day(day, year, when.month, when.day) for year in years)
    later = {12 * (day.year - year) + day.month - when.month for year in years}
    return 1.0 if 0 in later else 0.4 if 1 in later and day.day <= 7 else 0.0


def _fit_day(day: date, *wanted: int) -> float:
    try:
        distance = abs((day - date(*wanted)).days)
    except ValueError:  # the 30th of February
        return 0.0
    return 1 / (1 + distance / 3) if distance < NEAR_DAYS else 0.0


def _called(names: Collection[str]) -> dict[str, str]:
    """What each speaker may be called: by the whole name, or by a first word of three letters that no other shares."""
    firsts = Counter(name.split()[0] for name in names)
    short = {name.split()[0]: name for name in names}
    unshared = {first: short[first] for first, count in firsts.items() if count == 1}
    return {first: name for first, name in unshared.items() if len(first) > 2 and first.isalpha()} | {
        name: name for name in names
    }


def _mentions(written: str, folded: str, called: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    """Start, end and speaker of each mention; of names that begin alike, the longest."""
    present = sorted((each for each in called if each in folded), key=len, reverse=True)
    if not present:
        return
    names = "|".join(map(re.escape, present))
    for match in re.finditer(rf"(?<!\w)(?<!\w['’])({names})(?:['’]s?)?(?!\w)", folded):
        start, end = match.span()
        if match[1] not in _WORDS or (start and written[start].isupper()):
            yield start, end, called[match[1]]
