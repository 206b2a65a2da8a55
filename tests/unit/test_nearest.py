from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mnemolog.adapters.hnsw import HnswIndexes
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.moments import sums_of
from mnemolog.projections.nearest import BUILD_STEP, CANDIDATE_SHARE, SUMMED_SHARE, Candidates, NearestRows
from mnemolog.projections.vector_index import EXACT_UP_TO, GATHER_SHARE, Mask, NoFiles, VectorIndex
from mnemolog.projections.wordings import Rows
from tests.unit.plain_indexes import PlainIndexes
from tests.unit.vector_clouds import CLUSTERS, all_of, answered, cloud, compared, recall

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
    found = [answered(rows, cells, permitted, query, 10) for query in QUERIES]
    wanted = [compared(cells, permitted, query, 10) for query in QUERIES]
    return float(np.mean([recall(*pair) for pair in zip(found, wanted, strict=True)]))


def by_index(rows: NearestRows, permitted: Mask, cells: Vectors = CELLS, k: int = 10) -> Candidates:
    found = rows.candidates(cells, permitted, QUERIES[0], k)
    assert found is not None
    return found


def is_exact(found: Candidates, permitted: Mask, cells: Vectors = CELLS) -> bool:
    """The sums are those of a comparison with every permitted row, to the bit."""
    return found.sums == sums_of(cells[permitted] @ QUERIES[0])


def test_an_index_finds_what_a_comparison_with_all_rows_finds(unchanged: NearestRows) -> None:
    assert len(by_index(unchanged, all_of(CELLS)).rows) == 10
    assert mean_recall(unchanged, all_of(CELLS)) >= 0.98


@pytest.mark.parametrize("share", [1.0, 0.99, 0.96, 0.93, 0.7, 0.3, 0.1, 0.01])
def test_the_sums_are_those_of_a_comparison_with_all_that_are_permitted(unchanged: NearestRows, share: float) -> None:
    permitted = np.random.default_rng(4).random(SIZE) < share
    found = unchanged.candidates(CELLS, permitted, QUERIES[0], 10)
    assert is_exact(found, permitted) if found else 1 - share > SUMMED_SHARE
    assert (found is not None) == (1 - share < SUMMED_SHARE)


@pytest.mark.parametrize("share", [0.01, GATHER_SHARE / 2, 0.3, 0.6, 0.9, 0.97])
def test_filters_do_not_cost_recall(unchanged: NearestRows, share: float) -> None:
    assert mean_recall(unchanged, np.random.default_rng(6).random(SIZE) < share) >= 0.98


@pytest.mark.parametrize("clusters", [1, 5, 20, 35, 45, 48, 49])
def test_filters_that_hide_just_what_the_query_is_near_to_do_not_cost_recall(
    unchanged: NearestRows, clusters: int
) -> None:
    """Of the rows that the index would name, next to none is permitted."""
    for query, own in zip(QUERIES[:10], QUERY_CLUSTER[:10], strict=True):
        permitted = np.isin(CLUSTER, (own + 1 + np.arange(clusters)) % CLUSTERS)
        found = answered(unchanged, CELLS, permitted, query, 10)
        assert recall(found, compared(CELLS, permitted, query, 10)) >= 0.95


@pytest.mark.parametrize("clusters", [1, 5])
def test_one_users_own_rows_are_left_to_a_comparison(unchanged: NearestRows, clusters: int) -> None:
    permitted = np.isin(CLUSTER, np.arange(clusters))
    assert all(unchanged.candidates(CELLS, permitted, query, 10) is None for query in QUERIES)


def test_no_hidden_row_is_ever_named(unchanged: NearestRows) -> None:
    named = 0
    for share in (0.5, 0.955, 0.97, 0.99):
        permitted = np.random.default_rng(7).random(SIZE) < share
        for query in QUERIES:
            if found := unchanged.candidates(CELLS, permitted, query, 50):
                assert permitted[found.rows].all()
                named += 1
    assert named > len(QUERIES)


def test_few_rows_are_never_indexed() -> None:
    assert not refreshed(CELLS, EVERY < EXACT_UP_TO).is_indexed


def test_rows_that_are_new_are_found_before_the_index_has_them_and_after() -> None:
    live = EVERY < 12_000
    rows = refreshed(CELLS[:12_000], live[:12_000])
    wider = EVERY < 12_500
    for _ in range(2):
        assert is_exact(by_index(rows, wider), wider)
        assert mean_recall(rows, wider) >= 0.98
        rows.refresh(CELLS, wider)
    assert len(by_index(rows, wider).rows) == 10


def test_rows_that_have_ended_are_gone_from_the_answers_before_and_after_the_index_knows() -> None:
    size = 12_500
    rows = refreshed(CELLS[:size], all_of(CELLS[:size]))
    live = np.random.default_rng(8).random(SIZE) < 0.97
    live[size:] = False
    for _ in range(2):
        found = by_index(rows, live)
        assert live[found.rows].all()
        assert is_exact(found, live)
        assert mean_recall(rows, live) >= 0.98
        rows.refresh(CELLS, live)


