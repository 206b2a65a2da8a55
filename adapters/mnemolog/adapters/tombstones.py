"""Which keys were destroyed, in a file beside the database: a copy of the database that is put back knows less.

A line is `<key id> <mac>`. Each mac covers its line and the one before it, so lines cannot be forged, changed, moved or
left out of the middle; without the last lines the file is only shorter, and what the database knows is added again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import UUID

from mnemolog.adapters.durable_files import exclusively, make_folder, sync
from mnemolog.adapters.postgres.flocks import open_private
from mnemolog.domain.refusals import ErasedKeysDamaged

FOLDER = "erased"
_LINE = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{32})")


def tombstones_of(home: Path, derived: Callable[[bytes], bytes]) -> Tombstones:
    """Those of one store: several may share a home. `derived` gives keys of the store by their purpose."""
    name = hashlib.sha256(derived(b"erased-name")).hexdigest()[:16]
    return Tombstones(home / FOLDER / name, derived(b"erased"))


class Tombstones:
    """Append-only; each call reads the file anew, as other processes write it too. `secret` has 32 bytes."""

    def __init__(self, path: Path, secret: bytes) -> None:
        self.path, self._secret = path, secret

    def all(self) -> set[UUID]:
        """Raises ErasedKeysDamaged."""
        return self._read()[0] if self.path.exists() else set()

    def add(self, key_ids: Iterable[UUID]) -> None:
        """On disk when it returns. What is there already is not added. Raises ErasedKeysDamaged, OSError."""
        make_folder(self.path.parent)
        with exclusively(self.path.with_suffix(".lock")):
            known, mac, size = self._read() if self.path.exists() else (set[UUID](), "", 0)
            lines = []
            for key_id in dict.fromkeys(key_ids):
                if key_id not in known:
                    mac = self._mac(mac, key_id.hex)
                    lines.append(f"{key_id.hex} {mac}\n")
            if lines:
                self._append("".join(lines).encode(), size)

    def _append(self, content: bytes, size: int) -> None:
        """After the last whole line: half of one was written by a process that was killed."""
        with open(self.path, "ab", opener=open_private) as file:
            file.truncate(size)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync(self.path.parent)

    def _read(self) -> tuple[set[UUID], str, int]:
        """The ids, the last mac, and the size of all whole lines."""
        content = self.path.read_bytes()
        size = content.rfind(b"\n") + 1
        found, mac = set[UUID](), ""
        for number, line in enumerate(content[:size].decode("ascii", "replace").splitlines(), 1):
            match = _LINE.fullmatch(line)
            if match is None or not hmac.compare_digest(self._mac(mac, match[1]), match[2]):
                raise ErasedKeysDamaged(file=self.path, reason=f"line {number} is not one that was written here")
            found.add(UUID(match[1]))
            mac = match[2]
        return found, mac, size

    def _mac(self, before: str, key_id: str) -> str:
        return hmac.digest(self._secret, f"{before} {key_id}".encode(), "sha256")[:16].hex()
