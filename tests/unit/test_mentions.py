from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.mentions import candidates, mentions, normalised
from tests.unit.examples import descriptions, texts


def possible(text: str, **description: Any) -> list[str]:
    return [name for name, sure in candidates(text, description).items() if not sure]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("We met Caroline in New York.", ["caroline", "new york"]),
        ("I saw Caroline's dog Rex, and Rex saw me.", ["caroline", "rex"]),
        ("She works for the Bank of America with Leonardo da Vinci.", ["bank of america", "leonardo da vinci"]),
        ("Yesterday Melanie called Dr. Ann B. Smith.", ["melanie", "ann b smith"]),
        ("He knows O'Brien, Jean-Luc and U.S. officials.", ["o'brien", "jean-luc", "u.s."]),
        ("The Beatles played.", ["beatles"]),
        ("Melanie Smith likes tea.", ["melanie smith"]),
        ("Вчера мы видели Ивана.", ["ивана"]),
        ("My friend ÉMILIE came.", ["émilie"]),
    ],
)
def test_a_run_of_capitalised_words_is_a_name(text: str, names: list[str]) -> None:
    assert mentions(text, {}) == names


@pytest.mark.parametrize(
    "text", ["Tea is hot.", "So what? Coffee is not.", 'He said: "Milk is."', "* Sugar\n* Salt", ""]
)
def test_a_word_that_only_begins_a_sentence_is_no_name(text: str) -> None:
    assert mentions(text, {}) == []


def test_a_word_that_begins_a_sentence_may_be_a_name() -> None:
    assert possible("Caroline is here. Hot tea!") == ["caroline", "hot"]
    assert possible("The tea is hot. Yes! I'm sure.") == []


def test_it_is_a_name_if_the_same_memory_has_it_elsewhere_or_as_its_speaker() -> None:
    assert mentions("Caroline left. I miss Caroline.", {}) == ["caroline"]
    assert mentions("Caroline: I left.", {"speaker": "Caroline"}) == ["caroline"]
    assert possible("Caroline: I left.", speaker="Caroline") == []


@pytest.mark.parametrize(
    "text",
    ["On Monday, 5 May 2023, at 12:30.", "In January's snow.", "It was Sunday.", "There are 12 of 30.", "I am I."],
)
def test_dates_numbers_and_the_writer_are_no_names(text: str) -> None:
    assert mentions(text, {}) == []
    assert "i" not in possible(text)


def test_speaker_key_and_tags_are_names_whatever_their_script() -> None:
    description = {"speaker": "Ａnn  Lee", "key": "住所", "tags": ["咖啡", "tea", "GPT-4", "Tea"]}
    assert mentions("我喜欢咖啡。", description) == ["ann lee", "住所", "咖啡", "tea", "gpt-4"]


@pytest.mark.parametrize("label", ["2023", "8 May 2023", "2023-05-08T12:30:00Z", "5th", "3.5", "Tuesday", "!!", "  "])
def test_a_label_that_is_a_date_or_a_number_is_no_name(label: str) -> None:
    assert mentions("", {"key": label, "tags": [label], "speaker": label}) == []


def test_capitals_tell_nothing_in_a_headline() -> None:
    assert mentions("BUY NOW TEA FROM BEN", {}) == []
    assert mentions("Five Things To Know About Tea", {}) == []
    assert mentions("Ann met Ben and Cleo near Rome.", {}) == ["ben", "cleo", "rome"]


def test_a_name_has_one_spelling() -> None:
    assert normalised("  Caroline\tSMITH ") == normalised("ｃaroline smith") == "caroline smith"


@given(texts, descriptions)
def test_names_are_normalised_each_once_and_sure_before_possible(text: str, description: Any) -> None:
    told = description.to_json()
    found = candidates(text, told)
    assert mentions(text, told) == [name for name, sure in found.items() if sure]
    assert all(name == normalised(name) != "" for name in found)
    assert candidates(text, told) == found


@given(st.text(alphabet="A.a' -of\n", max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert all(name.strip() for name in candidates(text, {}))
