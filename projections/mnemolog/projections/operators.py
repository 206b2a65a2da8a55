"""Conditions that a question states outright, as in search boxes: `tag:travel`, `speaker:"Ann Lee"`, `after:2023-05`.

What is not exactly one of them is text: an unknown name or value, a web address, a time of day, a quoted phrase.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from mnemolog.domain.content import MAX_LABEL_BYTES
from mnemolog.domain.metadata import MemoryType
from mnemolog.projections.filters import MAX_CONDITIONS, AllOf, Condition, Filter, Operator, Value, folded

_FIELDS = {"key": "key", "tag": "tag", "speaker": "speaker", "type": "memory_type", "in": "memory_type",
           "scope": "memory_type", "before": "occurred_at", "after": "occurred_at"}  # fmt: skip
_END_OF_WORD = r"(?=[,.;:?!)]{0,8}(?:\s|$))"
# A quoted phrase ends at the next quote whatever is between, so that no character is looked at for two of them.
_TOKEN = re.compile(
    rf'(?<!\S)(?P<name>{"|".join(_FIELDS)}):(?:"(?P<quoted>[^"]{{1,{MAX_LABEL_BYTES}}})"{_END_OF_WORD}'
    rf'|(?!//)(?P<bare>[^\s"]{{1,{MAX_LABEL_BYTES}}}+)(?!\S))'
    rf"|(?<!\S)#(?P<tag>[^\W\d_][\w-]{{0,{MAX_LABEL_BYTES}}}){_END_OF_WORD}"
    r'|"[^"]*"|“[^“”]*”',
    re.IGNORECASE,
)
_DATE = re.compile(r"([12]\d{3})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)


def read_operators(question: str) -> tuple[str, Filter | None]:
    """The question without its operators, of which there may be nothing left, and what they ask for together.

    Of several keys, speakers or types any one is enough, for a memory has only one; tags and dates must all hold.
    """
    asked: list[Condition] = []
    rest, end = [], 0
    for match in _TOKEN.finditer(question):
        condition = _condition(match) if len(asked) < MAX_CONDITIONS else None
        if condition:
            asked.append(condition)
            rest.append(question[end : match.start()])
            end = match.end()
    if not asked:
        return question, None
    return " ".join(" ".join((*rest, question[end:])).split()), _together(asked)


def _condition(match: re.Match[str]) -> Condition | None:
    if match["tag"]:
        return Condition("tag", Operator.EQ, (match["tag"],))
    if not match["name"]:
        return None
    name, field = match["name"].lower(), _FIELDS[match["name"].lower()]
    value = match["quoted"] or match["bare"].rstrip(",.;:?!)")
    if not value.strip():
        return None
    if field == "memory_type":
        return _types(value)
    if field == "occurred_at":
        return _moment(name, value)
    return Condition(field, Operator.EQ, (folded(value) if field == "speaker" else value,))


def _types(value: str) -> Condition | None:
    names = value.lower().replace("-", "_").split(",")
    if not set(names) <= set(MemoryType):
        return None
    return _one_of("memory_type", [MemoryType(name) for name in names])


def _moment(name: str, value: str) -> Condition | None:
    """Days begin and end in UTC. `after` a day, a month or a year means when it is over."""
    if not (said := _DATE.fullmatch(value)):
        return None
    year, month, day = (int(part) if part else None for part in said.groups())
    try:
        first = date(year or 1, month or 1, day or 1)
    except ValueError:
        return None
    if name == "before":
        return Condition("occurred_at", Operator.LT, (datetime.combine(first, time.min, UTC),))
    month = month or 12
    last = first if day else date(first.year, month, monthrange(first.year, month)[1])
    return Condition("occurred_at", Operator.GT, (datetime.combine(last, time.max, UTC),))


def _together(asked: Sequence[Condition]) -> Filter:
    values: dict[str, list[Value]] = {}
    for each in asked:
        if each.field in ("key", "speaker", "memory_type"):
            values.setdefault(each.field, []).extend(each.values)
    several = [each for each in dict.fromkeys(asked) if each.field not in values]
    parts = (*(_one_of(field, found) for field, found in values.items()), *several)
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _one_of(field: str, values: Sequence[Value]) -> Condition:
    different = tuple(dict.fromkeys(values))
    return Condition(field, Operator.EQ if len(different) == 1 else Operator.IN, different)
