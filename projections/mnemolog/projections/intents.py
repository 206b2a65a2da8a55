"""What a question is after, besides its words: whom it names, when it was, and what it asks for outright. No model,
only rules for English.

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

from mnemolog.projections.dates import When, dates
from mnemolog.projections.filters import Filter
from mnemolog.projections.language import STOP_WORDS
from mnemolog.projections.operators import read_operators
from mnemolog.projections.time_ranges import Span, time_ranges
from mnemolog.projections.turns import DAY_ZERO

NEAR_DAYS = 31
_WORDS = STOP_WORDS | {"may"}  # which are names too: a name only inside a sentence, and with a capital letter


@dataclass(frozen=True, slots=True)
class Intent:
    """`text` is the question without operators, which are in `filter`; `meaning` is `text` without the names of
    `subjects`, which are speakers, in the order of their names. `dates` are those that are not part of a span.
    """

    text: str
    subjects: tuple[str, ...]
    meaning: str
    dates: tuple[When, ...]
    spans: tuple[Span, ...]
    filter: Filter | None


def intent(question: str, names: Collection[str], *, today: date | None = None) -> Intent:
    """`names` are case-folded and single-spaced. `today` is the day from which `yesterday` is counted, if known.

    A question that is nothing but operators is its own text, and one that is nothing but names keeps them.
    """
    said, wanted = read_operators(question)
    spans, rest = time_ranges(said, today)
    text = said if _says_anything(said) else question
    subjects, meaning = _without_names(text, names)
    return Intent(text, subjects, meaning if _says_anything(meaning) else text, dates(rest), spans, wanted)


def _says_anything(text: str) -> bool:
    return any(map(str.isalnum, text))


def _without_names(text: str, names: Collection[str]) -> tuple[tuple[str, ...], str]:
    written = " ".join(text.split())
    folded = written.casefold()
    if len(folded) != len(written):  # a letter may fold into two, and places would not be the same
        written = folded
    subjects, rest, end = set[str](), [], 0
    for start, stop, name in _mentions(written, folded, _called(names)):
        subjects.add(name)
        rest.append(written[end:start])
        end = stop
    return tuple(sorted(subjects)), " ".join("".join((*rest, written[end:])).split())


def closeness(days: NDArray[np.int64], wanted: tuple[When, ...], spans: tuple[Span, ...] = ()) -> NDArray[np.float64]:
    """(n,) in [0, 1]: how well each day (since 1970) fits the best of the dates and spans.

    The day itself 1, falling to 0 over a month; the month 1, the first week of the month after it 0.4; the year 0.3.
    Inside a span 1, outside as near the day with which it begins or ends.
    """
    best = np.zeros(len(days))
    unique, places = np.unique(days, return_inverse=True)
    for when in wanted:
        fits = np.array([_fit(date.fromordinal(int(day) + DAY_ZERO), when) for day in unique])
        best = np.maximum(best, fits[places])
    for span in spans:
        best = np.maximum(best, _fit_span(unique, span)[places])
    return best


def _fit_span(days: NDArray[np.int64], span: Span) -> NDArray[np.float64]:
    distance = np.zeros(len(days), np.int64)
    if span.first is not None:
        distance = np.maximum(distance, span.first - days)
    if span.last is not None:
        distance = np.maximum(distance, days - span.last)
    return np.where(distance < NEAR_DAYS, 1 / (1 + distance / 3), 0.0)


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
