"""Makes the data directory, all of it or nothing, with the database `mnemolog` already in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO

from mnemolog.adapters.postgres.account import Account, caller
from mnemolog.adapters.postgres.binaries import Binaries
from mnemolog.adapters.postgres.layout import Layout
from mnemolog.adapters.postgres.relocate import SERVER_ENV
from mnemolog.domain.refusals import EmbeddedStartFailed

NAME = "mnemolog"
UNFINISHED = ".pgdata."


def make_data_directory(
    layout: Layout, binaries: Binaries, account: Account, *, durable: bool, start_lock: BinaryIO
) -> None:
    """Under the start lock, which the programs inherit: one that outlives us still keeps the next starter waiting."""
    for unfinished in layout.home.glob(UNFINISHED + "*"):
        shutil.rmtree(unfinished)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=layout.home))
    account.give(folder)
    sync = [] if durable else ["--no-sync"]
    command = [binaries.tool("initdb"), "-D", str(folder), "-U", NAME, *_choices(binaries.major), *sync]
    _run(command, account, start_lock)
    single = [binaries.tool("postgres"), "--single", "-D", str(folder), "-j"]
    fast = [] if durable else ["-c", "fsync=off"]
    _run([*single, *fast, "postgres"], account, start_lock, f"CREATE DATABASE {NAME};\n\n")
    folder.rename(layout.pgdata)
    _sync(layout.home)


def write_access_rules(layout: Layout, account: Account) -> None:
    """Local connections only, and the operating system says who it is that connects."""
    who = sorted({"root", caller()})
    # `all` databases do not include that of replication, over which pg_basebackup copies the server while it runs.
    rules = "".join(f"local {what} all peer map={NAME}\n" for what in ("all", "replication"))
    _write(layout.hba, rules, account)
    _write(layout.ident, "".join(f'{NAME} "{user}" {NAME}\n' for user in who), account)


def _choices(major: int) -> list[str]:
    """The built-in collation is the same on every machine and in every later version; before 17 only C is."""
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
    rules = ["--auth=reject", "--data-checksums", "--no-instructions"]
    return ["--encoding=UTF8", "--locale=C", *builtin, *rules]


def _run(command: list[str], account: Account, start_lock: BinaryIO, text: str = "") -> None:
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        user=account.uid,
        group=account.gid,
        extra_groups=account.extra_groups,
        umask=0o077,
        env=SERVER_ENV,
        cwd="/",
        pass_fds=(start_lock.fileno(),),
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise EmbeddedStartFailed(reason=f"{Path(command[0]).name} gave up:\n{said}")


def _write(path: Path, text: str, account: Account) -> None:
    """A crash leaves the old rules or the new ones."""
    if path.exists() and path.read_text() == text:
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        os.fchmod(handle, 0o600 if account.uid is None else 0o644)
    os.replace(name, path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
