"""A diff of words has both texts in it, and says of each word whether it stayed, went or came."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.word_diff import MOST_COMPARED, Change, Kind, word_diff, words

texts = st.text(max_size=40) | st.lists(
    st.sampled_from(("tea", "tin", " ", "\n", ". ", "咖啡", "é", "!")), max_size=40
).map("".join)


def side(changes: list[Change], *kinds: Kind) -> str:
    return "".join(change.text for change in changes if change.kind in kinds)


@given(texts, texts)
def test_what_is_kept_and_gone_is_the_former_text_and_what_is_kept_and_new_the_later(before: str, after: str) -> None:
    changes = word_diff(before, after)
    assert side(changes, Kind.KEPT, Kind.GONE) == before
    assert side(changes, Kind.KEPT, Kind.NEW) == after
    assert changes == word_diff(before, after)


@given(texts, texts)
def test_no_change_is_empty_and_what_goes_comes_before_what_comes(before: str, after: str) -> None:
    changes = word_diff(before, after)
    assert all(change.text for change in changes)
    pairs = [(one.kind, other.kind) for one, other in pairwise(changes)]
    assert all(one is not other for one, other in pairs)
    assert (Kind.NEW, Kind.GONE) not in pairs


@given(texts)
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(words(text)) == text
    assert [change.kind for change in word_diff(text, text)] == [Kind.KEPT] * bool(text)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "Tea is in the tin.",
            "Tea is in the jar.",
            [("kept", "Tea is in the "), ("gone", "tin"), ("new", "jar"), ("kept", ".")],
        ),
        ("Tea  here", "Tea here", [("kept", "Tea"), ("gone", "  "), ("new", " "), ("kept", "here")]),
        ("我喜欢茶", "我喜欢咖啡", [("kept", "我喜欢"), ("gone", "茶"), ("new", "咖啡")]),
        ("", "Tea", [("new", "Tea")]),
        ("Tea", "", [("gone", "Tea")]),
    ],
)
def test_a_word_is_what_people_take_for_one(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    assert [(change.kind.value, change.text) for change in word_diff(before, after)] == expected


def test_a_long_text_is_compared_sentence_by_sentence_first() -> None:
    sentences = [f"Sentence {number} says this. " for number in range(MOST_COMPARED // 2)]
    before = "".join(sentences)
    after = "".join(["At first. ", *sentences[:500], "Something else here. ", *sentences[501:], "At last."])
    changes = word_diff(before, after)
    assert side(changes, Kind.KEPT, Kind.GONE) == before
    assert side(changes, Kind.KEPT, Kind.NEW) == after
    assert len(side(changes, Kind.KEPT)) > len(before) - 50


def test_what_is_too_long_to_compare_is_replaced_as_a_whole() -> None:
    before, after = "a " * (MOST_COMPARED + 1), "b " * (MOST_COMPARED + 1)
    assert word_diff(before, after) == [
        Change(Kind.GONE, before[:-1]),
        Change(Kind.NEW, after[:-1]),
        Change(Kind.KEPT, " "),
    ]
