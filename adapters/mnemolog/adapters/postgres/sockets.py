"""The folder of the server's Unix socket: only its owner can enter it, and its path is short enough."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

from mnemolog.adapters.postgres.account import Account
from mnemolog.domain.refusals import EmbeddedStartFailed

PORT = 5432
LONGEST_PATH = 103 if sys.platform == "darwin" else 107  # bytes of sockaddr_un.sun_path, less its end
SHORT = Path("/tmp")  # noqa: S108 - owner and mode of what lies there are checked below


def socket_folder(home: Path) -> Path:
    """Depends on `home` alone, never on the environment, so that every process comes to the same one."""
    own = home / "s"
    return own if _usable(own) else _fallback(home)


def make_socket_folder(home: Path, account: Account) -> Path:
    """Raises EmbeddedStartFailed where someone else was there first."""
    folder = socket_folder(home)
    if folder.parent != home:
        _make(folder.parent, 0o700 if account.uid is None else 0o711, Account(account.name))
    _make(folder, 0o700, account)
    return folder


def _usable(folder: Path) -> bool:
    """libpq and the server both read commas and quotes in a socket folder as lists of folders."""
    longest = os.fsencode(folder / f".s.PGSQL.{PORT}")
    return len(longest) <= LONGEST_PATH and not {",", '"'} & set(str(folder))


def _fallback(home: Path) -> Path:
    key = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return SHORT / f"mnemolog-{os.geteuid()}" / key


def _make(folder: Path, mode: int, account: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()  # not stat: a link that waits here for us is someone else's
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise EmbeddedStartFailed(reason=f"the socket folder {folder} belongs to someone else")
    folder.chmod(mode)
    account.give(folder)
