from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from mnemolog.adapters.postgres import flocks
from mnemolog.adapters.postgres.account import choose_account
from mnemolog.adapters.postgres.binaries import find_binaries
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.layout import is_alive
from mnemolog.domain.refusals import EmbeddedStartFailed

LINGER = 0.1
CLIENT = """
import sys
from pathlib import Path
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False, linger=0.1).start()
print(server.pid, flush=True)
sys.stdin.read()
"""
# Becomes the parent of orphans, as PID 1 of a container does, and like many of those never waits for one.
NEGLECTFUL = """
import ctypes, os, signal, sys, time
from pathlib import Path
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False, linger=0.1).start()
pid = server.pid
os.kill(int(server.layout.supervisor_lock.read_text()), signal.SIGKILL)
os.kill(pid, signal.SIGKILL)
state = Path(f"/proc/{pid}/stat")
while state.read_text().rpartition(")")[2].split()[0] != "Z":
    time.sleep(0.02)
server.start()
print(state.read_text().rpartition(")")[2].split()[0], server.running(), server.pid != pid)
"""
# Comes and goes, and counts what the server has confirmed and what it has left open.
WRITER = """
import random, sys, time
from pathlib import Path
import psycopg
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
confirmed = unknown = 0
for _ in range(6):
    with EmbeddedPostgres(Path(sys.argv[1]), linger=0.05) as server:
        try:
            with psycopg.connect(server.dsn()) as connection:
                connection.execute("insert into kept values (1)")
            confirmed += 1
        except psycopg.OperationalError:
            unknown += 1
        time.sleep(random.random() / 5)
    time.sleep(random.random() / 5)
print(confirmed, unknown, flush=True)
"""
Server = Callable[..., EmbeddedPostgres]
Client = subprocess.Popen[str]


