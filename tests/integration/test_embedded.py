from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from mnemolog.adapters.postgres import relocate
from mnemolog.adapters.postgres.binaries import Binaries, find_binaries
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.layout import Layout
from mnemolog.domain.refusals import EmbeddedStartFailed, PostgresNotFound

LINGER = 0.1
IS_ROOT = os.geteuid() == 0
CLIENT = """
import sys
from pathlib import Path
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False, linger=0.1).start()
print(server.pid, flush=True)
sys.stdin.read()
"""
Open = Callable[..., EmbeddedPostgres]
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
def open_server(place: Path) -> Iterator[Open]:
    opened: list[EmbeddedPostgres] = []

    def open_server(root: Path = place / "root", *, durable: bool = False, **kw: object) -> EmbeddedPostgres:
        opened.append(EmbeddedPostgres(root, durable=durable, linger=LINGER, **kw))  # type: ignore[arg-type]
        return opened[-1]

    yield open_server
    for server in opened:
        server.release()
    assert all(server.wait_stopped() for server in opened)


@pytest.fixture
def start_client(place: Path) -> Iterator[Callable[[], Client]]:
    started: list[Client] = []

    def start_client() -> Client:
        command = [sys.executable, "-W", "error", "-c", CLIENT, str(place / "root")]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start_client
    for client in started:
        client.kill()
        client.communicate()


def pid_in(client: Client) -> int:
    assert client.stdout is not None
    return int(client.stdout.readline())


def ask(server: EmbeddedPostgres, question: str, *values: object) -> object:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        cursor = connection.execute(question, values)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_the_first_start_makes_a_database_that_answers(open_server: Open) -> None:
    server = open_server().start()
    assert server.running()
    assert ask(server, "select current_database() || ' ' || current_user") == "mnemolog mnemolog"
    assert ask(server, "select getdatabaseencoding()") == "UTF8"
    assert ask(server, "show data_checksums") == "on"


def test_text_is_compared_by_code_point_and_lowered_by_unicode_where_the_server_can(open_server: Open) -> None:
    server = open_server().start()
    assert ask(server, "select 'Z' < 'a'") is True
    lowers_all = find_binaries().major >= 17
    assert ask(server, "select lower('ÀÉ')") == ("àé" if lowers_all else "ÀÉ")


def test_any_database_can_be_named_in_the_dsn(open_server: Open) -> None:
    server = open_server().start()
    with psycopg.connect(server.dsn("postgres")) as connection:
        assert connection.info.dbname == "postgres"


def test_the_server_stops_when_the_last_lease_is_given_back(open_server: Open) -> None:
    first, second = open_server().start(), open_server().start()
    first.release()
    first.release()
    assert not first.wait_stopped(timeout=10 * LINGER)
    assert second.running()
    second.release()
    assert second.wait_stopped()
    assert not second.running()
    assert second.pid is None


def test_what_was_stored_is_there_at_the_next_start(open_server: Open) -> None:
    with open_server() as server:
        ask(server, "create table kept as select 42 as answer")
    assert server.wait_stopped()
    with server:
        assert ask(server, "select answer from kept") == 42


def test_starting_twice_takes_one_lease(open_server: Open) -> None:
    server = open_server().start().start()
    server.release()
    assert server.wait_stopped()


def test_a_second_process_joins_and_the_server_outlives_the_first(
    open_server: Open, start_client: Callable[[], Client]
) -> None:
    client = start_client()
    pid = pid_in(client)
    server = open_server().start()
    client.communicate("")
    assert client.returncode == 0
    assert not server.wait_stopped(timeout=10 * LINGER)
    assert server.pid == pid


def test_a_process_gives_its_lease_back_when_it_ends(open_server: Open, start_client: Callable[[], Client]) -> None:
    client = start_client()
    pid_in(client)
    client.communicate("")
    assert open_server().wait_stopped()


def test_processes_that_race_to_start_get_one_server(open_server: Open, start_client: Callable[[], Client]) -> None:
    clients = [start_client() for _ in range(6)]
    pids = {pid_in(client) for client in clients}
    assert pids == {open_server().pid}


@pytest.mark.parametrize("name", ["with space", 'quo"te, comma', "a'postrophe\\", "l" * 110])
def test_any_folder_name_will_do(open_server: Open, place: Path, name: str) -> None:
    with open_server(place / name) as server:
        assert ask(server, "select 1") == 1
    assert server.wait_stopped()
    remove_fallback(server.layout)


