"""Checkpoints in a file outside the database: whoever rewrites the log there cannot rewrite what was signed here."""

from __future__ import annotations

import os
from pathlib import Path

from mnemolog.adapters.durable_files import sync
from mnemolog.adapters.postgres.flocks import open_private
from mnemolog.domain.checkpoints import ORIGIN, split_notes
from mnemolog.domain.refusals import MalformedNote

TAIL_BYTES = 1 << 16  # a checkpoint has a few hundred
_EMPTY_LINE, _MARK, _BEGINNING = b"\n\n", "— ".encode(), ORIGIN.encode()


class AnchorFile:
    """Signed notes, an empty line after each. What a crash has left unfinished at the end does not count."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def notes(self) -> list[bytes]:
        """Raises MalformedNote when the file holds anything else."""
        return split_notes(self.path.read_bytes()) if self.path.exists() else []

    def last(self) -> bytes | None:
        """Raises MalformedNote."""
        return self._end()[0] if self.path.exists() else None

    def append(self, note: bytes) -> None:
        """On disk when it returns, in a file that only its owner can read."""
        is_new = not self.path.exists()
        with open(self.path, "ab", opener=open_private) as file:
            file.truncate(self._end()[1])
            file.write(note + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync(self.path.parent)

    def _end(self) -> tuple[bytes | None, int]:
        """(the last note, where it ends)."""
        with open(self.path, "rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES)
            file.seek(start)
            *parts, rest = file.read().split(_EMPTY_LINE)
        if parts and not parts[-1].startswith(_MARK):
            rest = parts.pop() + _EMPTY_LINE + rest
        # Of a file that is something else, nothing is ever cut off.
        if (parts and len(parts) < 2) or not (rest.startswith(_BEGINNING) or _BEGINNING.startswith(rest)):
            raise MalformedNote(reason=f"{self.path} holds something else than checkpoints")
        end = start + sum(len(part) + len(_EMPTY_LINE) for part in parts)
        return (parts[-2] + _EMPTY_LINE + parts[-1] + b"\n" if parts else None), end
