"""Phrases of time are found in their order, and stand for whole days."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.time_points import months, points
from mnemolog.projections.turns import DAY_ZERO

TODAY = date(2026, 6, 17)


def found(text: str, today: date | None) -> list[str]:
    return [text[point.start : point.end] for point in points(text, today)]


def test_phrases_are_found_in_their_order_and_the_longest_wins() -> None:
    text = "last summer, in may 2022, on 2023-05-08, late in june, the day before yesterday or two weeks ago"
    assert found(text, TODAY) == [
        "last summer",
        "may 2022",
        "2023-05-08",
        "late in june",
        "the day before yesterday",
        "two weeks ago",
    ]


def test_of_phrases_that_overlap_the_first_counts() -> None:
    assert found("in may 2 weeks ago", TODAY) == ["may 2"]


def test_without_a_day_to_count_from_only_the_calendar_is_read() -> None:
    assert found("yesterday, last week or in may 2022", None) == ["may 2022"]


@pytest.mark.parametrize("today", [date.min, date.max])
def test_what_is_before_or_after_all_days_is_no_phrase(today: date) -> None:
    for text in (
        "last year",
        "9999 years ago",
        "9999 weeks ago",
        "in the last 9999 years",
        "last winter",
        "this weekend",
    ):
        for point in points(text, today):
            extent = point.of(today.year)
            assert extent is not None
            assert 1 <= extent[0] + DAY_ZERO <= date.max.toordinal()


@given(st.dates(date(1, 2, 1)), st.integers(1, 12))
def test_months_are_whole_and_follow_each_other(day: date, count: int) -> None:
    extent = months(day.year, day.month, count)
    if extent is None:
        assert 12 * day.year + day.month + count > 12 * 10_000 + 1
        return
    first, last = (date.fromordinal(each + DAY_ZERO) for each in extent)
    assert first == day.replace(day=1)
    assert last.day == monthrange(last.year, last.month)[1]
    assert 12 * (last.year - first.year) + last.month - first.month == count - 1


def test_months_of_the_years_before_can_be_counted_back_to() -> None:
    assert months(2026, 0) == months(2025, 12)
    assert months(2026, -11) == months(2025, 1)
    assert months(1, 0) is None
    assert months(9999, 12, 2) is None


@given(st.text("1239 may-ltsunrefo,") | st.text(), st.none() | st.dates())
def test_no_phrase_overlaps_another(text: str, today: date | None) -> None:
    end = 0
    for point in points(text, today):
        assert end <= point.start < point.end <= len(text)
        end = point.end