def remove_fallback(layout: Layout) -> None:
    if layout.socket_folder.parent != layout.home:
        layout.socket_folder.rmdir()
        with suppress(OSError):
            layout.socket_folder.parent.rmdir()


def test_a_crash_of_the_machine_can_lose_nothing_unless_asked_for(open_server: Open, place: Path) -> None:
    safe, fast = open_server(place / "safe", durable=True).start(), open_server(place / "fast").start()
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        assert (ask(safe, f"show {name}"), ask(fast, f"show {name}")) == ("on", "off")


def test_settings_hold_for_one_run_of_the_server(open_server: Open) -> None:
    with open_server(settings={"work_mem": "7MB"}) as server:
        assert ask(server, "show work_mem") == "7MB"
    assert server.wait_stopped()
    with open_server() as server:
        assert ask(server, "show work_mem") == "4MB"


def test_a_refused_start_gives_the_words_of_the_server(open_server: Open) -> None:
    with pytest.raises(EmbeddedStartFailed, match=r'gave up:\n.*unrecognized configuration parameter "no_such"'):
        open_server(settings={"no_such": "1"}).start()


def test_a_start_that_failed_keeps_no_lease(open_server: Open) -> None:
    with pytest.raises(EmbeddedStartFailed):
        open_server(settings={"shared_buffers": "nonsense"}).start()
    with open_server() as server:
        assert server.running()
    assert server.wait_stopped()


def test_a_start_that_takes_too_long_is_given_up(open_server: Open) -> None:
    with pytest.raises(EmbeddedStartFailed, match="not ready in time"):
        open_server().start(timeout=0)


def test_data_of_a_version_that_is_not_installed_is_not_touched(open_server: Open, place: Path) -> None:
    pgdata = place / "root/postgres/pgdata"
    pgdata.mkdir(parents=True)
    (pgdata / "PG_VERSION").write_text("12\n")
    if IS_ROOT:
        shutil.chown(pgdata, "nobody")
    with pytest.raises(PostgresNotFound, match="wanted Postgres 12"):
        open_server().start()
    assert [path.name for path in pgdata.iterdir()] == ["PG_VERSION"]


def test_nobody_comes_in_over_the_network_or_without_being_known(open_server: Open) -> None:
    server = open_server().start()
    assert ask(server, "show listen_addresses") == ""
    rule = "concat_ws(' ', type, address, auth_method, options::text)"
    rules = f"select string_agg(distinct {rule}, ';') from pg_hba_file_rules"
    assert ask(server, rules) == "local peer {map=mnemolog}"
    folder = Path(str(ask(server, "show unix_socket_directories")))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(psycopg.OperationalError, match=r"[Pp]eer authentication failed"):
        psycopg.connect(server.dsn(), user="postgres")


def test_what_people_remember_never_reaches_the_log_of_the_server(open_server: Open) -> None:
    server = open_server().start()
    ask(server, "create table notes (body text primary key, check (length(body) < 30))")
    failing = [
        "insert into notes values (%s), (%s)",
        "select %s::text::uuid, %s::text",
        "select %s::text::json, %s::text",
        "insert into notes values (%s || repeat(%s, 9))",
        "select 'sailing-at-dawn'::int, %s, %s",
        "do $$ begin raise warning 'sailing-at-dawn'; end $$",
    ]
    for statement in failing[:-1]:
        with pytest.raises(psycopg.Error):
            ask(server, statement, "sailing-at-dawn", "sailing-at-dawn")
    ask(server, failing[-1])
    log = server.layout.log.read_text()
    assert "ready to accept connections" in log
    assert "sailing-at-dawn" not in log


def test_a_statement_that_crashes_the_server_does_not_reach_the_log(open_server: Open) -> None:
    server = open_server().start()
    with closing(psycopg.connect(server.dsn())) as connection:
        connection.execute("select 'sailing-at-dawn'")
        os.kill(connection.info.backend_pid, signal.SIGSEGV)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 'sailing-at-dawn'")
    while "was terminated by signal" not in (log := server.layout.log.read_text()):
        time.sleep(0.02)
    assert "sailing-at-dawn" not in log


def test_the_log_does_not_grow_for_ever(open_server: Open) -> None:
    with open_server() as server:
        pass
    assert server.wait_stopped()
    server.layout.log.write_bytes(b"x" * (5 << 20))
    with server:
        assert server.layout.log.stat().st_size < 1 << 20
    assert server.layout.log.with_name("server.log.1").stat().st_size == 5 << 20


