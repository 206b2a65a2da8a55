"""The files of an export. Only what is plain JSON by its name is opened: no pickle, no weights, no code, no link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnemolog.adapters.imports import memos
from mnemolog.domain.refusals import CannotImport

LARGEST = 64 * 2**20
SUFFIX = ".json"
CONFIG = "config.json"
MOST_NAMES = 10_000
Parse = Callable[[str, bytes], Any]


@dataclass(frozen=True, slots=True)
class Unopened:
    """A file that was left alone."""

    name: str
    reason: str


def documents(path: Path, parse: Parse) -> tuple[list[Any], list[Unopened]]:
    """What a file, or the folder of a MemOS dump, holds; and what in the folder was never opened.

    Raises CannotImport, and what `parse` raises for the content of a file of a name.
    """
    if path.is_dir() and not path.is_symlink():
        with _folder(path) as folder:
            return _dumped(folder, parse)
    return [parse(path.name, content(str(path), path.name))], []


def content(path: str, name: str, folder: int | None = None) -> bytes:
    """Raises CannotImport for anything but a regular file of JSON by its name, that is not enormous."""
    if not name.endswith(SUFFIX):
        raise CannotImport(what=name, reason=f"only {SUFFIX} files are opened: no pickles, no weights, no code")
    try:  # without waiting for whoever writes to a pipe
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise CannotImport(what=name, reason=_why(error, path, folder)) from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise CannotImport(what=name, reason="it is not a regular file")
        read = b"" if found.st_size > LARGEST else file.read(LARGEST + 1)
    if found.st_size > LARGEST or len(read) > LARGEST:
        raise CannotImport(what=name, reason=f"it has more than {LARGEST} bytes")
    return read


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    """Open, so that nobody puts another folder in its place while it is read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _dumped(folder: int, parse: Parse) -> tuple[list[Any], list[Unopened]]:
    names = _names(folder)
    config = parse(CONFIG, content(CONFIG, CONFIG, folder)) if CONFIG in names else {}
    texts = [name for name in memos.file_names(config) if name in names]
    if not texts:
        raise CannotImport(what="The folder", reason="it has no textual_memory.json: it is no dump of MemOS")
    found = [parse(name, content(name, name, folder)) for name in texts]
    others = [name for name in names if name not in texts and name != CONFIG]
    return found, [Unopened(name, "it is never opened: only text and its metadata are imported") for name in others]


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as found:
        names = []
        for entry in found:
            if entry.is_symlink():
                raise CannotImport(what=entry.name, reason="it is a symbolic link, and none is followed")
            names.append(entry.name)
            if len(names) > MOST_NAMES:
                raise CannotImport(what="The folder", reason=f"it has more than {MOST_NAMES} files")
    return sorted(names)


def _why(error: OSError, path: str, folder: int | None) -> str:
    try:
        linked = stat.S_ISLNK(os.lstat(path, dir_fd=folder).st_mode)
    except OSError:
        linked = False
    return "it is a symbolic link, and none is followed" if linked else (error.strerror or "it cannot be opened")
