from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from mnemolog.adapters.embedders.vectors import encodable, fingerprint_of, unit_rows
from mnemolog.domain.refusals import EmbedderUnavailable

anything_finite = st.floats(allow_nan=False, allow_infinity=False)


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=anything_finite))
def test_every_row_with_a_direction_gets_length_one_and_keeps_its_signs(rows: NDArray[np.float64]) -> None:
    rows[~rows.any(axis=1)] = 1.0
    unit = unit_rows(rows)
    assert_allclose(np.linalg.norm(unit, axis=1), 1.0, atol=1e-6)
    assert (unit * np.sign(rows) >= 0).all()


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_refused(spoiled: float) -> None:
    with pytest.raises(EmbedderUnavailable, match="infinity or no number"):
        unit_rows(np.array([[1.0, 0.0], [spoiled, 1.0]], dtype=np.float32))


def test_a_row_without_a_direction_is_refused() -> None:
    with pytest.raises(EmbedderUnavailable, match="length zero"):
        unit_rows(np.array([[1.0, 0.0], [0.0, 0.0]]))


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_one_that_utf8_can_hold(text: str) -> None:
    assert len(encodable(text).encode()) >= len(encodable(text)) == len(text)


@given(st.text())
def test_a_text_that_utf8_can_hold_stays_as_it_is(text: str) -> None:
    assert encodable(text) == text


def test_the_order_of_the_facts_is_no_fact() -> None:
    assert fingerprint_of(a=1, b=2) == fingerprint_of(b=2, a=1) != fingerprint_of(a=2, b=1)
