from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.intents import MONTHS, When, closeness, dates, intent
from mnemolog.projections.turns import DAY_ZERO

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
        ("What did she do last December?", When(None, 12)),
    ],
)
def test_a_date_is_read_as_far_as_it_is_said(question: str, expected: When) -> None:
    assert dates(question) == (expected,)


@pytest.mark.parametrize(
    "question",
    ["May I have tea?", "She may have gone", "room 1234", "marching", "12023", "in 3024", "Is it a maypole?"],
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
