from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from datetime import date
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.content import MAX_LABEL_BYTES
from mnemolog.domain.metadata import MemoryType
from mnemolog.projections import dates, operators, time_points, time_ranges
from mnemolog.projections.dates import When
from mnemolog.projections.filters import AllOf, Condition, Operator
from mnemolog.projections.intents import closeness, intent
from mnemolog.projections.time_ranges import Span
from mnemolog.projections.turns import DAY_ZERO

TODAY = date(2026, 6, 17)
NAMES = ("ann", "ben okri", "o'neil", "jean-luc", "李雷", "will")


@pytest.mark.parametrize(
    ("question", "subjects", "meaning"),
    [
        ("Where did Ann go?", ("ann",), "Where did go?"),
        ("where did ann go?", ("ann",), "where did go?"),
        ("What is Ann's job?", ("ann",), "What is job?"),
        ("What is Ann’s job?", ("ann",), "What is job?"),
        ("What is Ben Okri's job?", ("ben okri",), "What is job?"),
        ("What is Ben  Okri's job?", ("ben okri",), "What is job?"),
        ("Is Jean-Luc's ship here?", ("jean-luc",), "Is ship here?"),
        ("Did O'Neil call?", ("o'neil",), "Did call?"),
        ("Did Ann, or Ben Okri, win?", ("ann", "ben okri"), "Did , or , win?"),
        ("(Ann)", ("ann",), "(Ann)"),
        ("Ann?", ("ann",), "Ann?"),
        ("Who is at home?", (), "Who is at home?"),
        ("Is 李雷 at home?", ("李雷",), "Is at home?"),
    ],
)
def test_whom_a_question_names_is_not_part_of_what_it_means(
    question: str, subjects: tuple[str, ...], meaning: str
) -> None:
    found = intent(question, NAMES)
    assert (found.subjects, found.meaning) == (subjects, meaning)


@pytest.mark.parametrize("question", ["Who can plan it?", "Is Anna there?", "the annual fee", "Joann's tea", "_ann_"])
def test_a_name_inside_a_word_is_no_name(question: str) -> None:
    assert intent(question, NAMES).subjects == ()
    assert intent(question, NAMES).meaning == question


def test_the_longest_of_names_that_begin_alike_is_meant() -> None:
    names = ("ann", "ann smith", "ann smith jr.")
    assert intent("Is Ann Smith here?", names).subjects == ("ann smith",)
    assert intent("Is Ann Smith Jr. here?", names).subjects == ("ann smith jr.",)
    assert intent("Is Ann here, or Ann Smith?", names).subjects == ("ann", "ann smith")


def test_a_first_name_is_enough_if_no_other_speaker_has_it() -> None:
    assert intent("Is Ann here?", ("ann smith", "ben")).subjects == ("ann smith",)
    assert intent("Is Ann's tea here?", ("ann smith",)).meaning == "Is tea here?"
    assert intent("Is Ann here?", ("ann smith", "ann lee")).subjects == ()
    assert intent("Is Ann here?", ("ann smith", "ann")).subjects == ("ann",)


@pytest.mark.parametrize(
    ("question", "name"),
    [("Did Jo call?", "jo march"), ("Did Smith call?", "ann smith"), ("Did Mr. call?", "mr. bean"), ("no. 7", "7 up")],
)
def test_a_short_first_word_a_title_or_a_last_name_is_not_enough(question: str, name: str) -> None:
    assert intent(question, (name,)).subjects == ()


@pytest.mark.parametrize(
    ("question", "subjects"),
    [
        ("When will the train leave?", ()),
        ("Will the train leave?", ()),
        ("When will Will leave?", ("will",)),
        ("What is Will's job?", ("will",)),
    ],
)
def test_a_name_that_is_a_common_word_is_told_by_its_capital_letter(question: str, subjects: tuple[str, ...]) -> None:
    assert intent(question, NAMES).subjects == subjects


def test_names_are_found_whose_letters_fold_into_two() -> None:
    found = intent("Is GROSS at home with Groß?", ("gross",))
    assert (found.subjects, found.meaning) == (("gross",), "is at home with ?")


@given(st.text(), st.lists(st.text("ab .*+?[(\\|'", min_size=1).map(str.split).map(" ".join).filter(bool), max_size=4))
def test_any_name_can_be_looked_for_in_any_question(question: str, names: list[str]) -> None:
    found = intent(question, names)
    assert set(found.subjects) <= set(names)
    assert found.meaning.strip() or not question.strip()


