from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from mnemolog.adapters.hnsw import HnswIndex, HnswIndexes, read
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.vector_index import VectorIndex
from tests.unit.vector_clouds import DIMENSIONS, cloud, compared, recall

CELLS, QUERIES = cloud(1, 3000)[0], cloud(2, 50)[0]


def built(cells: Vectors, step: int = 1000) -> HnswIndex:
    index = HnswIndexes().empty(cells.shape[1], len(cells))
    assert isinstance(index, HnswIndex)
    for start in range(0, len(cells), step):
        part = cells[start : start + step]
        index.add(np.arange(start, start + len(part)), part)
    return index


def digest(index: HnswIndex, folder: Path) -> str:
    index.save(folder / "index")
    return hashlib.sha256((folder / "index").read_bytes()).hexdigest()


def mean_recall(index: VectorIndex, cells: Vectors, k: int = 10) -> float:
    live = np.isin(np.arange(len(cells)), index.rows)
    return float(np.mean([recall(index.search(query, k), compared(cells, live, query, k)) for query in QUERIES]))


def test_it_finds_the_rows_that_are_nearest_by_comparing_all() -> None:
    assert mean_recall(built(CELLS), CELLS) >= 0.98


@pytest.mark.parametrize("k", [1, 100, 500])
def test_more_hits_are_found_as_well_as_few(k: int) -> None:
    assert mean_recall(built(CELLS), CELLS, k) >= 0.98


def test_the_nearest_comes_first() -> None:
    found = built(CELLS).search(QUERIES[0], 20)
    products = CELLS[found] @ QUERIES[0]
    assert (np.diff(products) <= 0).all()


def test_the_same_rows_in_the_same_order_make_the_same_bytes(tmp_path: Path) -> None:
    some = CELLS[:1000]
    assert digest(built(some), tmp_path) == digest(built(some), tmp_path) == digest(built(some, 32), tmp_path)
    assert digest(built(some), tmp_path) != digest(built(some[::-1]), tmp_path)


def test_rows_that_are_added_later_are_found_too() -> None:
    index = built(CELLS[:2000])
    index.add(np.arange(2000, 3000), CELLS[2000:])
    assert (index.rows == np.arange(3000)).all()
    assert mean_recall(index, CELLS) >= 0.98


def test_a_removed_row_is_never_found_and_the_others_are_found_as_well_as_before() -> None:
    index = built(CELLS)
    gone = np.random.default_rng(3).permutation(3000)[:1500]
    index.remove(gone)
    assert index.removed == 1500
    assert not set(index.rows) & set(gone)
    assert not any(set(index.search(query, 100)) & set(gone) for query in QUERIES)
    assert mean_recall(index, CELLS) >= 0.98


def test_when_more_is_asked_for_than_there_is_all_there_is_comes_back() -> None:
    index = built(CELLS[:50])
    index.remove(np.arange(45))
    assert sorted(index.search(QUERIES[0], 10)) == [45, 46, 47, 48, 49]
    index.remove(np.arange(45, 50))
    assert len(index.search(QUERIES[0], 10)) == 0


def test_an_index_of_nothing_can_be_asked_and_added_to() -> None:
    index = built(CELLS[:0])
    assert len(index.search(QUERIES[0], 10)) == 0
    index.add(np.array([4, 7]), CELLS[:2])
    assert list(index.search(CELLS[1], 1)) == [7]


def test_an_index_that_was_saved_answers_the_same(tmp_path: Path) -> None:
    index = built(CELLS)
    index.save(tmp_path / "index")
    again = read(tmp_path / "index", DIMENSIONS)
    assert (again.rows == index.rows).all()
    assert all((again.search(query, 10) == index.search(query, 10)).all() for query in QUERIES)


def test_a_file_that_could_not_be_written_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not written whole"):
        built(CELLS[:100]).save(tmp_path / "missing" / "index")


def test_where_a_search_does_not_get_to_as_many_rows_as_are_wanted_it_finds_none_instead_of_failing() -> None:
    """Twins link to each other only, and groups of them are islands."""
    index = built(np.repeat(CELLS[:3], 200, axis=0))
    assert len(index.search(CELLS[0], 600)) == 0
    assert len(index.search(CELLS[0], 100)) == 100
