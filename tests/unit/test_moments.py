from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.embedding import Vectors
from mnemolog.projections.moments import BLOCK, Moments, Sums, sums_of
from mnemolog.projections.vectors import LENGTH, whole_numbers
from tests.unit.vector_clouds import cloud

clouds = st.integers(0, 2**32).map(lambda seed: cloud(seed, 40)[0])


def same(one: Moments, other: Moments) -> bool:
    return one.count == other.count and (one.first == other.first).all() and bool((one.second == other.second).all())


@given(clouds)
def test_the_sums_of_products_are_those_of_a_comparison_with_every_vector(cells: Vectors) -> None:
    query = cells[0]
    assert Moments.of(cells[1:]).sums(query) == sums_of(cells[1:] @ query)


@given(clouds)
def test_mean_and_deviation_are_those_of_the_products(cells: Vectors) -> None:
    sums, products = Moments.of(cells).sums(cells[0]), (cells @ cells[0]).astype(np.float64)
    assert sums.mean == pytest.approx(products.mean(), rel=1e-12)
    assert sums.deviation == pytest.approx(products.std(), rel=1e-12)


@given(clouds, st.permutations(range(40)), st.integers(0, 39))
def test_what_is_added_and_removed_again_leaves_no_trace_in_whatever_order(
    cells: Vectors, order: list[int], kept: int
) -> None:
    moments, none = Moments.of(cells[:kept]), cells[:0]
    for row in order:
        moments = moments.changed(cells[[row]], none)
    for row in reversed(order):
        moments = moments.changed(none, cells[[row]])
    assert same(moments, Moments.of(cells[:kept]))


@given(clouds, st.sets(st.integers(0, 39)))
def test_hidden_rows_are_taken_out_of_the_sums_as_if_they_had_never_been_there(cells: Vectors, hide: set[int]) -> None:
    query, hidden = cells[0], np.isin(np.arange(len(cells)), list(hide))
    assert Moments.of(cells).sums(query) - sums_of(cells[hidden] @ query) == sums_of(cells[~hidden] @ query)


def test_the_largest_products_of_more_than_a_block_of_rows_are_summed_without_loss() -> None:
    cells = np.repeat(whole_numbers(np.ones((1, 2), np.float32)), 2 * BLOCK + 1, axis=0)
    size, product = len(cells), int((cells[0] ** 2).sum())
    assert product == pytest.approx(LENGTH**2, rel=1e-3)
    assert sums_of(cells @ cells[0]) == Sums(size, size * product, size * product**2)
    assert Moments.of(cells).sums(cells[0]) == Sums(size, size * product, size * product**2)


def test_of_nothing_mean_and_deviation_are_nothing() -> None:
    assert (Sums().mean, Sums().deviation) == (0.0, 0.0)
