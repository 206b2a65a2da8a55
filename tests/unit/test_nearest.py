from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mnemolog.adapters.hnsw import HnswIndexes
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.nearest import SUMMED_SHARE, UNINDEXED_SHARE, Nearest, NearestRows
from mnemolog.projections.vector_index import EXACT_UP_TO, Mask, NoFiles, VectorIndex
from mnemolog.projections.vectors import GATHER_SHARE, LENGTH
from mnemolog.projections.wordings import Rows
from tests.unit.plain_indexes import PlainIndexes
from tests.unit.vector_clouds import CLUSTERS, all_of, cloud, compared, recall

SIZE = 20_000
CELLS, CLUSTER = cloud(1, SIZE)
QUERIES, QUERY_CLUSTER = cloud(2, 40)
EVERY = np.arange(SIZE)


def refreshed(cells: Vectors, live: Mask) -> NearestRows:
    rows = NearestRows(HnswIndexes())
    rows.refresh(cells, live)
    return rows


@pytest.fixture(scope="module")
def unchanged() -> NearestRows:
    """All rows in an index. Tests that use it only ask."""
    return refreshed(CELLS, all_of(CELLS))


def mean_recall(rows: NearestRows, permitted: Mask, cells: Vectors = CELLS) -> float:
    found = [rows.nearest(cells, permitted, query, 10).rows for query in QUERIES]
    wanted = [compared(cells, permitted, query, 10) for query in QUERIES]
    return float(np.mean([recall(*pair) for pair in zip(found, wanted, strict=True)]))


def is_exact(found: Nearest, permitted: Mask, query: Vectors) -> bool:
    """Mean and deviation are those of a comparison with every permitted row."""
    cosines = (CELLS[permitted] @ query).astype(np.float64) / LENGTH**2
    both = (found.mean, found.deviation)
    return found.exact and both == pytest.approx((cosines.mean(), cosines.std()), rel=1e-9)


def test_an_index_finds_what_a_comparison_with_all_rows_finds(unchanged: NearestRows) -> None:
    assert unchanged.nearest(CELLS, all_of(CELLS), QUERIES[0], 10).way == "index"
    assert mean_recall(unchanged, all_of(CELLS)) >= 0.98


def test_its_cosines_are_to_the_bit_those_of_the_array(unchanged: NearestRows) -> None:
    found = unchanged.nearest(CELLS, all_of(CELLS), QUERIES[0], 10)
    assert (found.cosines == (CELLS @ QUERIES[0])[found.rows] / np.float64(LENGTH**2)).all()


@pytest.mark.parametrize("share", [1.0, 0.99, 0.7, 0.3, 0.1, 0.01])
def test_mean_and_deviation_are_exact_whenever_they_are_said_to_be(unchanged: NearestRows, share: float) -> None:
    permitted = np.random.default_rng(4).random(SIZE) < share
    found = unchanged.nearest(CELLS, permitted, QUERIES[0], 10)
    assert is_exact(found, permitted, QUERIES[0]) if found.exact else 1 - share > SUMMED_SHARE


def test_a_sample_of_the_permitted_rows_tells_mean_and_deviation_nearly(unchanged: NearestRows) -> None:
    permitted = np.random.default_rng(5).random(SIZE) < 0.8
    exactly = NearestRows(HnswIndexes())
    for query in QUERIES:
        found, wanted = (rows.nearest(CELLS, permitted, query, 10) for rows in (unchanged, exactly))
        assert (found.way, found.exact) == ("index", False)
        assert found.mean == pytest.approx(wanted.mean, abs=0.1 * wanted.deviation)
        assert found.deviation == pytest.approx(wanted.deviation, rel=0.1)


@pytest.mark.parametrize("share", [0.01, GATHER_SHARE / 2, 0.3, 0.6, 0.9])
def test_filters_do_not_cost_recall(unchanged: NearestRows, share: float) -> None:
    assert mean_recall(unchanged, np.random.default_rng(6).random(SIZE) < share) >= 0.98


@pytest.mark.parametrize("clusters", [1, 5, 20, 35, 45])
def test_filters_that_hide_just_what_the_query_is_near_to_do_not_cost_recall(
    unchanged: NearestRows, clusters: int
) -> None:
    """Of the rows that the index would name, next to none is permitted."""
    for query, own in zip(QUERIES[:10], QUERY_CLUSTER[:10], strict=True):
        permitted = np.isin(CLUSTER, (own + 1 + np.arange(clusters)) % CLUSTERS)
        found = unchanged.nearest(CELLS, permitted, query, 10)
        assert recall(found.rows, compared(CELLS, permitted, query, 10)) >= 0.95