@pytest.mark.parametrize(
    ("day", "wanted", "expected"),
    [
        ("2023-05-08", When(2023, 5, 8), 1.0),
        ("2023-05-11", When(2023, 5, 8), 0.5),
        ("2023-05-05", When(2023, 5, 8), 0.5),
        ("2023-06-07", When(2023, 5, 8), 1 / 11),
        ("2023-06-08", When(2023, 5, 8), 0.0),
        ("2022-05-08", When(2023, 5, 8), 0.0),
        ("2022-05-08", When(None, 5, 8), 1.0),
        ("2024-01-02", When(2023, 12, 30), 0.5),
        ("2024-01-02", When(None, 12, 30), 0.5),
        ("2023-12-30", When(None, 1, 2), 0.5),
        ("2023-02-28", When(2023, 2, 30), 0.0),
        ("2023-02-28", When(None, 2, 29), 0.0),
        ("2024-02-28", When(None, 2, 29), 0.75),
        ("2023-05-31", When(2023, 5), 1.0),
        ("2023-06-07", When(2023, 5), 0.4),
        ("2023-06-08", When(2023, 5), 0.0),
        ("2023-04-30", When(2023, 5), 0.0),
        ("2022-05-08", When(2023, 5), 0.0),
        ("2022-05-08", When(None, 5), 1.0),
        ("2024-01-03", When(2023, 12), 0.4),
        ("2023-01-03", When(2023, 12), 0.0),
        ("2023-01-03", When(None, 12), 0.4),
        ("2023-09-01", When(2023), 0.3),
        ("2022-12-31", When(2023), 0.0),
        ("1969-12-31", When(1969, 12, 31), 1.0),
        ("0001-01-01", When(None, 1, 1), 1.0),
        ("9999-12-31", When(None, 12, 31), 1.0),
        ("2023-05-08", When(0, 13, 99), 0.0),
    ],
)
def test_how_well_a_day_fits_a_date(day: str, wanted: When, expected: float) -> None:
    days = np.array([date.fromisoformat(day).toordinal() - DAY_ZERO] * 2)
    assert closeness(days, (wanted,)).tolist() == pytest.approx([expected] * 2)


def test_of_several_dates_the_best_counts_and_no_date_fits_nothing() -> None:
    days = np.array([date(2023, 5, 8).toordinal() - DAY_ZERO, date(2021, 1, 1).toordinal() - DAY_ZERO])
    assert closeness(days, (When(2023), When(2023, 5, 8), When(2021))).tolist() == [1.0, 0.3]
    assert closeness(days, ()).tolist() == [0.0, 0.0]
    assert closeness(days[:0], (When(2023),)).tolist() == []


DISTANCES = range(-40, 41)


def days_around(day: date) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([day.toordinal() - DAY_ZERO + distance for distance in DISTANCES])


def test_closeness_to_a_day_is_to_the_bit_what_it_has_always_been() -> None:
    always = [1 / (1 + abs(distance) / 3) if abs(distance) < 31 else 0.0 for distance in DISTANCES]
    assert closeness(days_around(date(2023, 5, 8)), (When(2023, 5, 8),)).tolist() == always
    assert closeness(days_around(date(2021, 5, 8)), (When(None, 5, 8),)).tolist() == always
    assert always[40:46] == [1.0, 0.75, 0.6000000000000001, 0.5, 0.4285714285714286, 0.37499999999999994]


def test_closeness_to_a_month_and_a_year_is_to_the_bit_what_it_has_always_been() -> None:
    month = [0.0] * 40 + [1.0] * 31 + [0.4] * 7 + [0.0] * 3
    assert closeness(days_around(date(2023, 5, 1)), (When(2023, 5),)).tolist() == month
    assert closeness(days_around(date(2021, 5, 1)), (When(None, 5),)).tolist() == month
    assert closeness(days_around(date(2023, 1, 1)), (When(2023),)).tolist() == [0.0] * 40 + [0.3] * 41


def test_inside_a_span_is_near_and_outside_as_near_as_to_its_last_day() -> None:
    first = date(2023, 5, 8).toordinal() - DAY_ZERO
    days = days_around(date(2023, 5, 8))
    edge = closeness(days, (When(2023, 5, 8),)).tolist()
    assert closeness(days, (), (Span(first, first),)).tolist() == edge
    assert closeness(days, (), (Span(first, None),)).tolist() == edge[:40] + [1.0] * 41
    assert closeness(days, (), (Span(None, first),)).tolist() == [1.0] * 40 + edge[40:]
    assert closeness(days, (), (Span(first, first + 9),)).tolist() == edge[:40] + [1.0] * 9 + edge[40:72]
    assert closeness(days, (), (Span(None, None),)).tolist() == [1.0] * 81


