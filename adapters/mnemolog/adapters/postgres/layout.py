"""Where the files of one embedded server lie, and what they say about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mnemolog.adapters.postgres import flocks
from mnemolog.adapters.postgres.sockets import socket_folder


@dataclass(frozen=True)
class Postmaster:
    pid: int
    socket_dir: str
    status: str

    @property
    def ready(self) -> bool:
        return self.status == "ready"


@dataclass(frozen=True)
class Layout:
    """`home` belongs to the caller; only `pgdata` and the socket folder belong to the account of the server.

    lease_lock       shared: one holder per client
    start_lock       exclusive: whoever makes, starts or stops the server
    supervisor_lock  exclusive: the supervisor
    server_lock      exclusive: the postmaster and every process it forks, which inherit it
    """

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "postgres"

    @property
    def pgdata(self) -> Path:
        return self.home / "pgdata"

    @property
    def socket_folder(self) -> Path:
        return socket_folder(self.home)

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def hba(self) -> Path:
        return self.home / "pg_hba.conf"

    @property
    def ident(self) -> Path:
        return self.home / "pg_ident.conf"

    @property
    def lease_lock(self) -> Path:
        return self.home / "lease.lock"

    @property
    def start_lock(self) -> Path:
        return self.home / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.home / "supervisor.lock"

    @property
    def server_lock(self) -> Path:
        return self.home / "server.lock"

    def major(self) -> int | None:
        """The major version that made the data directory, or None before there is one."""
        try:
            return int((self.pgdata / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def recorded(self) -> Postmaster | None:
        """What postmaster.pid says. A clean stop removes it; a crash leaves it."""
        try:
            lines = os.fsdecode((self.pgdata / "postmaster.pid").read_bytes()).split("\n")
            return Postmaster(int(lines[0]), lines[4], lines[7].strip() if len(lines) > 7 else "starting")
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def living(self) -> Postmaster | None:
        """The postmaster, if it runs and is one of ours: those hold the lock and listen in our folder."""
        found = self.recorded()
        if found is None or found.socket_dir != str(self.socket_folder):
            return None
        return found if flocks.is_held(self.server_lock) and is_alive(found.pid) else None


def is_alive(pid: int) -> bool:
    """A zombie is dead: it has no files, no memory and no children, only nobody who waited for it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in {"Z", "X"}
