from __future__ import annotations

import random
import shutil
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnemolog.adapters import hnsw_files, seal
from mnemolog.adapters.hnsw import PARAMETERS, HnswIndexes
from mnemolog.adapters.hnsw_files import HnswFiles, Manifest
from mnemolog.adapters.seal import Seal
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.vector_index import VectorIndex
from tests.unit.vector_clouds import DIMENSIONS, all_of, answered, cloud, compared, recall

CELLS, QUERIES = cloud(1, 1000)[0], cloud(2, 20)[0]
SECRET = b"s" * 32
HEADER = struct.Struct("<QQQQQQiIQQQdQ")  # of hnswlib's file; after it comes each element with its links
LINKS_SIZE = 4 + 4 * 32  # how many links there are, and room for twice M of them


def files_at(folder: Path) -> HnswFiles:
    return HnswFiles(folder / "cube.hnsw", SECRET)


def built(cells: Vectors) -> VectorIndex:
    index = HnswIndexes().empty(cells.shape[1], len(cells))
    index.add(np.arange(len(cells)), cells)
    return index


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "indexes"
    files_at(folder).keep(built(CELLS), CELLS)
    return folder


@pytest.fixture
def files(tmp_path: Path, original: Path) -> HnswFiles:
    """With the index of all of CELLS in it."""
    return files_at(Path(shutil.copytree(original, tmp_path / "indexes")))


def is_gone(files: HnswFiles) -> bool:
    return list(files.path.parent.iterdir()) == []


def opened(files: HnswFiles) -> tuple[Manifest, bytearray]:
    """The manifest, and the index as hnswlib wrote it."""
    with files.path.open("rb") as file:
        unsealed = Seal(SECRET, "index").open(file)
        manifest = Manifest.parse(unsealed.header)
        content = bytearray(manifest.size)
        unsealed.fill(memoryview(content))
        unsealed.end()
    return manifest, content


def write(files: HnswFiles, manifest: Manifest, content: bytearray) -> None:
    """As if it had been kept so."""
    with files.path.open("wb") as file:
        Seal(SECRET, "index").write(file, manifest.written(), [memoryview(content)])


def test_what_was_kept_is_read_again_and_answers_the_same(files: HnswFiles) -> None:
    index = files.read(CELLS)
    assert index is not None
    assert (index.rows == np.arange(len(CELLS))).all()
    again = built(CELLS)
    assert all((index.search(query, 10) == again.search(query, 10)).all() for query in QUERIES)


def test_it_is_read_when_the_array_has_grown_and_can_be_added_to(files: HnswFiles) -> None:
    longer = np.concatenate([CELLS, cloud(3, 500)[0]])
    index = files.read(longer)
    assert index is not None
    index.add(np.arange(1000, 1500), longer[1000:])
    found = [recall(index.search(query, 10), compared(longer, all_of(longer), query, 10)) for query in QUERIES]
    assert np.mean(found) >= 0.98


def test_only_the_owner_can_read_the_files(files: HnswFiles) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(files.path.parent.stat().st_mode) == 0o700


def test_where_nothing_is_kept_nothing_is_read(tmp_path: Path) -> None:
    assert files_at(tmp_path).read(CELLS) is None


def test_an_index_with_removed_rows_is_not_kept(tmp_path: Path) -> None:
    index = built(CELLS[:100])
    index.remove(np.array([5]))
    files_at(tmp_path).keep(index, CELLS)
    assert list(tmp_path.iterdir()) == []


def test_the_vectors_are_in_no_file(files: HnswFiles) -> None:
    _, plain = opened(files)
    rows = [row.astype("<f4").tobytes()[:8] for row in CELLS]
    assert all(row in plain for row in rows)
    content = files.path.read_bytes()
    assert not any(row in content for row in rows)


