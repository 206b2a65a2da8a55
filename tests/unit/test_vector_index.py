from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.vector_index import EXACT_UP_TO, Way, choose

MANY = 10 * EXACT_UP_TO


@pytest.mark.parametrize(
    ("rows", "permitted", "as_of", "way"),
    [
        (0, 0, False, "gather"),
        (600, 600, False, "exact"),
        (EXACT_UP_TO, EXACT_UP_TO, False, "exact"),
        (EXACT_UP_TO + 1, EXACT_UP_TO + 1, False, "index"),
        (MANY, MANY, False, "index"),
        (MANY, MANY, True, "exact"),
        (MANY, MANY // 5, False, "gather"),
        (MANY, MANY // 5 + 1, False, "index"),
        (MANY, MANY // 5, True, "gather"),
        (MANY, MANY // 5 + 1, True, "exact"),
        (2 * EXACT_UP_TO, EXACT_UP_TO, False, "exact"),
    ],
)
def test_the_way_follows_from_how_many_rows_there_are_and_may_be_seen(
    rows: int, permitted: int, as_of: bool, way: Way
) -> None:
    assert choose(rows, permitted, as_of=as_of) == way


@given(st.integers(0, MANY), st.integers(0, MANY), st.booleans())
def test_an_index_is_never_asked_about_the_past_nor_for_few_rows(one: int, other: int, as_of: bool) -> None:
    permitted, rows = sorted((one, other))
    if choose(rows, permitted, as_of=as_of) == "index":
        assert not as_of
        assert permitted > EXACT_UP_TO
