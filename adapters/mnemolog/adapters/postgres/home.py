"""The folder that holds everything of one installation, and in it the one of the embedded server."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from mnemolog.adapters.postgres.account import REACHABLE
from mnemolog.adapters.postgres.layout import Layout
from mnemolog.domain.refusals import EmbeddedStartFailed


def default_root(env: Mapping[str, str] = os.environ) -> Path:
    if home := env.get("MNEMOLOG_HOME"):
        return Path(home).expanduser()
    if os.name == "posix" and os.geteuid() == 0:
        return Path(REACHABLE)
    if data := env.get("XDG_DATA_HOME"):
        return Path(data) / "mnemolog"
    return Path.home() / ".local" / "share" / "mnemolog"


def make_home(layout: Layout) -> None:
    """Both folders, ours, and closed to others; but where root lends the server an account, that may pass through."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for folder, owners in ((layout.root, {0, os.geteuid()}), (layout.home, {os.geteuid()})):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        found = folder.stat()
        if found.st_uid not in owners:
            reason = f"{folder} belongs to user id {found.st_uid}; run as that user, or choose another folder"
            raise EmbeddedStartFailed(reason=reason)
        if os.geteuid() == 0 and folder != Path.home():
            folder.chmod(stat.S_IMODE(found.st_mode) | 0o011)
