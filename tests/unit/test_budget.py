from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.api.budget import check_budget, estimated_tokens, within
from mnemolog.api.disclosure import Disclosed
from mnemolog.domain.metadata import Description
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.catalogue import MemoryRow

NO_ROW = cast(MemoryRow, None)  # only texts count


def told(texts: list[str]) -> list[tuple[int, Disclosed]]:
    return [(place, Disclosed(NO_ROW, text, Description())) for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("four", 1),
        ("fives", 2),
        ("Ærøskøbing", 3),
        ("咖啡", 2),
        ("咖啡 tea", 3),
        ("чай", 3),
        ("🍵", 1),
    ],
)
def test_four_latin_characters_are_a_token_and_every_other_character_is_one(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens


@given(st.lists(st.text("ab茶", max_size=20)), st.integers(1, 40))
def test_what_is_taken_fits_and_what_is_passed_over_would_not_have_fitted(texts: list[str], budget: int) -> None:
    taken = dict(within(budget, told(texts)))
    spent = 0
    for place, text in enumerate(texts):
        assert (place in taken) == (spent + estimated_tokens(text) <= budget)
        spent += estimated_tokens(text) if place in taken else 0
    assert list(taken) == sorted(taken)
    assert spent <= budget


@given(st.lists(st.text()))
def test_without_a_budget_everything_fits(texts: list[str]) -> None:
    assert within(None, told(texts)) == told(texts)


def test_a_budget_is_at_least_one_token() -> None:
    check_budget(None)
    check_budget(1)
    with pytest.raises(Invalid, match="0 tokens"):
        check_budget(0)
