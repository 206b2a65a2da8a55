"""How long a memory lives. Reads compare `expires_at` with the clock, so no worker is needed for it to hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mnemolog.domain.refusals import InvalidRetention

LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def expiry(now: datetime, ttl: timedelta | None = None, expires_at: datetime | None = None) -> datetime | None:
    """The moment a memory stops being recalled, from a time to live or an absolute moment; None is for ever.

    Raises InvalidRetention when both are given, or the moment is not after `now`, or is beyond the year 9998.
    """
    if ttl is not None and expires_at is not None:
        raise InvalidRetention(value="both a time to live and a moment of expiry")
    if ttl is not None:
        expires_at = after(now, ttl)
    if expires_at is None:
        return None
    if expires_at.tzinfo is None or not now < expires_at < LATEST:
        raise InvalidRetention(value=ttl if ttl is not None else expires_at)
    return expires_at.astimezone(UTC)


def after(now: datetime, ttl: timedelta) -> datetime:
    try:
        return now + ttl
    except OverflowError:
        raise InvalidRetention(value=ttl) from None


def has_expired(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and now >= expires_at
