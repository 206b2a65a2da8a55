"""A Postgres of our own: nothing to install, nothing to start, nothing left running."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from mnemolog.adapters.postgres import flocks
from mnemolog.adapters.postgres.account import Account, choose_account, refuse_unreachable
from mnemolog.adapters.postgres.binaries import Binaries, find_binaries
from mnemolog.adapters.postgres.home import default_root, make_home
from mnemolog.adapters.postgres.initdb import NAME, make_data_directory, write_access_rules
from mnemolog.adapters.postgres.layout import Layout, is_alive
from mnemolog.adapters.postgres.plan import BUSY, Plan, settings_for
from mnemolog.adapters.postgres.relocate import reachable
from mnemolog.adapters.postgres.sockets import PORT, make_socket_folder
from mnemolog.domain.refusals import EmbeddedStartFailed, Unavailable

__all__ = ["EmbeddedPostgres", "default_root"]

LARGEST_LOG = 4 << 20
LONGEST_TAIL = 4000
REFUSALS, CRASHES = 3, 50  # after so many in one start it is given up


class EmbeddedPostgres:
    """One server per root, shared by every process that holds a lease on it.

    The kernel ends the lease of a process that dies. `linger` seconds after the last lease the server stops.
    `durable`, `settings` and `linger` are those of the process that starts the server; others join it as it is.
    """

    def __init__(
        self,
        root: Path,
        *,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
        run_as: str | None = None,
        linger: float = 1.0,
    ) -> None:
        if os.name != "posix":
            raise EmbeddedStartFailed(reason="it runs on Linux and macOS; here, give the DSN of a Postgres")
        self.layout = Layout(root.expanduser().resolve())
        self._durable = durable
        self._settings = settings_for(durable, settings or {})
        self._run_as = run_as
        self._linger = linger
        self._lease: BinaryIO | None = None
        self._log_start = 0

    def start(self, timeout: float = 600.0) -> Self:
        """Takes a lease and returns when the server answers. Raises EmbeddedStartFailed, PostgresNotFound."""
        deadline = time.monotonic() + timeout
        with contextlib.ExitStack() as undo:
            undo.callback(self.release)
            try:
                self._start(deadline)
            except (OSError, subprocess.SubprocessError) as error:
                raise EmbeddedStartFailed(reason=str(error)) from error
            undo.pop_all()
        return self

    def release(self) -> None:
        """Gives the lease back; others may still hold theirs."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        atexit.unregister(self.release)
        with lease, contextlib.suppress(OSError, subprocess.SubprocessError, Unavailable):
            if self.running() and not self._supervised():  # else the server would outlive its last client
                self._supervise(time.monotonic() + 10)

    def running(self) -> bool:
        found = self.layout.living()
        return found is not None and found.ready

    @property
    def pid(self) -> int | None:
        """Of the postmaster, while it runs."""
        found = self.layout.living()
        return found.pid if found else None

    def dsn(self, database: str = NAME) -> str:
        return make_conninfo(host=str(self.layout.socket_folder), port=PORT, user=NAME, dbname=database)

    def wait_stopped(self, timeout: float = 60.0) -> bool:
        """Whether server and supervisor went away in that time."""
        deadline = time.monotonic() + timeout
        while flocks.is_held(self.layout.server_lock) or self._supervised():
            if time.monotonic() > deadline:
                return False
            time.sleep(flocks.POLL_S)
        return True

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _start(self, deadline: float) -> None:
        make_home(self.layout)
        with flocks.lock(self.layout.start_lock, deadline=deadline) as start_lock:
            if self._lease is None:
                self._lease = flocks.lock(self.layout.lease_lock, deadline=deadline, shared=True)
                atexit.register(self.release)
            self._bring_up(start_lock, deadline)

    def _bring_up(self, start_lock: BinaryIO, deadline: float) -> None:
        if self.layout.major() is None:
            account, binaries = self._programs()
            make_data_directory(self.layout, binaries, account, durable=self._durable, start_lock=start_lock)
        attempts = 0
        while not (self._supervised() and self._answers()):
            if time.monotonic() > deadline:
                raise self._failure(self._delay())
            if self._supervised():
                time.sleep(flocks.POLL_S)
            elif attempts >= (REFUSALS if self._refused() else CRASHES):
                raise self._failure("it gave up")
            else:
                self._supervise(deadline)
                attempts += 1

    def _answers(self) -> bool:
        """Asks, since what the files say is true a moment longer than the server lives."""
        if not self.running():
            return False
        question = make_conninfo(self.dsn(), connect_timeout=5)
        return PGconn.ping(question.encode()) == Ping.OK

    def _supervised(self) -> bool:
        return flocks.is_held(self.layout.supervisor_lock)

    def _supervise(self, deadline: float) -> None:
        """Starts a supervisor. It takes on a running server, or starts one."""
        plan = self._plan()
        log = self._open_log()
        with (
            log,
            subprocess.Popen(
                [sys.executable, "-P", "-m", "mnemolog.adapters.postgres.supervisor", plan.root, plan.to_json()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path)},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as started,
        ):
            try:
                started.wait(max(1.0, deadline - time.monotonic()))
            finally:
                started.kill()  # without effect on one that has ended, as it does once its supervisor is on its own
        if started.returncode not in {0, BUSY, -signal.SIGKILL}:
            raise self._failure("its supervisor did not start")

    def _plan(self) -> Plan:
        account, binaries = self._programs()
        write_access_rules(self.layout, account)
        make_socket_folder(self.layout.home, account)
        return Plan(str(self.layout.root), str(binaries.bindir), account, self._settings, self._linger)

    def _programs(self) -> tuple[Account, Binaries]:
        account = choose_account(self.layout.pgdata, self._run_as)
        refuse_unreachable(self.layout.home, account)
        return account, reachable(find_binaries(self.layout.major()), account)

    def _open_log(self) -> BinaryIO:
        """Opened here and only handed on: the account of the server has no say in what is written where."""
        path = self.layout.log
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_name(path.name + ".1"))
        file = open(path, "ab", buffering=0, opener=flocks.open_private)  # noqa: SIM115 - closed by the caller
        self._log_start = os.fstat(file.fileno()).st_size
        return file

    def _refused(self) -> bool:
        """Whether the last attempt ended by itself: one that is killed leaves its postmaster.pid, or its server."""
        found = self.layout.recorded()
        return found is None or (self.layout.living() is None and is_alive(found.pid))

    def _delay(self) -> str:
        if self.pid is None and flocks.is_held(self.layout.server_lock):
            return "processes of the server that ran before have not ended"
        return "it is not ready in time"

    def _failure(self, what: str) -> EmbeddedStartFailed:
        with contextlib.suppress(FileNotFoundError), open(self.layout.log, "rb") as file:
            file.seek(max(self._log_start, os.fstat(file.fileno()).st_size - LONGEST_TAIL))
            what = f"{what}:\n{file.read().decode(errors='replace').strip()}"
        return EmbeddedStartFailed(reason=what)
