from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mnemolog.adapters import view_files
from mnemolog.adapters.keyring import derive
from mnemolog.adapters.seal import CHUNK, FIXED, TAG_BYTES, Seal
from mnemolog.adapters.view_files import ViewFiles, index_path
from mnemolog.projections.saved import Arrays, CubeFiles, Saved, packed, unpacked

SECRET, OTHER_SECRET = derive(b"a" * 32, b"views"), derive(b"b" * 32, b"views")
ADA, BOB = UUID(int=1), UUID(int=2)
CANARY = "Zanzibar, seventeenth of May"
SMALL = Saved(7, "stream/3/2026-01-01", {"words": packed([CANARY]), "since": np.arange(3), "until": np.arange(3, 6)})


def is_titleless(dtype: np.dtype) -> bool:
    """A field may have a second name, which is refused; that is not what these are about."""
    return all(len(each) == 2 and is_titleless(each[0].base) for each in (dtype.fields or {}).values())


DTYPES = st.one_of(arrays_of.scalar_dtypes(), arrays_of.array_dtypes(allow_subarrays=True)).filter(is_titleless)
ARRAYS = arrays_of.arrays(DTYPES, arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4))


def always() -> bool:
    return True


def never() -> bool:
    return False


@pytest.fixture
def files(tmp_path: Path) -> ViewFiles:
    return ViewFiles(tmp_path / "views", SECRET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "views"


def keep(files: CubeFiles, view: str = "terms", cube_id: UUID = ADA, saved: Saved = SMALL) -> None:
    files.keep(view, "1", cube_id, saved, always)


def names(folder: Path) -> set[str]:
    """Of all files but the lock, which holds nothing."""
    return {path.name for path in folder.iterdir()} - {".lock"}


def only_file(folder: Path) -> Path:
    [path] = folder.glob("*.view")
    return path


def agree(one: Arrays, other: Arrays) -> bool:
    """To the bit: there are numbers that are not equal to themselves."""

    def facts(arrays: Arrays) -> list[object]:
        return [(name, each.dtype, each.shape, each.tobytes()) for name, each in arrays.items()]

    return facts(one) == facts(other)


def is_same(saved: Saved | None, expected: Saved) -> bool:
    return (
        saved is not None
        and (saved.position, saved.stamp) == (expected.position, expected.stamp)
        and agree(saved.arrays, expected.arrays)
    )


def test_what_was_kept_is_read_again_by_another_process(files: ViewFiles, folder: Path) -> None:
    keep(files)
    assert is_same(ViewFiles(folder, SECRET).read("terms", "1", ADA), SMALL)


@given(st.dictionaries(st.text(), ARRAYS, max_size=4), st.integers(0, 2**63), st.text())
def test_every_array_comes_back_to_the_bit(arrays: Arrays, position: int, stamp: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files, saved = ViewFiles(Path(folder), SECRET), Saved(position, stamp, arrays)
        keep(files, saved=saved)
        assert is_same(files.read("terms", "1", ADA), saved)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(0, [("since", "<i8"), ("until", "<i8")]),
        np.zeros((0, 384), np.float32),
        np.array([(1, 2.5)], np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.array(5),
        np.arange(12, dtype=">i4").reshape(3, 4).T,
        np.arange(10)[::3],
        np.array(["2026-01-01"], "M8[us]"),
        np.arange(CHUNK // 2 + 3, dtype=np.int32),
    ],
    ids=["structured, empty", "rows of none", "padded", "scalar", "transposed", "strided", "dates", "several chunks"],
)
def test_layouts_come_back(files: ViewFiles, array: np.ndarray) -> None:
    saved = Saved(1, "", {"array": array, "after": np.arange(3)})
    keep(files, saved=saved)
    assert is_same(files.read("terms", "1", ADA), saved)


def test_what_is_read_can_be_written_to(files: ViewFiles) -> None:
    keep(files)
    saved = files.read("terms", "1", ADA)
    assert saved is not None
    assert all(array.flags.writeable and array.flags.owndata for array in saved.arrays.values())


@pytest.mark.parametrize("dtype", ["O", [("a", "i8"), ("b", "O")], [(("title", "a"), "i8")]])
def test_an_array_of_objects_or_with_titles_is_refused(files: ViewFiles, folder: Path, dtype: object) -> None:
    saved = Saved(1, "", {"array": np.zeros(2, dtype)})  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"cannot be kept|must be strings"):
        keep(files, saved=saved)
    assert not folder.exists()


def test_the_last_that_was_kept_counts(files: ViewFiles, folder: Path) -> None:
    later = Saved(9, "stream/4", {"since": np.arange(9)})
    keep(files)
    keep(files, saved=later)
    assert is_same(files.read("terms", "1", ADA), later)
    assert len(names(folder)) == 1


def test_where_nothing_is_kept_nothing_is_read_or_made(files: ViewFiles, folder: Path) -> None:
    assert files.read("terms", "1", ADA) is None
    assert files.reached() is None
    files.drop("terms", ADA)
    files.clear()
    assert not folder.exists()


def test_only_the_owner_can_read_the_folder_and_the_files(files: ViewFiles, folder: Path) -> None:
    before = os.umask(0)
    try:
        keep(files)
        files.reach(3)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 3


def test_words_names_and_moments_are_in_no_file(files: ViewFiles, folder: Path) -> None:
    assert CANARY in json.dumps(unpacked(SMALL.arrays["words"]))
    keep(files)
    files.reach(3)
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    for text in (CANARY, "words", "since", "stream", "2026"):
        assert text.encode() not in content
        assert text.encode("utf-16-le") not in content


def test_the_same_state_is_never_sealed_to_the_same_bytes(files: ViewFiles, folder: Path) -> None:
    """Two copies under one key and nonce would tell what changed between them."""
    keep(files)
    before = only_file(folder).read_bytes()
    keep(files)
    after = only_file(folder).read_bytes()
    assert before[8:24] != after[8:24]
    assert sum(a == b for a, b in zip(before[FIXED.size :], after[FIXED.size :], strict=True)) < len(before) / 8


def damaged(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


def test_one_flipped_bit_in_any_byte_is_found(files: ViewFiles, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(files)
    path = only_file(folder)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(damaged(content, place))
        assert files.read("terms", "1", ADA) is None, place
        assert names(folder) == set(), place
    assert [record.levelname for record in caplog.records] == ["WARNING"] * len(content)
    assert {str(record.args[0]) for record in caplog.records if isinstance(record.args, tuple)} == {"terms"}
    path.write_bytes(content)
    assert is_same(files.read("terms", "1", ADA), SMALL)


def test_every_truncation_is_found(files: ViewFiles, folder: Path) -> None:
    keep(files)
    path = only_file(folder)
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert files.read("terms", "1", ADA) is None, size


def test_a_byte_too_many_is_found(files: ViewFiles, folder: Path) -> None:
    keep(files)
    path = only_file(folder)
    path.write_bytes(path.read_bytes() + b"\x00")
    assert files.read("terms", "1", ADA) is None


def last_two(content: bytes) -> tuple[bytes, bytes, bytes]:
    """What comes before the chunks of the last two arrays, which are of one size, and these two."""
    size = 3 * 8 + TAG_BYTES
    return content[: -2 * size], content[-2 * size : -size], content[-size:]


def test_chunks_that_changed_places_are_found(files: ViewFiles, folder: Path) -> None:
    keep(files)
    path = only_file(folder)
    before, one, other = last_two(path.read_bytes())
    path.write_bytes(before + other + one)
    assert files.read("terms", "1", ADA) is None
    path.write_bytes(before + one + other)
    assert is_same(files.read("terms", "1", ADA), SMALL)


def test_a_chunk_of_an_older_file_of_the_same_cube_is_found(files: ViewFiles, folder: Path) -> None:
    keep(files)
    path = only_file(folder)
    _, _, older = last_two(path.read_bytes())
    keep(files)
    before, one, _ = last_two(path.read_bytes())
    path.write_bytes(before + one + older)
    assert files.read("terms", "1", ADA) is None


@pytest.mark.parametrize(("view", "cube_id"), [("terms", BOB), ("turns", ADA)], ids=["of a cube", "of a view"])
def test_a_file_under_the_name_of_another_is_not_returned(
    files: ViewFiles, folder: Path, view: str, cube_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    keep(files)
    only_file(folder).rename(folder / f"{view}.{cube_id}.view")
    assert files.read(view, "1", cube_id) is None
    assert "of another view or cube" in caplog.text
    assert names(folder) == set()


def test_two_files_that_were_swapped_are_not_returned(files: ViewFiles, folder: Path) -> None:
    keep(files)
    keep(files, cube_id=BOB)
    one, other = (folder / f"terms.{cube_id}.view" for cube_id in (ADA, BOB))
    content = one.read_bytes()
    other.replace(one)
    other.write_bytes(content)
    assert files.read("terms", "1", ADA) is None
    assert files.read("terms", "1", BOB) is None


def test_a_file_is_not_read_with_another_key(files: ViewFiles, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(files)
    assert ViewFiles(folder, OTHER_SECRET).read("terms", "1", ADA) is None
    assert "sealed with another key" in caplog.text
    assert names(folder) == set()


def test_the_mark_is_not_read_as_a_view_and_no_view_as_the_mark(files: ViewFiles, folder: Path) -> None:
    content = folder.parent / "content"
    with content.open("wb") as file:
        Seal(SECRET, "reached").write(file, b"{}")
    keep(files)
    content.replace(only_file(folder))
    assert files.read("terms", "1", ADA) is None


@pytest.mark.parametrize("version", ["", "1.1"])
def test_a_file_of_another_version_of_the_view_is_dropped_without_a_word(
    files: ViewFiles, folder: Path, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    keep(files)
    assert files.read("terms", version, ADA) is None
    assert names(folder) == set()
    assert not caplog.records


def test_a_file_of_another_format_is_dropped(files: ViewFiles, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(files)
    monkeypatch.setattr(view_files, "FORMAT", view_files.FORMAT + 1)
    assert files.read("terms", "1", ADA) is None
    assert names(folder) == set()


def test_nothing_is_written_of_a_state_that_is_not_current(files: ViewFiles, folder: Path) -> None:
    files.keep("terms", "1", ADA, SMALL, never)
    assert names(folder) == set()


def test_whether_a_state_is_current_is_asked_before_anything_of_it_is_written(files: ViewFiles, folder: Path) -> None:
    found = set[str]()

    def is_current() -> bool:
        found.update(names(folder))
        return True

    files.keep("terms", "1", ADA, SMALL, is_current)
    assert found == set()


def test_a_drop_takes_one_view_of_one_cube(files: ViewFiles) -> None:
    keep(files)
    keep(files, cube_id=BOB)
    keep(files, view="turns")
    files.drop("terms", ADA)
    assert files.read("terms", "1", ADA) is None
    assert is_same(files.read("terms", "1", BOB), SMALL)
    assert is_same(files.read("turns", "1", ADA), SMALL)


@pytest.mark.parametrize("call", ["drop", "clear", "reached"])
def test_an_index_goes_with_the_file_of_its_cube_and_so_does_a_draft_of_one(
    files: ViewFiles, folder: Path, call: str
) -> None:
    """`reached` drops everything, as there is no mark."""
    keep(files, view="turns")
    for index in (index_path(folder, "turns", ADA), index_path(folder, "turns", BOB)):
        index.write_bytes(b"an index")
        index.with_name(f".{index.name}.draft").write_bytes(b"half of it")
    {"drop": lambda: files.drop("turns", ADA), "clear": files.clear, "reached": files.reached}[call]()
    other = {f"turns.{BOB}.index", f".turns.{BOB}.index.draft"}
    assert names(folder) == (other if call == "drop" else set())


def test_it_is_known_whether_something_is_kept(files: ViewFiles) -> None:
    assert not files.keeps("terms", ADA)
    keep(files)
    assert files.keeps("terms", ADA)
    assert not files.keeps("terms", BOB)


def one_after_the_other(*calls: Callable[[], None]) -> None:
    for call in calls:
        call()


def test_a_drop_waits_for_a_keep_that_is_under_way_in_another_thread(files: ViewFiles, folder: Path) -> None:
    """If it did not wait, it would be over before the file is there."""
    dropped = threading.Event()

    def drop() -> None:
        ViewFiles(folder, SECRET).drop("terms", ADA)

    dropping = threading.Thread(target=one_after_the_other, args=(drop, dropped.set))

    def is_current() -> bool:
        dropping.start()
        assert not dropped.wait(0.3)
        return True

    files.keep("terms", "1", ADA, SMALL, is_current)
    dropping.join()
    assert names(folder) == set()


@pytest.mark.parametrize("call", ["drop", "clear", "reach", "keep"])
def test_every_change_waits_for_a_keep_that_is_under_way_in_another_process(
    files: ViewFiles, folder: Path, call: str
) -> None:
    changes: dict[str, Callable[[], object]] = {
        "drop": lambda: files.drop("terms", ADA),
        "clear": files.clear,
        "reach": lambda: files.reach(1),
        "keep": lambda: keep(files),
    }
    script = "files.keep('terms', '1', ADA, SMALL, lambda: not (print('asked', flush=True) or input()))"
    with python(folder, script, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeping:
        assert keeping.stdin is not None
        assert keeping.stdout is not None
        assert keeping.stdout.readline() == b"asked\n"
        done = threading.Event()
        changing = threading.Thread(target=one_after_the_other, args=(changes[call], done.set))
        changing.start()
        assert not done.wait(0.3)
        keeping.stdin.write(b"\n")
        keeping.stdin.flush()
        changing.join()
    expected = {"drop": set(), "clear": set(), "reach": {"reached", f"terms.{ADA}.view"}, "keep": {f"terms.{ADA}.view"}}
    assert keeping.returncode == 0
    assert names(folder) == expected[call]


PREAMBLE = """
import os, signal, sys
from pathlib import Path
from tests.unit.test_view_files import *
files = ViewFiles(Path(sys.argv[1]), SECRET)
"""
KILLED_AT = """
left = int(sys.argv[2])
def kill(event, facts):
    global left
    if event in ("open", "os.remove", "os.rename") and sys.argv[1] in str(facts[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
keep(files, saved=LATER)
"""
LATER = Saved(9, "stream/4", {"since": np.arange(9)})


def python(
    folder: Path, script: str, *arguments: str, stdin: int | None = None, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PREAMBLE + script, str(folder), *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, cwd=Path(__file__).parents[2])


def test_a_process_that_is_killed_at_any_point_leaves_the_old_state_or_the_new_and_no_draft_for_long(
    files: ViewFiles, folder: Path
) -> None:
    found = list[bool]()
    for point in range(20):
        files.clear()
        keep(files)
        with python(folder, KILLED_AT, str(point)) as keeping:
            pass
        saved = files.read("terms", "1", ADA)
        assert is_same(saved, SMALL) or is_same(saved, LATER)
        found.append(is_same(saved, LATER))
        if keeping.returncode == 0:
            break
        assert names(folder) <= {f"terms.{ADA}.view", ".draft"}
        files.drop("terms", BOB)
        assert names(folder) == {f"terms.{ADA}.view"}
    assert keeping.returncode == 0
    assert found == sorted(found)
    assert found.count(False) >= 3
    assert found.count(True) >= 2


@pytest.mark.parametrize("call", ["drop", "clear", "keep", "reach"])
def test_a_draft_that_was_left_is_gone_after_the_next_change_of_whatever(
    files: ViewFiles, folder: Path, call: str
) -> None:
    keep(files)
    (folder / ".draft").write_bytes(b"half of a file")
    changes: dict[str, Callable[[], object]] = {
        "drop": lambda: files.drop("turns", BOB),
        "clear": files.clear,
        "reach": lambda: files.reach(1),
        "keep": lambda: files.keep("turns", "1", BOB, SMALL, never),
    }
    changes[call]()
    assert ".draft" not in names(folder)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_for_which_there_is_no_room_leaves_what_was_kept_before(files: ViewFiles, folder: Path) -> None:
    keep(files)
    with largest_file(100_000), pytest.raises(OSError, match="File too large"):
        keep(files, saved=Saved(9, "", {"cells": np.zeros(10**6)}))
    assert names(folder) == {f"terms.{ADA}.view"}
    assert is_same(files.read("terms", "1", ADA), SMALL)


def test_what_cannot_be_dropped_is_said_and_the_rest_is_dropped(files: ViewFiles, folder: Path) -> None:
    (folder / f"terms.{ADA}.view").mkdir(parents=True)
    keep(files, cube_id=BOB)
    files.reach(5)
    with pytest.raises(OSError, match=str(ADA)):
        files.drop("terms", ADA)
    with pytest.raises(OSError, match=str(ADA)):
        files.clear()
    assert names(folder) == {f"terms.{ADA}.view"}


def test_what_can_neither_be_read_nor_dropped_is_not_returned(
    files: ViewFiles, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / f"terms.{ADA}.view").mkdir(parents=True)
    assert files.read("terms", "1", ADA) is None
    assert "cannot be dropped" in caplog.text


def test_how_far_erasures_were_obeyed_is_remembered(files: ViewFiles, folder: Path) -> None:
    files.reach(0)
    assert files.reached() == 0
    files.reach(41)
    keep(files)
    assert ViewFiles(folder, SECRET).reached() == 41
    assert is_same(files.read("terms", "1", ADA), SMALL)


def test_that_never_goes_back_but_after_a_clear(files: ViewFiles) -> None:
    files.reach(41)
    files.reach(40)
    assert files.reached() == 41
    files.clear()
    assert files.reached() is None
    files.reach(40)
    assert files.reached() == 40


def test_the_mark_is_not_written_again_when_nothing_changed(files: ViewFiles, folder: Path) -> None:
    files.reach(41)
    before = (folder / "reached").read_bytes()
    files.reach(41)
    files.reach(3)
    assert (folder / "reached").read_bytes() == before


def test_a_mark_that_another_process_cleared_is_written_again(files: ViewFiles, folder: Path) -> None:
    files.reach(41)
    ViewFiles(folder, SECRET).clear()
    files.reach(41)
    assert files.reached() == 41


def test_files_without_a_mark_are_dropped_and_that_is_said_once(
    files: ViewFiles, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(files)
    keep(files, cube_id=BOB)
    assert files.reached() is None
    assert names(folder) == set()
    assert files.reached() is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def is_lost(files: ViewFiles, folder: Path, mark: bytes) -> bool:
    """Whether nothing is left when that is the mark."""
    keep(files)
    keep(files, view="turns", cube_id=BOB)
    (folder / "reached").write_bytes(mark)
    return files.reached() is None and names(folder) == set()


def test_one_flipped_bit_in_any_byte_of_the_mark_and_all_is_dropped(files: ViewFiles, folder: Path) -> None:
    files.reach(41)
    mark = (folder / "reached").read_bytes()
    assert all(is_lost(files, folder, damaged(mark, place)) for place in range(len(mark)))
    assert not is_lost(files, folder, mark)


def test_every_truncation_of_the_mark_and_all_is_dropped(files: ViewFiles, folder: Path) -> None:
    files.reach(41)
    mark = (folder / "reached").read_bytes()
    assert all(is_lost(files, folder, mark[:size]) for size in range(len(mark)))
    assert is_lost(files, folder, mark + b"\x00")


def test_with_another_key_all_is_dropped(files: ViewFiles, folder: Path) -> None:
    keep(files)
    files.reach(41)
    assert ViewFiles(folder, OTHER_SECRET).reached() is None
    assert names(folder) == set()


def test_a_mark_that_cannot_be_read_is_written_again_by_who_knows(files: ViewFiles, folder: Path) -> None:
    files.reach(41)
    (folder / "reached").write_bytes(b"nothing")
    files.reach(40)
    assert files.reached() == 40


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "views").write_bytes(b"in the way")
    files = ViewFiles(tmp_path / "views", SECRET)
    with pytest.raises(FileExistsError):
        keep(files)
    assert files.read("terms", "1", ADA) is None


def test_a_file_that_is_not_ours_stays(files: ViewFiles, folder: Path) -> None:
    keep(files)
    (folder / "notes.txt").write_bytes(b"mine")
    files.clear()
    assert names(folder) == {"notes.txt"}


def test_a_secret_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ViewFiles(tmp_path, b"short")