@pytest.fixture
def place() -> Iterator[Path]:
    """Not tmp_path: pytest closes that to the account which root lends the server. In memory where there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    folder = Path(tempfile.mkdtemp(prefix="mnemolog-test-", dir=memory if roomy else None))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def new_server(place: Path) -> Iterator[Server]:
    made: list[EmbeddedPostgres] = []

    def new_server(durable: bool = False) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(place / "root", durable=durable, linger=LINGER))
        return made[-1]

    yield new_server
    last = new_server()
    for server in made:
        server.release()
    if not last.wait_stopped(timeout=30):
        end(last)
        raise AssertionError("a server was left running")


@pytest.fixture
def start_client(place: Path, new_server: Server) -> Iterator[Callable[[], Client]]:
    started: list[Client] = []

    def start_client(code: str = CLIENT) -> Client:
        command = [sys.executable, "-W", "error", "-c", code, str(place / "root")]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start_client
    for client in started:
        client.kill()
        client.communicate()


def end(server: EmbeddedPostgres) -> None:
    for pid, how in ((supervisor_of(server), signal.SIGKILL), (server.pid or 0, signal.SIGQUIT)):
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
    server.wait_stopped(timeout=30)


def supervisor_of(server: EmbeddedPostgres) -> int:
    """0 while there is none, or none that has written its number yet."""
    path = server.layout.supervisor_lock
    return int(path.read_text() or 0) if flocks.is_held(path) else 0


def pid_of(server: EmbeddedPostgres) -> int:
    assert server.pid is not None
    return server.pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))


def kill_client(client: Client) -> None:
    client.kill()
    client.communicate()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def first_line(client: Client) -> str:
    assert client.stdout is not None
    return client.stdout.readline().strip()


def store(server: EmbeddedPostgres, rows: int) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("create table if not exists kept (n int)")
        connection.execute("insert into kept select generate_series(1, %s)", (rows,))


def stored(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
    assert row is not None
    return int(row[0])


def test_a_killed_client_does_not_keep_the_server_running(
    new_server: Server, start_client: Callable[[], Client]
) -> None:
    client = start_client()
    first_line(client)
    kill_client(client)
    assert new_server().wait_stopped()


@pytest.mark.durable
def test_a_killed_server_comes_back_by_itself_with_all_that_was_committed(new_server: Server) -> None:
    server = new_server(durable=True).start()
    store(server, 15)
    killed = pid_of(server)
    kill(killed)
    wait_until(server.running)
    assert server.pid != killed
    assert stored(server) == 15


@pytest.mark.durable
def test_a_start_right_after_the_server_was_killed_finds_all_that_was_committed(new_server: Server) -> None:
    old = new_server(durable=True).start()
    store(old, 15)
    os.kill(pid_of(old), signal.SIGKILL)
    assert stored(new_server(durable=True).start()) == 15


def test_a_killed_supervisor_leaves_the_server_to_the_next_client_which_also_ends_it(
    new_server: Server,
) -> None:
    first = new_server().start()
    served_by = pid_of(first)
    kill(supervisor_of(first))
    second = new_server().start()
    assert second.pid == served_by
    assert supervisor_of(second)
    first.release()
    second.release()
    assert second.wait_stopped()
    assert not (second.layout.pgdata / "postmaster.pid").exists()


def test_a_killed_supervisor_is_replaced_by_the_last_client_that_leaves(new_server: Server) -> None:
    server = new_server().start()
    kill(supervisor_of(server))
    server.release()
    assert server.wait_stopped()


def test_clients_that_come_at_once_after_a_killed_supervisor_get_one_new_one(
    new_server: Server, start_client: Callable[[], Client]
) -> None:
    server = new_server().start()
    kill(supervisor_of(server))
    clients = [start_client() for _ in range(3)]
    assert {int(first_line(client)) for client in clients} == {server.pid}
    for client in clients:
        kill_client(client)
    server.release()
    assert server.wait_stopped()


@pytest.mark.durable
def test_a_killed_supervisor_and_then_a_killed_server_lose_nothing(new_server: Server) -> None:
    server = new_server(durable=True).start()
    store(server, 15)
    killed = pid_of(server)
    kill(supervisor_of(server))
    kill(killed)
    again = new_server(durable=True).start()
    assert again.pid != killed
    assert stored(again) == 15


def test_a_server_taken_over_from_a_killed_supervisor_is_started_again_when_it_is_killed_too(
    new_server: Server,
) -> None:
    first = new_server().start()
    kill(supervisor_of(first))
    second = new_server().start()
    killed = pid_of(second)
    kill(killed)
    wait_until(second.running)
    assert second.pid != killed


def test_a_supervisor_that_is_told_to_end_stops_the_server_first(new_server: Server) -> None:
    server = new_server().start()
    os.kill(supervisor_of(server), signal.SIGTERM)
    assert server.wait_stopped()
    assert not (server.layout.pgdata / "postmaster.pid").exists()
    assert server.start().running()


def test_a_server_that_was_stopped_by_hand_stays_stopped_until_the_next_start(new_server: Server) -> None:
    server = new_server().start()
    os.kill(pid_of(server), signal.SIGINT)
    assert server.wait_stopped()
    assert server.start().running()


def test_a_server_whose_folder_is_deleted_ends(new_server: Server) -> None:
    server = new_server().start()
    served_by, supervised_by = pid_of(server), supervisor_of(server)
    while server.layout.root.exists():
        shutil.rmtree(server.layout.root, ignore_errors=True)
    wait_until(lambda: not is_alive(served_by) and not is_alive(supervised_by))


def test_a_client_killed_while_it_makes_the_data_directory_leaves_nothing_behind(
    new_server: Server, start_client: Callable[[], Client]
) -> None:
    server = new_server()
    client = start_client()
    wait_until(lambda: bool(list(server.layout.home.glob(".pgdata.*/base"))))
    kill_client(client)
    assert not server.layout.pgdata.exists()
    server.start()
    store(server, 1)
    assert not list(server.layout.home.glob(".pgdata.*"))


def test_a_client_can_be_killed_at_any_moment_of_a_start(
    new_server: Server, start_client: Callable[[], Client]
) -> None:
    moments = random.Random(11)
    for _ in range(6):
        client = start_client()
        time.sleep(moments.uniform(0.1, 0.9))
        kill_client(client)
    server = new_server().start()
    store(server, 1)
    assert stored(server) == 1


def test_a_number_that_now_belongs_to_another_process_does_not_prevent_the_start(new_server: Server) -> None:
    with new_server() as server:
        pid_file = server.layout.pgdata / "postmaster.pid"
        socket_lock = server.layout.socket_folder / ".s.PGSQL.5432.lock"
        written = pid_file.read_text()
        account = choose_account(server.layout.pgdata, None)
    assert server.wait_stopped()
    with subprocess.Popen(["sleep", "600"], user=account.uid) as other:
        for left_over in (pid_file, socket_lock):
            left_over.write_text(written.replace(written.splitlines()[0], str(other.pid), 1))
            account.give(left_over)
        try:
            assert server.start().running()
            assert server.pid != other.pid
        finally:
            other.kill()


def test_a_left_over_lock_of_the_socket_alone_does_not_prevent_the_start(new_server: Server) -> None:
    with new_server() as server:
        account = choose_account(server.layout.pgdata, None)
        socket_lock = server.layout.socket_folder / ".s.PGSQL.5432.lock"
        written = socket_lock.read_text()
    assert server.wait_stopped()
    with subprocess.Popen(["sleep", "600"], user=account.uid) as other:
        socket_lock.write_text(written.replace(written.splitlines()[0], str(other.pid), 1))
        account.give(socket_lock)
        try:
            assert server.start().running()
        finally:
            other.kill()


def test_a_server_that_was_started_by_hand_is_never_joined_by_a_second_one(new_server: Server, place: Path) -> None:
    with new_server() as server:
        store(server, 3)
    assert server.wait_stopped()
    account = choose_account(server.layout.pgdata, None)
    sockets = place / "by-hand"
    sockets.mkdir(mode=0o700)
    account.give(sockets)
    command = [find_binaries(server.layout.major()).tool("postgres"), "-D", str(server.layout.pgdata)]
    options = [f"--unix_socket_directories={sockets}", "--listen_addresses="]
    with subprocess.Popen([*command, *options], user=account.uid, stderr=subprocess.DEVNULL) as by_hand:
        try:
            wait_until(lambda: (found := server.layout.recorded()) is not None and found.ready)
            with pytest.raises(EmbeddedStartFailed, match=r"is still in use|already exists"):
                server.start()
            assert by_hand.poll() is None
            assert server.layout.recorded().pid == by_hand.pid  # type: ignore[union-attr]
        finally:
            by_hand.send_signal(signal.SIGINT)


def test_no_server_starts_while_a_process_of_the_last_one_lives(new_server: Server) -> None:
    with new_server() as server:
        pass
    assert server.wait_stopped()
    server_lock = flocks.lock(server.layout.server_lock, deadline=0)
    with subprocess.Popen(["sleep", "600"], pass_fds=(server_lock.fileno(),)) as left_over:
        server_lock.close()
        with pytest.raises(EmbeddedStartFailed, match="processes of the server that ran before have not ended"):
            server.start(timeout=1)
        assert not server.running()
        left_over.kill()
    assert server.start().running()


@pytest.mark.durable
def test_nothing_confirmed_is_lost_while_clients_come_and_go_and_everything_is_killed(
    new_server: Server, start_client: Callable[[str], Client]
) -> None:
    with new_server(durable=True) as server:
        store(server, 0)
    writers = [start_client(WRITER) for _ in range(3)]
    chance = random.Random(7)
    while any(writer.poll() is None for writer in writers):
        time.sleep(chance.random() / 2)
        victim = supervisor_of(server) if chance.random() < 0.5 else server.pid
        if victim and server.running():  # or it would never get through its recovery
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    confirmed, unknown = (sum(column) for column in zip(*map(counts, writers), strict=True))
    server.start()
    assert confirmed <= stored(server) <= confirmed + unknown
    assert confirmed > unknown


def counts(writer: Client) -> list[int]:
    return [int(number) for number in first_line(writer).split()]


if sys.platform == "linux":

    def test_a_killed_server_that_nobody_buries_does_not_prevent_the_next(
        start_client: Callable[[str], Client],
    ) -> None:
        assert first_line(start_client(NEGLECTFUL)) == "Z True True"
