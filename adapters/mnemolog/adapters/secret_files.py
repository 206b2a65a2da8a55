"""Secrets in files that only their owner can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from mnemolog.domain.refusals import KeyUnavailable


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`; made at the first call, mode 0600. Two processes agree on whichever came first.

    Raises KeyUnavailable when others can read the file.
    """
    try:
        return read(path)
    except FileNotFoundError:
        write_new(path, make())
        return read(path)


def read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyUnavailable(reason=f"{path} can be read by others (mode {mode:o}); make it 600")
    return path.read_bytes()


def write_new(path: Path, content: bytes) -> None:
    """Whole or not at all, on disk before it has a name, and never over an existing file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
