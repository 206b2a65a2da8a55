from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mnemolog.adapters.durable_files import exclusively, make_folder, remove, replacing
from mnemolog.adapters.postgres import flocks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"old")
    return tmp_path / "file"


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    return tmp_path / ".draft"


def test_until_the_end_of_the_block_the_old_file_is_there(path: Path, draft: Path) -> None:
    with replacing(path, draft) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_fails_changes_nothing_and_leaves_nothing(path: Path, draft: Path) -> None:
    with pytest.raises(TypeError), replacing(path, draft) as file:
        file.writelines([b"new", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_content_is_on_disk_before_it_has_its_name_and_the_name_after_it(
    path: Path, draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened, fsync, replace = list[str](), os.fsync, os.replace

    def synced(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        happened.append("folder" if is_folder else f"{os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def replaced(*paths: Any) -> None:
        happened.append("name")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    with replacing(path, draft) as file:
        file.write(b"new")
    assert happened == ["3 bytes", "name", "folder"]
    remove([path], path.parent)
    assert happened == ["3 bytes", "name", "folder", "folder"]


def test_a_draft_that_is_there_is_not_written_into(path: Path, draft: Path) -> None:
    """It may be a link to a file elsewhere, or readable by others."""
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(b"mine")
    draft.symlink_to(elsewhere)
    with replacing(path, draft) as file:
        file.write(b"new")
    assert elsewhere.read_bytes() == b"mine"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_is_private(tmp_path: Path) -> None:
    make_folder(tmp_path / "one" / "two")
    make_folder(tmp_path / "one" / "two")
    assert stat.S_IMODE((tmp_path / "one" / "two").stat().st_mode) == 0o700


def test_a_block_is_alone_and_the_next_one_is_let_in(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    for _ in range(2):
        with exclusively(lock):
            assert flocks.try_lock(lock) is None
    with pytest.raises(ZeroDivisionError), exclusively(lock):
        raise ZeroDivisionError
    assert not flocks.is_held(lock)


def test_one_that_cannot_be_removed_does_not_save_the_others(path: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        remove([tmp_path / "missing", tmp_path / "folder", path], tmp_path)
    assert not path.exists()