@pytest.mark.parametrize("clusters", [1, 5])
def test_one_users_own_rows_are_gathered_and_compared_exactly(unchanged: NearestRows, clusters: int) -> None:
    for query, own in zip(QUERIES[:10], QUERY_CLUSTER[:10], strict=True):
        permitted = np.isin(CLUSTER, (own + np.arange(clusters)) % CLUSTERS)
        found = unchanged.nearest(CELLS, permitted, query, 10)
        assert found.way == "gather"
        assert (found.rows == compared(CELLS, permitted, query, 10)).all()


def test_the_past_is_compared_exactly(unchanged: NearestRows) -> None:
    found = unchanged.nearest(CELLS, EVERY < 15_000, QUERIES[0], 10, as_of=True)
    assert found.way == "exact"
    assert (found.rows == compared(CELLS, EVERY < 15_000, QUERIES[0], 10)).all()


def test_no_hidden_row_is_ever_found(unchanged: NearestRows) -> None:
    for share in (0.01, 0.5, 0.9, 0.99):
        permitted = np.random.default_rng(7).random(SIZE) < share
        assert all(permitted[unchanged.nearest(CELLS, permitted, query, 50).rows].all() for query in QUERIES)


def test_few_rows_are_never_indexed() -> None:
    assert not refreshed(CELLS, EVERY < EXACT_UP_TO).is_indexed


def test_rows_that_are_new_are_found_before_the_index_has_them_and_after() -> None:
    live = EVERY < 12_000
    rows = refreshed(CELLS[:12_000], live[:12_000])
    wider = EVERY < 12_000 / (1 - UNINDEXED_SHARE / 2)
    for _ in range(2):
        assert rows.nearest(CELLS, wider, QUERIES[0], 10).way == "index"
        assert mean_recall(rows, wider) >= 0.98
        rows.refresh(CELLS, wider)
    assert is_exact(rows.nearest(CELLS, wider, QUERIES[0], 10), wider, QUERIES[0])


def test_a_few_new_rows_are_in_the_mean_and_the_deviation_before_the_index_has_them() -> None:
    rows, wider = NearestRows(PlainIndexes()), EVERY < 12_200
    rows.refresh(CELLS[:12_000], all_of(CELLS[:12_000]))
    found = rows.nearest(CELLS, wider, QUERIES[0], 10)
    assert (found.way, found.exact) == ("index", True)
    assert is_exact(found, wider, QUERIES[0])


def test_rows_that_have_ended_are_gone_from_the_answers_before_and_after_the_index_knows() -> None:
    size = 12_500
    rows = refreshed(CELLS[:size], all_of(CELLS[:size]))
    live = np.random.default_rng(8).random(SIZE) < 0.85
    live[size:] = False
    for _ in range(2):
        found = rows.nearest(CELLS, live, QUERIES[0], 10)
        assert found.way == "index"
        assert live[found.rows].all()
        assert mean_recall(rows, live) >= 0.98
        rows.refresh(CELLS, live)
    assert is_exact(rows.nearest(CELLS, live, QUERIES[0], 10), live, QUERIES[0])


