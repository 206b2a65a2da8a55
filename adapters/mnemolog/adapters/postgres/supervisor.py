"""The process beside an embedded server: starts it, starts it again after a crash, stops it when nobody needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from mnemolog.adapters.postgres import flocks
from mnemolog.adapters.postgres.layout import Layout
from mnemolog.adapters.postgres.plan import BUSY, Plan
from mnemolog.adapters.postgres.relocate import SERVER_ENV
from mnemolog.adapters.postgres.sockets import PORT

TICK_S = 0.2
LONGEST_PAUSE_S = 5.0


class Server:
    """A postmaster: our child, or one that has outlived the supervisor that started it."""

    def __init__(self, layout: Layout, pid: int, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._layout = layout
        self._child = child

    def alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        found = self._layout.living()
        return found is not None and found.pid == self.pid

    def crashed(self) -> bool:
        """A server that was told to stop, or that refused to start, takes its postmaster.pid along."""
        found = self._layout.recorded()
        return found is not None and found.pid == self.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """By default a fast shutdown, which ends the sessions and loses nothing."""
        if self.alive():
            os.kill(self.pid, how)
        while self.alive():
            time.sleep(flocks.POLL_S)


class Supervisor:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._layout = plan.layout
        self._told_to_stop = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        pause = TICK_S
        while (server := self._obtain()) is not None:
            try:
                self._watch(server)
            except FileNotFoundError:  # somebody has deleted the folder: nothing is left to close in good order
                server.stop(signal.SIGQUIT)
                return
            if not server.crashed():
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _obtain(self) -> Server | None:
        """The server that runs, else a new one; None once nobody waits for it.

        Until the last process of a crashed server is gone there is neither: it may still be writing.
        """
        while True:
            if (found := self._layout.living()) is not None:
                return Server(self._layout, found.pid)
            if self._told_to_stop or not self._needed():
                return None
            if (server_lock := flocks.try_lock(self._layout.server_lock)) is not None:
                with server_lock:
                    return self._launch(server_lock)
            time.sleep(flocks.POLL_S)

    def _launch(self, server_lock: BinaryIO) -> Server:
        account = self._plan.account
        child = subprocess.Popen(
            self._plan.command(),
            user=account.uid,
            group=account.gid,
            extra_groups=account.extra_groups,
            umask=0o077,
            env={**SERVER_ENV, **self._make_way()},
            cwd="/",
            stdin=subprocess.DEVNULL,
            pass_fds=(server_lock.fileno(),),
            start_new_session=True,
        )
        return Server(self._layout, child.pid, child)

    def _make_way(self) -> dict[str, str]:
        """Lets Postgres take over the locks of a server that is gone while its number still answers: as a zombie that
        nobody reaped, or because another process was given it. The result is for its environment.

        Two servers on one directory would destroy it, so this never deletes postmaster.pid. Postgres reads
        PG_GRANDPARENT_PID as "that process is no rival" and then still refuses while anything is attached to the shared
        memory which the file names. And the number is known to be stale: we hold the server lock, which every process
        of every server that we start inherits, so all of those are gone; a server started by hand is recognised by
        its working directory. The lock of the socket guards nothing but the socket, in a folder that is for servers of
        this directory only, so that one may go.
        """
        found = self._layout.recorded()
        if found is not None and _works_in(found.pid, self._layout.pgdata):
            return {}
        Path(self._layout.socket_folder, f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        return {} if found is None else {"PG_GRANDPARENT_PID": str(found.pid)}

    def _watch(self, server: Server) -> None:
        """Returns when the server is down."""
        idle_since: float | None = None
        while server.alive():
            if self._told_to_stop:
                server.stop()
                return
            now = time.monotonic()
            if self._needed():
                idle_since = None
            elif idle_since is None:
                idle_since = now
            elif now - idle_since >= self._plan.linger:
                self._stop_unneeded(server)
            time.sleep(min(TICK_S, max(flocks.POLL_S, self._plan.linger)))

    def _stop_unneeded(self, server: Server) -> None:
        """Under the start lock nobody can take a lease between the last look and the stop."""
        start_lock = flocks.try_lock(self._layout.start_lock)
        if start_lock is None:
            return
        with start_lock:
            if not self._needed():
                server.stop()

    def _needed(self) -> bool:
        leases = flocks.try_lock(self._layout.lease_lock)
        if leases is not None:
            leases.close()
        return leases is None

    def _on_terminate(self, _signal: int, _frame: FrameType | None) -> None:
        self._told_to_stop = True


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(folder)
    except OSError:
        return False


def main(text: str) -> int:
    """Leaves the caller at once, holding the supervisor lock; BUSY when another holds it."""
    plan = Plan.from_json(text)
    try:
        lock = flocks.lock(plan.layout.supervisor_lock, deadline=time.monotonic() + 5)
    except TimeoutError:
        return BUSY
    with lock:
        if os.fork():
            return 0
        os.ftruncate(lock.fileno(), 0)
        lock.write(f"{os.getpid()}\n".encode())
        Supervisor(plan).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2]))