class Watched(HnswIndexes):
    """Asks whenever the index has just changed, and nobody has been told yet."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask

    def empty(self, dimensions: int, room: int) -> VectorIndex:
        return WatchedIndex(super().empty(dimensions, room), self._ask)


class WatchedIndex:
    def __init__(self, index: VectorIndex, ask: Callable[[], None]) -> None:
        self._index, self._ask = index, ask
        self.removed, self.search = 0, index.search

    @property
    def rows(self) -> Rows:
        return self._index.rows

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
        if rows.is_indexed:
            missed.append([row for row in range(50) if answered(rows, cells, before, cells[row], 1)[0] != row])

    rows = NearestRows(Watched(ask))
    rows.refresh(CELLS[:12_000], before[:12_000])
    rows.refresh(cells, now)
    ask()
    assert len(missed) > 3
    assert not any(missed)
    assert rows.candidates(cells, before, cells[0], 1) is not None
    assert answered(rows, cells, now, cells[0], 1)[0] >= 200


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


def test_many_hits_or_many_new_or_hidden_rows_are_left_to_a_comparison_with_all(unchanged: NearestRows) -> None:
    most = int(CANDIDATE_SHARE * SIZE)
    assert len(by_index(unchanged, all_of(CELLS), k=most).rows) == most
    assert unchanged.candidates(CELLS, all_of(CELLS), QUERIES[0], most + 1) is None
    assert unchanged.candidates(CELLS, all_of(CELLS), QUERIES[0], 2 * SIZE) is None
    rows = NearestRows(PlainIndexes())
    rows.refresh(CELLS[:12_000], all_of(CELLS[:12_000]))
    for change, named in ((500, True), (700, False)):
        wider, fewer = CELLS[: 12_000 + change], EVERY[:12_000] >= change
        assert (rows.candidates(wider, all_of(wider), QUERIES[0], 10) is not None) is named
        assert (rows.candidates(CELLS[:12_000], fewer, QUERIES[0], 10) is not None) is named


class Broken(PlainIndexes):
    def empty(self, dimensions: int, room: int) -> VectorIndex:
        return BrokenIndex(super().empty(dimensions, room))


class BrokenIndex:
    """Answers nothing, and raises what hnswlib does."""

    def __init__(self, index: VectorIndex) -> None:
        self._index, self.removed, self.is_full = index, 0, False

    @property
    def rows(self) -> Rows:
        return self._index.rows

    def add(self, rows: Rows, cells: Vectors) -> None:
        if self.is_full:
            raise RuntimeError("The number of elements exceeds the specified limit")
        self._index.add(rows, cells)
        self.is_full = len(self.rows) == 11_000

    def remove(self, rows: Rows) -> None:
        raise RuntimeError("Label not found")

    def search(self, query: Vectors, k: int) -> Rows:
        raise RuntimeError("Cannot return the results in a contiguous 2D array")


def test_an_index_that_fails_in_a_search_is_dropped_and_all_are_compared() -> None:
    rows = NearestRows(Broken())
    rows.refresh(CELLS[:11_000], all_of(CELLS[:11_000]))
    assert rows.is_indexed
    assert rows.candidates(CELLS[:11_000], all_of(CELLS[:11_000]), QUERIES[0], 10) is None
    assert not rows.is_indexed


@pytest.mark.parametrize("live", [EVERY[:11_100] >= 0, EVERY[:11_000] >= 100], ids=["add", "remove"])
def test_an_index_that_fails_in_a_refresh_is_dropped_and_that_is_raised(live: Mask) -> None:
    rows = NearestRows(Broken())
    rows.refresh(CELLS[:11_000], all_of(CELLS[:11_000]))
    with pytest.raises(RuntimeError):
        rows.refresh(CELLS[: len(live)], live)
    assert not rows.is_indexed


class Interrupted(PlainIndexes):
    """Something happens while the first rows are added."""

    interrupt: Callable[[], None]
    added = 0

    def empty(self, dimensions: int, room: int) -> VectorIndex:
        index = super().empty(dimensions, room)
        add = index.add

        def interrupted(rows: Rows, cells: Vectors) -> None:
            add(rows, cells)
            self.added += len(rows)
            self.interrupt()

        index.add = interrupted  # type: ignore[method-assign]
        return index


def test_what_is_erased_during_a_build_does_not_come_back_with_the_index_and_the_build_ends_early() -> None:
    indexes, files = Interrupted(), Kept()
    rows = NearestRows(indexes, files)
    indexes.interrupt = rows.drop
    rows.refresh(CELLS, all_of(CELLS))
    assert not rows.is_indexed
    assert indexes.added == BUILD_STEP
    assert files.kept is None


def test_one_that_is_retired_holds_nothing_any_more_and_its_file_stays() -> None:
    files = Kept()
    rows = NearestRows(PlainIndexes(), files)
    rows.refresh(CELLS, all_of(CELLS))
    rows.retire()
    rows.refresh(CELLS, all_of(CELLS))
    assert not rows.is_indexed
    assert files.kept is not None


def test_a_build_of_one_that_is_retired_ends_early_and_keeps_nothing() -> None:
    indexes, files = Interrupted(), Kept()
    rows = NearestRows(indexes, files)
    indexes.interrupt = rows.retire
    rows.refresh(CELLS, all_of(CELLS))
    assert not rows.is_indexed
    assert indexes.added == BUILD_STEP
    assert files.kept is None


class Kept(NoFiles):
    kept: VectorIndex | None = None

    def keep(self, index: VectorIndex, cells: Vectors) -> None:
        self.kept = index

    def drop(self) -> None:
        self.kept = None


class Slow(Kept):
    """Something happens while the file is written."""

    interrupt: Callable[[], None]

    def keep(self, index: VectorIndex, cells: Vectors) -> None:
        self.interrupt()
        super().keep(index, cells)


@pytest.mark.parametrize("happens", [NearestRows.drop, NearestRows.retire])
def test_what_is_erased_while_a_file_is_written_is_not_left_in_it(happens: Callable[[NearestRows], None]) -> None:
    """One that is retired does not hear of an erasure, so its file might have what is erased by then."""
    files = Slow()
    rows = NearestRows(PlainIndexes(), files)
    files.interrupt = lambda: happens(rows)
    rows.refresh(CELLS, all_of(CELLS))
    assert files.kept is None
    assert not rows.is_indexed
