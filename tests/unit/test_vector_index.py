from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.vector_index import EXACT_UP_TO, GATHER_SHARE, Way, choose

MANY = 10 * EXACT_UP_TO


@pytest.mark.parametrize(
    ("rows", "permitted", "way"),
    [
        (0, 0, "gather"),
        (600, 600, "exact"),
        (EXACT_UP_TO, EXACT_UP_TO, "exact"),
        (EXACT_UP_TO + 1, EXACT_UP_TO + 1, "index"),
        (MANY, MANY, "index"),
        (MANY, MANY // 5, "gather"),
        (MANY, MANY // 5 + 1, "index"),
        (2 * EXACT_UP_TO, EXACT_UP_TO, "exact"),
    ],
)
def test_the_way_follows_from_how_many_rows_there_are_and_may_be_seen(rows: int, permitted: int, way: Way) -> None:
    assert choose(rows, permitted) == way


@given(st.integers(0, MANY), st.integers(0, MANY))
def test_an_index_is_never_asked_for_few_rows(one: int, other: int) -> None:
    permitted, rows = sorted((one, other))
    if choose(rows, permitted) == "index":
        assert permitted > EXACT_UP_TO
        assert permitted > GATHER_SHARE * rows