def test_of_dates_and_spans_the_best_counts() -> None:
    days = days_around(date(2023, 5, 8))
    both = closeness(days, (When(2023),), (Span(int(days[0]), int(days[3])),)).tolist()
    assert both[:4] == [1.0] * 4
    assert both[5:9] == [0.6000000000000001, 0.5, 0.4285714285714286, 0.37499999999999994]
    assert both[9:12] == [1 / 3, 0.3, 0.3]


def test_a_question_says_whom_when_and_what_it_wants_outright() -> None:
    found = intent("tag:food  Did Ann cook in May 2023, or since 2024-02-01? type:user", NAMES)
    assert found.text == "Did Ann cook in May 2023, or since 2024-02-01?"
    assert (found.subjects, found.meaning) == (("ann",), "Did cook in May 2023, or since 2024-02-01?")
    assert found.dates == (When(2023, 5),)
    assert found.spans == (Span(date(2024, 2, 1).toordinal() - DAY_ZERO, None),)
    assert found.filter == AllOf(
        (
            Condition("memory_type", Operator.EQ, (MemoryType.USER,)),
            Condition("tag", Operator.EQ, ("food",)),
        )
    )


def test_a_question_without_operators_is_its_own_text() -> None:
    found = intent("What  is\nthis?", NAMES, today=TODAY)
    assert (found.text, found.meaning, found.filter) == ("What  is\nthis?", "What is this?", None)


def test_nothing_but_operators_is_both_a_filter_and_a_text() -> None:
    found = intent("speaker:ann before:2023-05-01", NAMES)
    assert found.text == "speaker:ann before:2023-05-01"
    assert isinstance(found.filter, AllOf)
    assert (found.dates, found.spans) == ((), ())


def test_words_like_yesterday_need_a_day_to_count_from() -> None:
    assert intent("What did Ann say yesterday?", NAMES).spans == ()
    yesterday = TODAY.toordinal() - DAY_ZERO - 1
    assert intent("What did Ann say yesterday?", NAMES, today=TODAY).spans == (Span(yesterday, yesterday),)


@given(st.text(), st.none() | st.dates())
def test_any_text_has_an_intent(question: str, today: date | None) -> None:
    found = intent(question, NAMES, today=today)
    assert found.text.strip() or not question.strip()
    assert closeness(np.arange(3), found.dates, found.spans).max() <= 1


def numbers(parsed: Any) -> Iterator[int]:
    """All that occur in a parsed pattern, and so the bounds of its repeats, those in assertions too."""
    parts = getattr(parsed, "data", parsed)
    if isinstance(parts, int):
        yield int(parts)
    elif isinstance(parts, tuple | list):
        for part in parts:
            yield from numbers(part)


def is_bounded(pattern: str) -> bool:
    return importlib.import_module("re._constants").MAXREPEAT not in numbers(
        importlib.import_module("re._parser").parse(pattern)
    )


def test_no_pattern_repeats_without_a_bound_but_what_a_quote_ends() -> None:
    assert not is_bounded("a(?=b*)")
    assert is_bounded("a(?=b{0,9})")
    patterns = [
        value.pattern
        for module in (dates, operators, time_points, time_ranges)
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    ]
    assert len(patterns) >= 12
    for pattern in patterns:
        assert is_bounded(pattern.replace('"[^"]*"', "").replace("“[^“”]*”", ""))


def steps(question: str) -> int:
    """Calls of functions, in Python or in C, that it takes to read a question."""
    count = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    former = sys.getprofile()
    sys.setprofile(counted)
    try:
        intent(question, NAMES, today=TODAY)
    finally:
        sys.setprofile(former)
    return count


@pytest.mark.parametrize(
    "unit",
    [
        "may ",
        "before may ",
        "from 3 to ",
        "between may 3 and ",
        "1 may - ",
        "2023-",
        "in the summer ",
        "the week before may 3 ",
        "last week ",
        "march on ",
        "12 and ",
        '"',
        'tag:"',
        "“",
        "#a ",
        "type:user,",
        "ann ",
        "İ",
        " ",
        "x" * (MAX_LABEL_BYTES + 1) + " ",
    ],
)
def test_a_text_twice_as_long_takes_at_most_twice_the_steps(unit: str) -> None:
    copies = 6_000 // len(unit)
    steps(unit)  # what is compiled once
    assert steps(2 * copies * unit) <= 2.1 * steps(copies * unit) + 100


def test_a_text_of_a_megabyte_is_read() -> None:
    found = intent(("since may 3 to late last week " * 40_000)[:1_000_000], NAMES, today=TODAY)
    assert len(found.spans) <= dates.MAX_DATES