def test_an_index_of_several_chunks_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "CHUNK", 10_000)
    monkeypatch.setattr(hnsw_files, "CHUNK", 10_000)
    files = files_at(tmp_path)
    files.keep(built(CELLS), CELLS)
    manifest, _ = opened(files)
    assert manifest.size > 10_000
    index = files.read(CELLS)
    assert index is not None
    assert (index.rows == np.arange(len(CELLS))).all()


def test_nothing_is_left_of_what_hnswlib_needs_in_order_to_write_and_read(
    files: HnswFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even at the moment when another process loads it, so a process that is killed then leaves nothing either."""
    found = list[str]()
    run = subprocess.run

    def look(*command: Any, **options: Any) -> Any:
        found.extend(path.name for path in files.path.parent.iterdir())
        return run(*command, **options)

    monkeypatch.setattr(subprocess, "run", look)
    index = files.read(CELLS)
    assert index is not None
    files.keep(index, CELLS)
    assert found == ["cube.hnsw"]
    assert [path.name for path in files.path.parent.iterdir()] == ["cube.hnsw"]


def test_a_draft_of_a_killed_process_is_replaced_or_dropped(files: HnswFiles) -> None:
    draft = files.path.with_name(".cube.hnsw.draft")
    draft.write_bytes(b"half of it")
    index = files.read(CELLS)
    assert index is not None
    files.keep(index, CELLS)
    assert not draft.exists()
    draft.write_bytes(b"half of it")
    files.drop()
    assert is_gone(files)


@pytest.mark.parametrize("seed", range(25))
def test_one_flipped_bit_anywhere_is_found(files: HnswFiles, seed: int) -> None:
    content, chance = bytearray(files.path.read_bytes()), random.Random(seed)
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    files.path.write_bytes(content)
    assert files.read(CELLS) is None
    assert is_gone(files)


@pytest.mark.parametrize("share", [0, 0.0001, 0.3, 0.9999])
def test_a_file_that_is_cut_off_is_found(files: HnswFiles, share: float) -> None:
    content = files.path.read_bytes()
    files.path.write_bytes(content[: int(share * len(content))])
    assert files.read(CELLS) is None
    assert is_gone(files)


def test_a_file_that_goes_on_is_found(files: HnswFiles) -> None:
    files.path.write_bytes(files.path.read_bytes() + b"\x00")
    assert files.read(CELLS) is None
    assert is_gone(files)


def test_a_file_is_not_read_with_another_key(files: HnswFiles) -> None:
    assert HnswFiles(files.path, b"t" * 32).read(CELLS) is None
    assert is_gone(files)


def wild_links(content: bytearray) -> None:
    """Every element links to elements that are nowhere."""
    size_of_element, count = HEADER.unpack_from(content)[3], HEADER.unpack_from(content)[2]
    for start in range(HEADER.size, HEADER.size + count * size_of_element, size_of_element):
        content[start + 4 : start + LINKS_SIZE] = b"\xf0\xff\xff\x7f" * 32


def huge_size(content: bytearray) -> None:
    """Room for so many elements is more memory than the file gives any reason for."""
    content[8:16] = struct.pack("<Q", 2**24)


def lost_links(content: bytearray) -> None:
    """Loads, and finds next to nothing."""
    size_of_element, count = HEADER.unpack_from(content)[3], HEADER.unpack_from(content)[2]
    for start in range(HEADER.size, HEADER.size + count * size_of_element, size_of_element):
        content[start : start + 4] = b"\x00\x00\x00\x00"


@pytest.mark.parametrize(("damage", "code"), [(wild_links, "-11"), (huge_size, "1"), (lost_links, "1")])
def test_a_file_that_was_written_damaged_is_dropped_and_costs_no_more_than_a_process_of_its_own(
    files: HnswFiles, damage: Callable[[bytearray], None], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, content = opened(files)
    damage(content)
    write(files, manifest, content)
    assert files.read(CELLS) is None
    assert is_gone(files)
    assert f"ends a process that loads it, with {code}" in caplog.text


def test_that_damage_would_have_ended_the_process_that_loads_it(files: HnswFiles) -> None:
    """What the test above rests on: it is a signal that ends the process, which nothing in it could have caught."""
    _, content = opened(files)
    wild_links(content)
    files.path.write_bytes(content)
    script = f"""
import hnswlib, sys, numpy
index = hnswlib.Index("ip", {DIMENSIONS})
index.load_index(sys.argv[1])
index.knn_query(numpy.ones((50, {DIMENSIONS})), k=5)
"""
    done = subprocess.run([sys.executable, "-c", script, str(files.path)], capture_output=True, check=False)
    assert done.returncode < 0


def test_a_trial_that_does_not_end_is_ended(files: HnswFiles) -> None:
    impatient = HnswFiles(files.path, SECRET, trial_seconds=0.001)
    assert impatient.read(CELLS) is None
    assert is_gone(files)


def test_an_index_of_other_vectors_is_not_used(files: HnswFiles) -> None:
    """As after a change of the model, or the erasure of a memory, whose row becomes zeros."""
    erased = CELLS.copy()
    erased[17] = 0
    assert files.read(erased) is None
    assert is_gone(files)


@pytest.mark.parametrize("other", [CELLS[:999], np.ones((1000, DIMENSIONS + 1), np.float32)], ids=["shorter", "wider"])
def test_an_index_of_another_array_is_not_used(files: HnswFiles, other: np.ndarray) -> None:
    assert files.read(other) is None
    assert is_gone(files)


@pytest.mark.parametrize("change", [{"parameters": {**PARAMETERS, "M": 32}}, {"library": "0.7"}], ids=["M", "library"])
def test_an_index_that_was_built_in_another_way_is_not_used(files: HnswFiles, change: dict[str, Any]) -> None:
    manifest, content = opened(files)
    write(files, replace(manifest, **change), content)
    assert files.read(CELLS) is None
    assert is_gone(files)


def test_a_folder_that_cannot_be_written_costs_the_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "indexes").write_bytes(b"in the way")
    kept = files_at(tmp_path / "indexes")
    index = built(CELLS[:100])
    kept.keep(index, CELLS)
    assert kept.read(CELLS) is None


def test_a_file_that_cannot_even_be_dropped_costs_no_index_and_only_an_erasure_is_told(tmp_path: Path) -> None:
    (tmp_path / "cube.hnsw" / "in the way").mkdir(parents=True)
    cells, files = cloud(4, 11_000)[0], files_at(tmp_path)
    rows = NearestRows(HnswIndexes(), files)
    rows.refresh(cells, all_of(cells))
    assert rows.is_indexed
    with pytest.raises(OSError, match=r"cube\.hnsw"):
        rows.drop()
    assert not rows.is_indexed


class Counting(HnswIndexes):
    builds = 0

    def empty(self, dimensions: int, room: int) -> VectorIndex:
        self.builds += 1
        return super().empty(dimensions, room)


def test_a_restart_reads_what_was_kept_and_catches_up_and_an_erasure_leaves_no_file(tmp_path: Path) -> None:
    cells, queries = cloud(4, 12_000)[0], cloud(5, 10)[0]
    indexes, files = Counting(), files_at(tmp_path)
    NearestRows(indexes, files).refresh(cells[:11_000], all_of(cells[:11_000]))
    restarted, live = NearestRows(indexes, files), np.arange(12_000) >= 500
    restarted.refresh(cells, live)
    assert indexes.builds == 1
    for query in queries:
        assert restarted.candidates(cells, live, query, 10) is not None
        assert recall(answered(restarted, cells, live, query, 10), compared(cells, live, query, 10)) >= 0.9
    restarted.drop()
    assert not restarted.is_indexed
    assert list(tmp_path.iterdir()) == []
    restarted.refresh(cells, live)
    assert indexes.builds == 2
