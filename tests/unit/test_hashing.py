from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.domain.refusals import Invalid


@given(st.text(), st.integers(1, 5))
def test_any_text_has_a_direction_in_any_number_of_dimensions(text: str, dimensions: int) -> None:
    vectors = HashingEmbedder(dimensions).embed([text])
    assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_vectors_stay_what_they_were_in_earlier_releases() -> None:
    vector = HashingEmbedder(8).embed(["Ada likes tea"])[0]
    golden = [-0.328889, 0.469841, 0, 0.422857, -0.140952, -0.610793, 0.281905, 0.140952]
    assert_allclose(vector, golden, atol=1e-6)


def test_the_empty_text_is_always_the_first_axis() -> None:
    assert_array_equal(HashingEmbedder(4).embed([""])[0], [1, 0, 0, 0])


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    tea, also_tea, weather = HashingEmbedder().embed(
        ["Ada drinks green tea", "ADA drank  green teas!", "It will rain on Sunday"]
    )
    assert tea @ also_tea > 0.5 > 0.2 > tea @ weather


def test_seed_and_dimensions_decide_the_fingerprint_and_the_vectors() -> None:
    assert len({HashingEmbedder(*args).fingerprint for args in [(256, 0), (256, 1), (128, 0)]}) == 3
    assert abs(HashingEmbedder(256, 0).embed(["tea"])[0] @ HashingEmbedder(256, 1).embed(["tea"])[0]) < 0.9


def test_no_dimension_is_refused() -> None:
    with pytest.raises(Invalid, match="at least one dimension"):
        HashingEmbedder(0)
