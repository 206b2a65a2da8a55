"""Which days, months and years a question names."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.dates import MAX_DATES, MONTHS, When, dates


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What happened on 8 May 2023?", When(2023, 5, 8)),
        ("What happened on the 8th of May, 2023?", When(2023, 5, 8)),
        ("What happened on May 8th, 2023?", When(2023, 5, 8)),
        ("What happened on MAY 8 2023?", When(2023, 5, 8)),
        ("What happened on May 8?", When(None, 5, 8)),
        ("What happened in May 2023?", When(2023, 5)),
        ("What happened in May, 2023?", When(2023, 5)),
        ("What happened in May?", When(None, 5)),
        ("And in mid-May?", When(None, 5)),
        ("What happened on 2023-05-08?", When(2023, 5, 8)),
        ("What happened at 2023-05-08T10:00:00Z?", When(2023, 5, 8)),
        ("What happened in 2022?", When(2022)),
        ("What is part 2023-05-081?", When(2023)),
        ("What did she do last December?", When(None, 12)),
    ],
)
def test_a_date_is_read_as_far_as_it_is_said(question: str, expected: When) -> None:
    assert dates(question) == (expected,)


@pytest.mark.parametrize(
    "question",
    [
        "May I have tea?",
        "She may have gone",
        "room 1234",
        "marching",
        "March on!",
        "They march on Washington",
        "when they march",
        "a march for peace",
        "12023",
        "in 3024",
        "Is it a maypole?",
    ],
)
def test_what_is_no_date_is_not_taken_for_one(question: str) -> None:
    assert dates(question) == ()


def test_a_year_before_a_month_is_not_a_day_of_it() -> None:
    assert dates("In 2023 June was hot") == (When(None, 6),)


def test_several_dates_are_all_wanted() -> None:
    assert dates("Between 3 June and July 2021, or on 2020-01-02?") == (
        When(2020, 1, 2),
        When(None, 6, 3),
        When(2021, 7),
    )
    assert dates("in 2021 or 2022") == (When(2021), When(2022))


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_any_day_can_be_written_in_three_ways(day: date) -> None:
    month = MONTHS[day.month - 1].title()
    for written in (f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", day.isoformat()):
        assert dates(f"Who was there on {written}?") == (When(day.year, day.month, day.day),)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Was March cold?", When(None, 3)),
        ("What was in March on the beach?", When(None, 3)),
        ("They march on 3 March", When(None, 3, 3)),
        ("the March 2023 sale", When(2023, 3)),
        ("Who came last march, up the hill?", When(None, 3)),
    ],
)
def test_march_is_a_month_unless_somebody_marches(question: str, expected: When) -> None:
    assert dates(question) == (expected,)


def test_it_does_not_matter_how_words_are_spaced() -> None:
    assert dates("on  8\n of\tMay ,  2023") == dates("on 8 of May , 2023") == (When(None, 5, 8),)
    assert dates("on  8\n of\tMay,  2023") == (When(2023, 5, 8),)


def test_more_dates_than_anybody_means_are_not_read() -> None:
    assert len(dates("8 May 2023, " * (MAX_DATES + 1))) == MAX_DATES
    assert len(dates("2023, " * (MAX_DATES + 1))) == MAX_DATES
