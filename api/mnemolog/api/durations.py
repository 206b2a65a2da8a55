"""Spans of time as people write them: 90s, 2h, 7d, 1h30m."""

from __future__ import annotations

import re
from datetime import timedelta

from mnemolog.domain.refusals import Invalid

PARTS = re.compile(r"(\d+)([smhdw])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """Raises Invalid."""
    written = text.strip().lower()
    if re.fullmatch(rf"(?:{PARTS.pattern})+", written, re.ASCII) is None:
        raise Invalid(reason=f"{text!r} is not a span of time; write it like 90s, 2h or 7d")
    try:
        return sum((timedelta(**{UNITS[unit]: int(count)}) for count, unit in PARTS.findall(written)), timedelta())
    except (OverflowError, ValueError):
        raise Invalid(reason="the span of time is longer than the calendar") from None
