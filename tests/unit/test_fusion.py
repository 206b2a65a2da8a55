from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnemolog.projections.fusion import best, fuse, z

scores = st.lists(st.floats(-1e6, 1e6), max_size=30).map(np.array)
few_values = st.lists(st.sampled_from((-1.0, 0.0, 0.5, 2.0)), max_size=30).map(lambda values: np.array(values, float))


@given(scores)
def test_normal_scores_have_mean_zero_and_deviation_one_or_are_all_zero(values: NDArray[Any]) -> None:
    normal = z(values)
    assert np.isfinite(normal).all()
    if normal.any():
        assert normal.mean() == pytest.approx(0, abs=1e-6)
        assert normal.std() == pytest.approx(1)


@pytest.mark.parametrize("values", [[], [3.5], [0.1] * 10, [0.0, 5e-324]])
def test_scores_that_tell_nothing_become_zeros(values: list[float]) -> None:
    assert z(np.array(values)).tolist() == [0.0] * len(values)


@given(scores, st.floats(0.5, 2), st.floats(-10, 10))
def test_neither_unit_nor_zero_point_of_a_score_matters(values: NDArray[Any], scale: float, shift: float) -> None:
    assert z(np.round(values) * scale + shift) == pytest.approx(z(np.round(values)), abs=1e-5)


def test_signals_are_added_by_weight() -> None:
    signals = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}
    assert fuse({"a": 0.5, "b": 2.0}, signals, 2).tolist() == [0.5, 2.0]
    assert fuse({}, signals, 2).tolist() == [0.0, 0.0]


@given(few_values, st.integers(1, 40), st.randoms(use_true_random=False))
def test_the_best_are_those_of_a_full_sort_and_of_equals_the_first_written(
    values: NDArray[Any], k: int, random: Random
) -> None:
    positions = np.array(random.sample(range(1, 1000), len(values)), np.int64)
    expected = sorted(range(len(values)), key=lambda place: (-values[place], positions[place]))[:k]
    assert best(values, positions, k).tolist() == expected
