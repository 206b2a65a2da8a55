"""How long a memory lives. Reads compare `expires_at` with the clock, so no worker is needed for it to hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mnemolog.domain.refusals import InvalidMetadata, InvalidRetention

# A year of margin at both ends, so that no time zone can carry a moment out of what Python and Postgres can hold.
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def check_moment(field: str, moment: datetime) -> datetime:
    """`moment` itself. Raises InvalidMetadata when it has no time zone, or is not of the years 2 to 9998."""
    if moment.utcoffset() is None:
        raise InvalidMetadata(field=field, reason="it has no time zone")
    if not EARLIEST <= moment < LATEST:
        raise InvalidMetadata(field=field, reason="it is not between the years 2 and 9998")
    return moment


def expiry(now: datetime, ttl: timedelta | None = None, expires_at: datetime | None = None) -> datetime | None:
    """The moment a memory stops being recalled, from a time to live or an absolute moment; None is for ever.

    Raises InvalidRetention when both are given, or the moment is not after `now`, or is beyond the year 9998, and
    InvalidMetadata for a moment without a time zone.
    """
    if ttl is not None and expires_at is not None:
        raise InvalidRetention(value="both a time to live and a moment of expiry")
    if ttl is not None:
        expires_at = after(now, ttl)
    if expires_at is None:
        return None
    if expires_at.utcoffset() is None:
        raise InvalidMetadata(field="expires_at", reason="it has no time zone")
    if not now < expires_at < LATEST:
        raise InvalidRetention(value=ttl if ttl is not None else expires_at)
    return expires_at.astimezone(UTC)


def after(now: datetime, ttl: timedelta) -> datetime:
    try:
        return now + ttl
    except OverflowError:
        raise InvalidRetention(value=ttl) from None


def has_expired(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and now >= expires_at
