"""Files that are there whole or not at all, also after a power cut, and that nobody but their owner can read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mnemolog.adapters.postgres.flocks import open_private


def make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def draft_of(path: Path) -> Path:
    """For files that are not written one at a time, so that each needs a draft of its own."""
    return path.with_name(f".{path.name}.draft")


@contextmanager
def replacing(path: Path, draft: Path) -> Iterator[BinaryIO]:
    """What is written in the block is `path` after it, on disk before it has the name, and the name on disk too.

    Until then it is `draft`, of which only a killed process leaves anything.
    """
    draft.unlink(missing_ok=True)
    try:
        with open(draft, "xb", opener=open_private) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Waits, for as long as it takes, until no other thread or process is in a block on this path."""
    import fcntl  # Windows has none, and must be able to import this package in order to be refused

    with open(path, "r+b", buffering=0, opener=open_private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove(paths: Iterable[Path], folder: Path) -> None:
    """As many as can be, for good: they do not come back after a power cut. Raises OSError when one is left."""
    removed, left = 0, list[OSError]()
    for path in paths:
        try:
            path.unlink()
            removed += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            left.append(error)
    if removed:
        sync(folder)
    if left:
        raise left[0]


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
