from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.refusals import Invalid, InvalidMetadata, InvalidRetention
from mnemolog.domain.retention import EARLIEST, LATEST, check_moment, expiry, has_expired
from tests.unit.examples import HOUR, NOW, moments


def test_a_memory_without_retention_lives_for_ever() -> None:
    assert expiry(NOW) is None
    assert not has_expired(None, LATEST)


def test_a_time_to_live_counts_from_now() -> None:
    assert expiry(NOW, ttl=HOUR) == NOW + HOUR


def test_a_moment_of_expiry_is_kept_as_the_same_moment_in_utc() -> None:
    moment = (NOW + HOUR).astimezone(timezone(timedelta(hours=9)))
    kept = expiry(NOW, expires_at=moment)
    assert kept == moment
    assert kept is not None
    assert kept.tzinfo is UTC


def test_a_memory_has_expired_from_the_very_moment_on() -> None:
    assert not has_expired(NOW, NOW - timedelta.resolution)
    assert has_expired(NOW, NOW)
    assert has_expired(NOW, NOW + timedelta.resolution)


@pytest.mark.parametrize("ttl", [timedelta(0), -HOUR, timedelta.max, timedelta.min, LATEST - NOW])
def test_a_time_to_live_is_positive_and_ends_before_the_year_9999(ttl: timedelta) -> None:
    with pytest.raises(InvalidRetention, match="must be positive and end before the year 9999"):
        expiry(NOW, ttl=ttl)


@pytest.mark.parametrize("moment", [NOW, NOW - HOUR, LATEST, datetime.max.replace(tzinfo=UTC)])
def test_a_moment_of_expiry_lies_ahead_and_before_the_year_9999(moment: datetime) -> None:
    with pytest.raises(InvalidRetention):
        expiry(NOW, expires_at=moment)


def test_a_moment_without_a_time_zone_is_no_moment() -> None:
    with pytest.raises(InvalidMetadata, match="expires_at is not acceptable: it has no time zone"):
        expiry(NOW, expires_at=(NOW + HOUR).replace(tzinfo=None))


def test_a_time_to_live_and_a_moment_together_are_refused() -> None:
    with pytest.raises(InvalidRetention, match="not both a time to live and a moment of expiry"):
        expiry(NOW, ttl=HOUR, expires_at=NOW + HOUR)


@given(st.timedeltas())
def test_any_time_to_live_is_either_kept_exactly_or_refused(ttl: timedelta) -> None:
    try:
        moment = expiry(NOW, ttl=ttl)
    except InvalidRetention:
        assert ttl <= timedelta(0) or ttl >= LATEST - NOW
    else:
        assert moment == NOW + ttl
        assert not has_expired(moment, NOW)


@given(moments, moments)
def test_any_moment_of_expiry_is_either_kept_exactly_or_refused(now: datetime, moment: datetime) -> None:
    try:
        kept = expiry(now, expires_at=moment)
    except InvalidRetention:
        assert moment <= now
    else:
        assert kept == moment


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_any_datetime_is_a_moment_that_every_time_zone_can_hold_or_refused(moment: datetime) -> None:
    try:
        checked = check_moment("valid_from", moment)
    except Invalid:
        assert moment.tzinfo is None or not EARLIEST <= moment < LATEST
    else:
        for hours in (-14, 0, 14):
            assert checked.astimezone(timezone(timedelta(hours=hours))) == moment.astimezone(UTC)
