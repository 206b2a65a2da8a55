from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnemolog.adapters.postgres import flocks


def test_shared_locks_go_together_and_keep_an_exclusive_one_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with flocks.lock(path, deadline=0, shared=True), flocks.lock(path, deadline=0, shared=True):
        assert flocks.try_lock(path) is None
        assert not flocks.is_held(path)
    with flocks.lock(path, deadline=0):
        assert flocks.is_held(path)


def test_waiting_for_a_lock_ends_at_the_deadline(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with flocks.lock(path, deadline=0), pytest.raises(TimeoutError, match="another process holds"):
        flocks.lock(path, deadline=time.monotonic() + 0.05)


def test_a_lock_that_was_never_taken_is_free_and_looking_leaves_no_file(tmp_path: Path) -> None:
    assert not flocks.is_held(tmp_path / "lock")
    assert not list(tmp_path.iterdir())


def test_a_lock_lives_until_the_last_process_that_inherited_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    wait = "import sys; sys.stdin.read()"
    with flocks.lock(path, deadline=0) as file:
        heir = subprocess.Popen([sys.executable, "-c", wait], stdin=subprocess.PIPE, pass_fds=(file.fileno(),))
    with heir:
        assert flocks.is_held(path)
        heir.kill()
    assert not flocks.is_held(path)


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        flocks.try_lock(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()


def test_no_other_user_can_open_a_lock(tmp_path: Path) -> None:
    with flocks.lock(tmp_path / "lock", deadline=0):
        assert (tmp_path / "lock").stat().st_mode & 0o077 == 0
