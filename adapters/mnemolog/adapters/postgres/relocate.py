"""Copies the Postgres programs to where the account of the server can reach them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from mnemolog.adapters.postgres import flocks
from mnemolog.adapters.postgres.account import Account, refuse_unreachable
from mnemolog.adapters.postgres.binaries import Binaries
from mnemolog.domain.refusals import EmbeddedStartFailed

COPIES = Path("/var/lib/mnemolog/pg")
PARTS = ("bin", "lib", "lib64", "share")
# Nothing of the caller's environment: it may carry secrets, another libpq's settings, or libraries of another build.
SERVER_ENV: Mapping[str, str] = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def reachable(binaries: Binaries, account: Account) -> Binaries:
    """`binaries`, or a copy of them where `account` cannot run those, as in an environment below a closed home."""
    if account.uid is None or runs_as(binaries, account):
        return binaries
    copy = _copied(binaries, COPIES / _name(binaries))
    if not runs_as(copy, account):
        refuse_unreachable(copy.bindir, account)
        raise EmbeddedStartFailed(reason=f"{account.name} cannot run the copy of Postgres in {copy.bindir}")
    return copy


def runs_as(binaries: Binaries, account: Account) -> bool:
    """Runs them, since mode bits do not tell of their libraries, of access lists, or of mounts without programs."""
    return all(_runs(binaries.tool(name), account) for name in ("postgres", "initdb"))


def _runs(program: str, account: Account) -> bool:
    try:
        subprocess.run(
            [program, "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=account.extra_groups,
            env=SERVER_ENV,
            cwd="/",
            capture_output=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _name(binaries: Binaries) -> str:
    """Changes when the programs do, even where version and place stay."""
    found = os.stat(binaries.tool("postgres"))
    identity = f"{binaries.bindir}\0{found.st_size}\0{found.st_mtime_ns}"
    return f"{binaries.version}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def _copied(binaries: Binaries, target: Path) -> Binaries:
    """Keeps <package>/<prefix>/bin beside <package>.libs: the programs look for their libraries by that way."""
    prefix = binaries.bindir.resolve().parent
    bindir = Path(prefix.parent.name) / prefix.name / "bin"
    _make_copies_folder(target.parent)
    with flocks.lock(target.parent / "lock", deadline=time.monotonic() + 600):
        if not target.is_dir():
            incomplete = target.parent / ".incomplete"
            shutil.rmtree(incomplete, ignore_errors=True)
            _copy(prefix, incomplete)
            _open_to_all(incomplete)
            incomplete.rename(target)
    return Binaries(target / bindir, binaries.version, binaries.source)


def _make_copies_folder(folder: Path) -> None:
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    for step in reversed(missing):
        step.mkdir()
        step.chmod(0o711)


def _copy(prefix: Path, target: Path) -> None:
    package = prefix.parent
    for part in PARTS:
        if (prefix / part).is_dir():
            shutil.copytree(prefix / part, target / package.name / prefix.name / part, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)


def _open_to_all(folder: Path) -> None:
    """Whatever umask the originals were installed with, others may read and run the copy, and only we may write."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
