"""Which operating system account the server runs as. Postgres refuses root, so root has to lend it another one."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mnemolog.domain.refusals import EmbeddedStartFailed

UNPRIVILEGED = ("postgres", "_postgres", "nobody")
REACHABLE = "/var/lib/mnemolog"


@dataclass(frozen=True)
class Account:
    """`uid` and `gid` are None where the server simply runs as the caller."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def extra_groups(self) -> list[int] | None:
        return None if self.uid is None else []

    def give(self, folder: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)

    def may_enter(self, folder: Path) -> bool:
        if self.uid is None:
            return True
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH))


def caller() -> str:
    """The name of the effective user. initdb and peer authentication both need one."""
    import pwd  # Windows has none, see flocks

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        reason = f"user id {os.geteuid()} has no name in the passwd database; give it one, or give a DSN"
        raise EmbeddedStartFailed(reason=reason) from None


def choose_account(pgdata: Path, run_as: str | None) -> Account:
    """Existing accounts only: none is created."""
    name = caller()
    if os.geteuid() != 0:
        if run_as not in {None, name}:
            raise EmbeddedStartFailed(reason=f"only root can run the server as {run_as}")
        return Account(name)
    if not pgdata.exists():
        return _named(run_as)
    owner = _owner(pgdata)
    if run_as not in {None, owner.name}:
        raise EmbeddedStartFailed(reason=f"{pgdata} belongs to {owner.name}, so {run_as} cannot serve it")
    return owner


def refuse_unreachable(folder: Path, account: Account) -> None:
    """Raises EmbeddedStartFailed where `account` cannot come to `folder`; no parent is opened up for it."""
    for step in [*reversed(folder.parents), folder]:
        if not account.may_enter(step):
            mode = stat.S_IMODE(step.stat().st_mode)
            reason = (
                f"run by root, the server runs as {account.name}, who cannot enter {step} (mode {mode:o}); "
                f"choose another folder, such as {REACHABLE}, with MNEMOLOG_HOME"
            )
            raise EmbeddedStartFailed(reason=reason)


def _named(run_as: str | None) -> Account:
    import pwd

    for name in (run_as,) if run_as else UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    asked = run_as or " or ".join(UNPRIVILEGED)
    raise EmbeddedStartFailed(reason=f"Postgres does not run as root, and there is no other account {asked}")


def _owner(pgdata: Path) -> Account:
    import pwd

    uid = pgdata.stat().st_uid
    if uid == 0:
        raise EmbeddedStartFailed(reason=f"{pgdata} belongs to root, and Postgres does not run as root")
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedStartFailed(reason=f"{pgdata} belongs to user id {uid}, which has no name") from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