if sys.platform == "linux":

    def test_the_server_gets_nothing_of_our_environment(open_server: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MNEMOLOG_TOKEN", "do-not-pass-on")
        monkeypatch.setenv("LD_LIBRARY_PATH", "/do-not-pass-on")
        monkeypatch.setenv("PGDATA", "/do-not-pass-on")
        server = open_server().start()
        assert "do-not-pass-on" not in Path(f"/proc/{server.pid}/environ").read_text()


def modes_above(folder: Path) -> dict[Path, int]:
    return {parent: parent.stat().st_mode for parent in folder.parents}


if IS_ROOT:

    def test_run_by_root_the_server_has_another_account_and_no_folder_above_changes(
        open_server: Open, place: Path
    ) -> None:
        (place / "a").mkdir(mode=0o755)
        root = place / "a" / "root"
        before = modes_above(root)
        server = open_server(root).start()
        assert server.layout.pgdata.stat().st_uid != 0
        assert stat.S_IMODE(server.layout.pgdata.stat().st_mode) == 0o700
        assert {root.stat().st_uid, server.layout.home.stat().st_uid} == {0}
        assert modes_above(root) == before

    def test_a_named_account_serves_and_stays_the_one(open_server: Open) -> None:
        with open_server(run_as="nobody") as server:
            assert server.layout.pgdata.owner() == "nobody"
        assert server.wait_stopped()
        with open_server() as server:
            assert ask(server, "select 1") == 1
        assert server.wait_stopped()
        with pytest.raises(EmbeddedStartFailed, match="belongs to nobody, so daemon cannot serve it"):
            open_server(run_as="daemon").start()

    @pytest.mark.parametrize("account", ["root", "no-such-account"])
    def test_an_account_that_cannot_serve_is_refused_and_none_is_made(open_server: Open, account: str) -> None:
        before = Path("/etc/passwd").read_bytes()
        with pytest.raises(EmbeddedStartFailed, match=f"no other account {account}"):
            open_server(run_as=account).start()
        assert Path("/etc/passwd").read_bytes() == before

    def test_below_a_closed_home_root_is_told_of_a_folder_that_works(open_server: Open, place: Path) -> None:
        home = place / "home"
        home.mkdir(mode=0o700)
        before = modes_above(home / "root")
        with pytest.raises(EmbeddedStartFailed, match=rf"cannot enter {home} \(mode 700\).*/var/lib/mnemolog"):
            open_server(home / "root").start()
        assert modes_above(home / "root") == before

    def test_programs_below_a_closed_home_are_copied_with_their_libraries(
        open_server: Open, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hidden = installed_below(place / "home/site", find_binaries())
        (place / "home").chmod(0o700)
        before = modes_above(hidden)
        monkeypatch.setenv("MNEMOLOG_PG_BIN", str(hidden))
        monkeypatch.setattr(relocate, "COPIES", place / "copies")
        with open_server() as server:
            assert ask(server, "select 1") == 1
        assert server.wait_stopped()
        assert modes_above(hidden) == before
        made = sorted(path.name for path in (place / "copies").iterdir())
        with open_server() as server:
            assert sorted(path.name for path in (place / "copies").iterdir()) == made
        assert len(made) == 2  # the copy and the lock

    def installed_below(site: Path, found: Binaries) -> Path:
        """Like a wheel in an environment that was made with umask 077: nobody else can read a file of it."""
        prefix = found.bindir.parent
        package = site / prefix.parent.name
        for part in ("bin", "lib", "share"):
            if (prefix / part).is_dir():
                shutil.copytree(prefix / part, package / prefix.name / part, symlinks=True)
        libraries = prefix.parent.with_name(prefix.parent.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, site / libraries.name)
        for path in site.rglob("*"):
            path.chmod(path.stat().st_mode & ~0o077)
        return package / prefix.name / "bin"

else:

    def test_only_root_can_choose_the_account(open_server: Open) -> None:
        with pytest.raises(EmbeddedStartFailed, match="only root can run the server as daemon"):
            open_server(run_as="daemon").start()

    def test_a_root_that_we_may_not_write_is_refused_in_words(open_server: Open) -> None:
        with pytest.raises(EmbeddedStartFailed, match=r"Permission denied|Read-only"):
            open_server(Path("/mnemolog-of-someone-else")).start()

    def test_everything_is_closed_to_others(open_server: Open) -> None:
        server = open_server().start()
        for folder in (server.layout.root, server.layout.home, server.layout.pgdata):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
