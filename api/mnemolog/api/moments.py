"""Which moment a question is about: now, a position of the log, or a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mnemolog.api.durations import parse_duration
from mnemolog.api.parts import Parts
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, InvalidPosition

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
At = int | datetime | None


@dataclass(frozen=True, slots=True)
class Moment:
    """Content is as of `position`. Expiry is judged at `clock`, and who may see what always as of now."""

    position: int
    clock: datetime


def moment_of(parts: Parts, caller: Caller, at: int | datetime) -> Moment:
    """A time means the last position that was recorded by then.

    An administrator sees what had not expired then; to everybody else, what has expired since stays hidden.
    Raises InvalidPosition for a moment that the log has not reached.
    """
    head = parts.log.head()
    if isinstance(at, datetime):
        if at > parts.clock.now():
            raise InvalidPosition(value=at.isoformat(), reason="it is in the future")
        at = parts.log.position_at(at)
    if not 0 <= at <= head:
        raise InvalidPosition(value=at, reason=f"the log ends at {head}")
    found = parts.log.at([at])
    then = found[at].recorded_at if at in found else FIRST
    return Moment(at, then if caller.administrator else parts.clock.now())


def parse_at(text: str, now: datetime) -> int | datetime:
    """A position (`1250`), a time with its zone (`2026-05-08T12:00:00Z`), or how long ago (`-2h`). Raises Invalid."""
    if text.isdecimal() and len(text) < 20:
        return int(text)
    try:
        if text.startswith("-"):
            return now - parse_duration(text[1:])
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):  # Invalid of a duration says more by itself
        raise Invalid(reason=f"{text!r} is no position, no time and no duration like -2h") from None
    if moment.tzinfo is None:
        raise Invalid(reason=f"{text!r} has no time zone; add one, such as Z")
    return moment.astimezone(UTC)