class Watched(HnswIndexes):
    """Asks whenever the index has just changed, and nobody has been told yet."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask

    def build(self, rows: Rows, cells: Vectors) -> VectorIndex:
        return WatchedIndex(super().build(rows, cells), self._ask)


class WatchedIndex:
    def __init__(self, index: VectorIndex, ask: Callable[[], None]) -> None:
        self._index, self._ask = index, ask
        self.rows, self.removed, self.search = index.rows, 0, index.search

    def add(self, rows: Rows, cells: Vectors) -> None:
        self._index.add(rows, cells)
        self._ask()

    def remove(self, rows: Rows) -> None:
        self._ask()
        self._index.remove(rows)
        self._ask()


def test_an_answer_for_a_moment_ago_is_right_while_the_index_moves_on() -> None:
    """Rows that have ended since were permitted then; each is the nearest to itself."""
    cells, now = CELLS[:12_100], (EVERY[:12_100] >= 200)
    before = EVERY[:12_100] < 12_000
    missed: list[list[int]] = []

    def ask() -> None:
        missed.append([row for row in range(50) if rows.nearest(cells, before, cells[row], 1).rows[0] != row])

    rows = NearestRows(Watched(ask))
    rows.refresh(CELLS[:12_000], before[:12_000])
    rows.refresh(cells, now)
    ask()
    assert len(missed) > 3
    assert not any(missed)
    assert rows.nearest(cells, before, cells[0], 1).way == "index"
    assert rows.nearest(cells, now, cells[0], 1).rows[0] >= 200


def test_an_index_of_which_more_than_half_is_removed_is_built_again() -> None:
    indexes = PlainIndexes()
    rows, some = NearestRows(indexes), np.random.default_rng(9).random(2 * SIZE)
    cells = np.concatenate([CELLS, CELLS])
    for lived in (1.0, 0.7, 0.52):
        rows.refresh(cells, some < lived)
    assert indexes.sizes == [2 * SIZE]
    rows.refresh(cells, some < 0.48)
    assert indexes.sizes == [2 * SIZE, np.count_nonzero(some < 0.48)]


def test_an_index_that_knows_less_than_half_of_the_rows_is_built_again() -> None:
    indexes = PlainIndexes()
    rows, cells = NearestRows(indexes), np.concatenate([CELLS, CELLS])
    for size in (12_000, 23_000, 2 * SIZE):
        rows.refresh(cells[:size], all_of(cells[:size]))
    assert indexes.sizes == [12_000]
    rows = NearestRows(indexes)
    for size in (12_000, 25_000):
        rows.refresh(cells[:size], all_of(cells[:size]))
    assert indexes.sizes == [12_000, 12_000, 25_000]


def test_many_hits_or_many_new_rows_are_left_to_a_comparison_with_all(unchanged: NearestRows) -> None:
    assert unchanged.nearest(CELLS, all_of(CELLS), QUERIES[0], 900).way == "index"
    assert unchanged.nearest(CELLS, all_of(CELLS), QUERIES[0], 1100).way == "exact"
    assert len(unchanged.nearest(CELLS, all_of(CELLS), QUERIES[0], 2 * SIZE).rows) == SIZE
    rows = NearestRows(PlainIndexes())
    rows.refresh(CELLS[:12_000], all_of(CELLS[:12_000]))
    assert rows.nearest(CELLS[:14_900], all_of(CELLS[:14_900]), QUERIES[0], 10).way == "index"
    assert rows.nearest(CELLS[:15_100], all_of(CELLS[:15_100]), QUERIES[0], 10).way == "exact"


class Broken(PlainIndexes):
    def build(self, rows: Rows, cells: Vectors) -> VectorIndex:
        return BrokenIndex(super().build(rows, cells))


class BrokenIndex:
    """Answers nothing, and raises what hnswlib does."""

    def __init__(self, index: VectorIndex) -> None:
        self.rows, self.removed = index.rows, 0

    def add(self, rows: Rows, cells: Vectors) -> None:
        raise RuntimeError("The number of elements exceeds the specified limit")

    def remove(self, rows: Rows) -> None:
        raise RuntimeError("Label not found")

    def search(self, query: Vectors, k: int) -> Rows:
        raise RuntimeError("Cannot return the results in a contiguous 2D array")


def test_an_index_that_fails_is_dropped_and_the_answer_is_exact() -> None:
    rows = NearestRows(Broken())
    rows.refresh(CELLS[:11_000], all_of(CELLS[:11_000]))
    assert rows.is_indexed
    found = rows.nearest(CELLS[:11_000], all_of(CELLS[:11_000]), QUERIES[0], 10)
    assert (found.rows == compared(CELLS, EVERY < 11_000, QUERIES[0], 10)).all()
    assert not rows.is_indexed


class Interrupted(PlainIndexes):
    """Something is erased while an index is built."""

    rows: NearestRows

    def build(self, rows: Rows, cells: Vectors) -> VectorIndex:
        index = super().build(rows, cells)
        self.rows.drop()
        return index


def test_what_is_erased_during_a_build_does_not_come_back_with_the_index() -> None:
    indexes = Interrupted()
    indexes.rows = NearestRows(indexes)
    indexes.rows.refresh(CELLS, all_of(CELLS))
    assert not indexes.rows.is_indexed


class Slow(NoFiles):
    """Something is erased while the file is written."""

    rows: NearestRows
    kept: VectorIndex | None = None

    def keep(self, index: VectorIndex, cells: Vectors) -> None:
        self.rows.drop()
        self.kept = index

    def drop(self) -> None:
        self.kept = None


def test_what_is_erased_while_a_file_is_written_is_not_left_in_it() -> None:
    files = Slow()
    files.rows = NearestRows(PlainIndexes(), files)
    files.rows.refresh(CELLS, all_of(CELLS))
    assert files.kept is None
    assert not files.rows.is_indexed
