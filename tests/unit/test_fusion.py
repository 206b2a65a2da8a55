from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnemolog.projections.fusion import Spread, beside, best, lent

scores = st.lists(st.floats(-1e6, 1e6), max_size=30).map(np.array)
few_values = st.lists(st.sampled_from((-1.0, 0.0, 0.5, 2.0)), max_size=30).map(lambda values: np.array(values, float))


def z(values: NDArray[Any]) -> NDArray[Any]:
    return Spread.of(values).z(values)


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


def test_a_place_borrows_from_those_beside_it_in_its_own_context_only() -> None:
    scores = np.array([1.0, 10.0, 100.0, 1000.0, 5.0])
    contexts = np.array([0, 7, 0, 0, -1])
    borrowed = lent(scores, beside(contexts), previous=0.4, following=0.3, near=0.2)
    assert borrowed == pytest.approx([0.3 * 100 + 0.2 * 1000, 0, 0.4 * 1 + 0.3 * 1000, 0.4 * 100 + 0.2 * 1, 0])


@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(-1, 3)), max_size=20), st.tuples(*[st.floats(0, 1)] * 3))
def test_neighbours_lend_what_they_lend_one_conversation_at_a_time(
    said: list[tuple[float, int]], shares: tuple[float, float, float]
) -> None:
    previous, following, near = shares
    scores, contexts = np.array([score for score, _ in said]), np.array([context for _, context in said], np.int64)
    expected = np.zeros(len(said))
    for context in range(4):
        members = [place for place, each in enumerate(contexts) if each == context]
        for number, place in enumerate(members):
            for distance, share in ((-1, previous), (1, following), (-2, near), (2, near)):
                if 0 <= number + distance < len(members):
                    expected[place] += share * scores[members[number + distance]]
    assert lent(scores, beside(contexts), previous, following, near) == pytest.approx(expected)


@given(few_values, st.integers(1, 40), st.randoms(use_true_random=False))
def test_the_best_are_those_of_a_full_sort_and_of_equals_the_first_written(
    values: NDArray[Any], k: int, random: Random
) -> None:
    positions = np.array(random.sample(range(1, 1000), len(values)), np.int64)
    expected = sorted(range(len(values)), key=lambda place: (-values[place], positions[place]))[:k]
    assert best(values, positions, k).tolist() == expected
