"""Days, months and years that a question names, as far as they are said. Rules for English, and for ISO 8601.

No pattern here repeats without a bound, and texts are single-spaced first: the work is proportional to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
MONTH = "|".join(MONTHS)
MAX_DATES = 100  # of one question: each is compared with every day on which something happened
ISO = r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)"
YEAR = r"\b(?:19|20)\d\d\b"
_ISO = re.compile(ISO)
_YEAR = re.compile(YEAR)
_DATE = re.compile(
    rf"(?:(?<!\d)(?P<before>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?)?\b(?P<month>{MONTH})\b"
    rf"(?: (?P<after>\d{{1,2}})(?:st|nd|rd|th)?\b)?(?:,? (?P<year>\d{{4}}))?"
)
_IN = "in|of|during|on|last|since|by|early|late|mid|this|next|before|after|until"
_MAY = re.compile(rf"\b(?:{_IN})[ -]{{1,3}}may\b")
_MARCHERS = re.compile(r"\b(?:a|the|i|we|you|they|who) $")
_ONWARDS = re.compile(r" (?:on|off|out|against|towards?|forward|past|along|together|up|down)\b")
_MONTH_AFTER = re.compile(rf"\b(?:{_IN}|and|or|to|from|between) $")


@dataclass(frozen=True, slots=True)
class When:
    """A day, a month or a year; what is None was not said."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


def plain(question: str) -> str:
    """As dates are looked for: lower case, single spaces."""
    return " ".join(question.split()).lower()


def dates(question: str) -> tuple[When, ...]:
    """At most `MAX_DATES`."""
    text = plain(question)
    found = tuple(islice(_days_and_months(text), MAX_DATES))
    return found or tuple(When(int(year[0])) for year in islice(_YEAR.finditer(text), MAX_DATES))


def _days_and_months(text: str) -> Iterator[When]:
    for match in _ISO.finditer(text):
        yield When(*(int(match[part]) for part in ("year", "month", "day")))
    may = _MAY.search(text) is not None
    for match in _DATE.finditer(text):
        day = match["before"] or match["after"]
        said = day or match["year"]
        if said or not (_is_verb(text, match) or (match["month"] == "may" and not may)):
            year = int(match["year"]) if match["year"] else None
            yield When(year, MONTHS.index(match["month"]) + 1, int(day) if day else None)


def _is_verb(text: str, match: re.Match[str]) -> bool:
    """Whether somebody marches."""
    if match["month"] != "march":
        return False
    before = text[max(0, match.start() - 8) : match.start()]
    onwards = _ONWARDS.match(text, match.end()) and not _MONTH_AFTER.search(before)
    return bool(onwards or _MARCHERS.search(before))
