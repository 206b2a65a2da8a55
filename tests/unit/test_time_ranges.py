"""Which stretches of time a question asks about. Today is Wednesday, 17 June 2026."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.dates import MAX_DATES, MONTHS, When, dates
from mnemolog.projections.time_ranges import Span, time_ranges
from mnemolog.projections.turns import DAY_ZERO

TODAY = date(2026, 6, 17)


def since_1970(day: str) -> int | None:
    return None if day == ".." else date.fromisoformat(day).toordinal() - DAY_ZERO


def span(text: str) -> Span:
    """From `first last`, either of them `..` for no end."""
    first, last = text.split()
    return Span(since_1970(first), since_1970(last))


def left(question: str) -> tuple[When, ...]:
    """The dates that are not part of a range."""
    return dates(time_ranges(question, TODAY)[1])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What was between May and July 2023?", "2023-05-01 2023-07-31"),
        ("What was between May 2023 and July?", "2023-05-01 2023-07-31"),
        ("between November and February 2024", "2023-11-01 2024-02-29"),
        ("between November 2023 and February", "2023-11-01 2024-02-29"),
        ("between July 2023 and May 2023", "2023-05-01 2023-07-31"),
        ("between the 3rd of May and the 10th of June, 2023", "2023-05-03 2023-06-10"),
        ("between 3 and 10 May 2023", "2023-05-03 2023-05-10"),
        ("from 3 to 10 May 2023", "2023-05-03 2023-05-10"),
        ("from 3 May to 10 May 2023", "2023-05-03 2023-05-10"),
        ("from May 3 until June 10, 2023", "2023-05-03 2023-06-10"),
        ("from May 3 to 10 June 2023", "2023-05-03 2023-06-10"),
        ("from May through July 2023", "2023-05-01 2023-07-31"),
        ("from 2023-05-01 to 2023-05-10", "2023-05-01 2023-05-10"),
        ("May 3-10, 2023", "2023-05-03 2023-05-10"),
        ("May 3 to 10, 2023", "2023-05-03 2023-05-10"),
        ("3–10 May 2023", "2023-05-03 2023-05-10"),
        ("3 May - 10 June 2023", "2023-05-03 2023-06-10"),
        ("2023-05-01 - 2023-05-10", "2023-05-01 2023-05-10"),
        ("May-July 2023", "2023-05-01 2023-07-31"),
        ("the years 2021-2023", "2021-01-01 2023-12-31"),
        ("between 2021 and 2023", "2021-01-01 2023-12-31"),
        ("from early May to late June 2023", "2023-05-01 2023-06-30"),
        ("between summer 2022 and spring 2023", "2022-06-01 2023-05-31"),
    ],
)
def test_a_range_has_a_beginning_and_an_end(question: str, expected: str) -> None:
    assert time_ranges(question, None)[0] == time_ranges(question, TODAY)[0] == (span(expected),)
    assert left(question) == ()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What changed since March 2023?", "2023-03-01 .."),
        ("since the 3rd of March, 2023", "2023-03-03 .."),
        ("since 2021", "2021-01-01 .."),
        ("since the year 2021", "2021-01-01 .."),
        ("from May 2023 on", "2023-05-01 .."),
        ("from May 2023 onwards", "2023-05-01 .."),
        ("before 2023-05-01", ".. 2023-04-30"),
        ("on or before 2023-05-01", ".. 2023-05-01"),
        ("before the summer of 2023", ".. 2023-05-31"),
        ("until 2023-05-01", ".. 2023-05-01"),
        ("till May 2023", ".. 2023-05-31"),
        ("up to May 2023", ".. 2023-05-31"),
        ("by 2023-05-01", ".. 2023-05-01"),
        ("after 2023-05-01", "2023-05-02 .."),
        ("on or after 2023-05-01", "2023-05-01 .."),
        ("after May 2023", "2023-06-01 .."),
        ("after winter 2023", "2024-03-01 .."),
    ],
)
def test_a_range_may_lack_an_end_or_a_beginning(question: str, expected: str) -> None:
    assert time_ranges(question, None)[0] == time_ranges(question, TODAY)[0] == (span(expected),)
    assert left(question) == ()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("in the summer of 2023", "2023-06-01 2023-08-31"),
        ("in summer 2023", "2023-06-01 2023-08-31"),
        ("the spring of 2023", "2023-03-01 2023-05-31"),
        ("in the autumn of 2023", "2023-09-01 2023-11-30"),
        ("in the fall of 2023", "2023-09-01 2023-11-30"),
        ("in the winter of 2023", "2023-12-01 2024-02-29"),
        ("in the winter of 2023/24", "2023-12-01 2024-02-29"),
        ("in winter 2023-2024", "2023-12-01 2024-02-29"),
        ("last summer, 2023", "2023-06-01 2023-08-31"),
        ("late summer 2023", "2023-08-01 2023-08-31"),
        ("early May 2023", "2023-05-01 2023-05-10"),
        ("mid-May 2023", "2023-05-11 2023-05-20"),
        ("late May 2023", "2023-05-21 2023-05-31"),
        ("late February 2023", "2023-02-21 2023-02-28"),
        ("early 2023", "2023-01-01 2023-04-30"),
        ("late in 2023", "2023-09-01 2023-12-31"),
    ],
)
def test_seasons_and_parts_of_months_and_years_are_ranges(question: str, expected: str) -> None:
    assert time_ranges(question, None)[0] == time_ranges(question, TODAY)[0] == (span(expected),)
    assert left(question) == ()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What did I say today?", "2026-06-17 2026-06-17"),
        ("What did I say yesterday?", "2026-06-16 2026-06-16"),
        ("last night", "2026-06-16 2026-06-16"),
        ("the day before yesterday", "2026-06-15 2026-06-15"),
        ("last week", "2026-06-08 2026-06-14"),
        ("this week", "2026-06-15 2026-06-21"),
        ("last weekend", "2026-06-13 2026-06-14"),
        ("last month", "2026-05-01 2026-05-31"),
        ("last year", "2025-01-01 2025-12-31"),
        ("this year's trip", "2026-01-01 2026-12-31"),
        ("3 days ago", "2026-06-14 2026-06-14"),
        ("two weeks ago", "2026-06-01 2026-06-07"),
        ("a couple of months ago", "2026-04-01 2026-04-30"),
        ("seven months ago", "2025-11-01 2025-11-30"),
        ("a year ago", "2025-01-01 2025-12-31"),
        ("in the last 3 days", "2026-06-14 2026-06-17"),
        ("in the past two weeks", "2026-06-03 2026-06-17"),
        ("over the past month", "2026-05-18 2026-06-17"),
        ("last Tuesday", "2026-06-16 2026-06-16"),
        ("last Wednesday", "2026-06-10 2026-06-10"),
        ("last Thursday", "2026-06-11 2026-06-11"),
        ("last summer", "2025-06-01 2025-08-31"),
        ("this summer", "2026-06-01 2026-08-31"),
        ("last spring", "2026-03-01 2026-05-31"),
        ("last winter", "2025-12-01 2026-02-28"),
        ("since yesterday", "2026-06-16 .."),
        ("since last week", "2026-06-08 .."),
        ("before last year", ".. 2024-12-31"),
        ("between last month and yesterday", "2026-05-01 2026-06-16"),
        ("between May and yesterday", "2026-05-01 2026-06-16"),
    ],
)
def test_some_words_are_counted_from_today(question: str, expected: str) -> None:
    assert time_ranges(question, TODAY)[0] == (span(expected),)
    assert time_ranges(question, None)[0] == ()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("between May and July", "2026-05-01 2026-07-31"),
        ("between December and January", "2025-12-01 2026-01-31"),
        ("from 3 May to 10 May", "2026-05-03 2026-05-10"),
        ("from 3 July to 10 July", "2025-07-03 2025-07-10"),
        ("since March", "2026-03-01 .."),
        ("since last May", "2026-05-01 .."),
        ("since 29 February", "2024-02-29 .."),
        ("before May", ".. 2026-04-30"),
        ("by May", ".. 2026-05-31"),
        ("in early May", "2026-05-01 2026-05-10"),
        ("late July", "2025-07-21 2025-07-31"),
        ("What did I do in the summer?", "2026-06-01 2026-08-31"),
        ("in the winter with Ben", "2025-12-01 2026-02-28"),
        ("in the fall", "2025-09-01 2025-11-30"),
    ],
)
def test_without_a_year_it_is_the_last_that_has_begun(question: str, expected: str) -> None:
    assert time_ranges(question, TODAY)[0] == (span(expected),)
    assert time_ranges(question, None)[0] == ()


@pytest.mark.parametrize(
    "question",
    [
        "May I go?",
        "I may go before I eat",
        "They march on Washington",
        "my last name",
        "the last time",
        "last but not least",
        "give me a second",
        "a second ago",
        "by the way",
        "by train",
        "since I like tea",
        "from here to there",
        "between you and me",
        "before I go",
        "after all",
        "until then",
        "these days",
        "the last day",
        "the last week of school",
        "this month of Sundays",
        "Do you like a summer dress?",
        "in spring water",
        "during summer camp",
        "Did Ann fall?",
        "after the fall she rested",
        "winter is coming",
        "early bird",
        "late for work",
        "from 10:30 to 11:30",
        "3-10 people",
        "9999 years ago",
    ],
)
def test_what_is_no_time_range_is_not_taken_for_one(question: str) -> None:
    assert time_ranges(question, TODAY)[0] == ()
    assert left(question) == ()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("in May 2023", (When(2023, 5),)),
        ("on 8 May 2023", (When(2023, 5, 8),)),
        ("on 3 and 10 May 2023", (When(2023, 5, 10),)),
        ("in 2021 or 2022", (When(2021), When(2022))),
        ("last December", (When(None, 12),)),
        ("from March to victory", (When(None, 3),)),
        ("by the beginning of November 2022", (When(2022, 11),)),
        ("in the last two weeks of August 2023", (When(2023, 8),)),
        ("as of November 2023", (When(2023, 11),)),
        ("the week before 3 August 2023", (When(2023, 8, 3),)),
        ("two weeks before August 11, 2023", (When(2023, 8, 11),)),
        ("the Saturday after 28 October 2023", (When(2023, 10, 28),)),
        ("the summer before May 2023", (When(2023, 5),)),
        ("just after 28 October 2023", (When(2023, 10, 28),)),
        ("how many weeks since 3 May 2023", (When(2023, 5, 3),)),
        ("before 30 February 2023", (When(2023, 2, 30),)),
        ("between 30 February 2023 and 3 March 2023", (When(2023, 2, 30), When(2023, 3, 3))),
    ],
)
def test_a_date_outside_a_range_is_left_alone(question: str, expected: tuple[When, ...]) -> None:
    for today in (None, TODAY):
        ranges, rest = time_ranges(question, today)
        assert ranges == ()
        assert dates(rest) == dates(question) == expected


@pytest.mark.parametrize("question", ["between May and July", "since March", "in early June"])
def test_a_range_without_a_year_stays_a_date_if_the_day_is_not_known(question: str) -> None:
    ranges, rest = time_ranges(question, None)
    assert (ranges, dates(rest)) == ((), dates(question))


@pytest.mark.parametrize(
    "question",
    [
        "last Friday, on 23 January 2022",
        "the last weekend before April 10, 2023",
        "last year on 8 May",
        "today or 2023",
    ],
)
def test_beside_a_date_nothing_is_counted_from_today(question: str) -> None:
    assert time_ranges(question, TODAY)[0] == ()
    assert left(question) == dates(question) != ()


def test_beside_a_calendar_range_nothing_is_counted_from_today() -> None:
    assert time_ranges("last Friday, in summer 2021", TODAY)[0] == (span("2021-06-01 2021-08-31"),)


def test_ranges_and_dates_may_stand_together() -> None:
    question = "In May 2022, from June to August 2023, or since 2025-01-01?"
    assert time_ranges(question, TODAY)[0] == (span("2023-06-01 2023-08-31"), span("2025-01-01 .."))
    assert left(question) == (When(2022, 5),)


def test_more_ranges_than_anybody_means_are_not_read() -> None:
    assert len(time_ranges("".join(f"since {year}, " for year in range(1900, 2100)), TODAY)[0]) == MAX_DATES


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_any_two_days_make_a_range_however_they_are_written(one: date, other: date) -> None:
    first, last = sorted((one, other))
    expected = Span(first.toordinal() - DAY_ZERO, last.toordinal() - DAY_ZERO)

    def said(day: date) -> tuple[str, str, str]:
        month = MONTHS[day.month - 1].title()
        return f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", day.isoformat()

    for begin, end in zip(said(first), said(last), strict=True):
        assert time_ranges(f"Who was there between {begin} and {end}?", None)[0] == (expected,)
        assert time_ranges(f"Who was there from {begin} to {end}?", None)[0] == (expected,)


_WORDS = """
    between and from to - since before by in the of last this early late summer winter fall week weekend tuesday
    yesterday 2023 0000 9999 3 31 30th 9999-12-31 2023-02-30 ago years weeks days two on or after ?
"""
WORDS = (*MONTHS, *_WORDS.split())


@given(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.none() | st.dates() | st.sampled_from((date.min, date.max)),
)
def test_whatever_is_said_ranges_begin_before_they_end(question: str, today: date | None) -> None:
    for each in time_ranges(question, today)[0]:
        assert each.first is None or each.last is None or each.first <= each.last
        assert each != Span(None, None)
