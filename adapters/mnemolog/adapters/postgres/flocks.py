"""Locks on files. The kernel frees one when the last process that has it open is gone, however that process died;
children that are given the file share the lock. flock(2), so not for network file systems."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

POLL_S = 0.02


def try_lock(path: Path, *, shared: bool = False) -> BinaryIO | None:
    """The locked file, or None while another holds it. Closing the file frees the lock."""
    import fcntl  # Windows has none, and must be able to import this package in order to be refused

    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with ExitStack() as undo:
        file = undo.enter_context(open(path, "r+b", buffering=0, opener=open_private))
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        undo.pop_all()
    return file


def lock(path: Path, *, deadline: float, shared: bool = False) -> BinaryIO:
    """Waits until `deadline` (time.monotonic) for the lock. Raises TimeoutError."""
    while (file := try_lock(path, shared=shared)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"another process holds {path}")
        time.sleep(POLL_S)
    return file


def is_held(path: Path) -> bool:
    """Whether anyone holds it exclusively. Looks through a shared lock, so that two lookers never see each other."""
    if not path.exists():
        return False
    file = try_lock(path, shared=True)
    if file is not None:
        file.close()
    return file is None


def open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
