"""The process that runs a user's SQL: what it answers, what it is held to, and that nothing leads out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from mnemolog.adapters.analytics import queries
from mnemolog.adapters.analytics.limits import MEBIBYTE, QueryLimits
from mnemolog.adapters.analytics.queries import QueryProcesses, Session, UnusableSession
from mnemolog.domain.refusals import QueryRefused, QueryTimedOut, QueryTooLarge, Refusal, Unavailable

Snapshot = dict[str, bytes]
VIEW = "CREATE VIEW t AS SELECT n FROM cache.sealed UNION ALL FROM hot"
QUICK = QueryLimits(seconds=60.0, rows=10)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the cache is one, and beside it another's, with a segment. No test changes them."""
    tmp_path: Path = tmp_path_factory.mktemp("analytics")
    with duckdb.connect() as connection:
        for name in ("cache", "another"):
            connection.execute(f"ATTACH '{tmp_path}/{name}.duckdb' AS made")
            connection.execute(f"CREATE TABLE made.sealed AS SELECT '{name}' AS whose, range AS n FROM range(5)")
            connection.execute("DETACH made")
        connection.execute(f"COPY (SELECT 1 AS n) TO '{tmp_path}/segment.parquet'")
    return tmp_path / "cache.duckdb"


@pytest.fixture
def session(file: Path) -> Session:
    return session_of(file)


def session_of(file: Path) -> Session:
    """As an administrator has one: the file stays attached."""
    attach = f"ATTACH '{file}' AS cache (READ_ONLY)"
    return Session(
        [attach, "CREATE TABLE hot AS FROM arrived", VIEW], {"arrived": pa.table({"n": pa.array([5, 6], pa.int64())})}
    )


@pytest.fixture
def ask(session: Session) -> Callable[..., list[dict[str, object]]]:
    def asked(sql: str, limits: QueryLimits = QUICK) -> list[dict[str, object]]:
        found = QueryProcesses(1).ask(session, sql, limits)
        rows: list[dict[str, object]] = found.table.to_pylist()
        return rows

    return asked


def everything_in(folder: Path) -> Snapshot:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_answers_from_the_file_and_from_what_it_was_sent(session: Session) -> None:
    found = QueryProcesses(1).ask(
        session, "SELECT count(*) AS c, sum(n)::BIGINT AS s, now() > '2020-01-01' AS b FROM t", QUICK
    )
    assert (found.types, found.truncated) == (["BIGINT", "BIGINT", "BOOLEAN"], False)
    assert found.table.to_pylist() == [{"c": 7, "s": 21, "b": True}]


HOSTILE = {
    "insert": "INSERT INTO hot VALUES (1)",
    "update": "UPDATE hot SET n = 0",
    "delete": "DELETE FROM cache.sealed",
    "delete in a question": "WITH x AS (DELETE FROM cache.sealed RETURNING *) SELECT count(*) FROM x",
    "drop": "DROP VIEW t",
    "create": "CREATE TABLE mine AS SELECT 1",
    "copy": "COPY (SELECT 1) TO '{folder}/out.csv'",
    "copy in a question": "WITH x AS (COPY (SELECT 1) TO '{folder}/out.csv') SELECT 1",
    "copy over the cache": "WITH x AS (COPY (SELECT 1) TO '{folder}/cache.duckdb') SELECT 1",
    "copy beside the cache": "WITH x AS (COPY (SELECT 1) TO '{folder}/cache.duckdb.wal') SELECT 1",
    "attach": "ATTACH '{folder}/another.duckdb' AS other",
    "another's cache": "FROM read_duckdb('{folder}/another.duckdb')",
    "another's cache by name": "FROM '{folder}/another.duckdb'",
    "its own cache once more": "FROM read_duckdb('{folder}/cache.duckdb')",
    "a segment": "FROM read_parquet('{folder}/segment.parquet')",
    "a segment by name": "FROM '{folder}/segment.parquet'",
    "its metadata": "FROM parquet_metadata('{folder}/segment.parquet')",
    "csv": "FROM read_csv('/etc/passwd')",
    "text": "FROM read_text('/etc/passwd')",
    "bytes": "FROM read_blob('/etc/passwd')",
    "json": "FROM read_json('/proc/self/environ')",
    "names of files": "FROM glob('/etc/*')",
    "the network": "FROM read_csv('http://127.0.0.1:1/x.csv')",
    "text of a query": "FROM query('FROM read_text(''/etc/passwd'')')",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set": "SET enable_external_access = true",
    "set in a question": "SELECT set_config('enable_external_access', 'true', false)",
    "reset": "RESET lock_configuration",
    "pragma": "PRAGMA enable_external_access",
    "call": "CALL pragma_version()",
    "export": "EXPORT DATABASE '{folder}/export'",
    "secrets": "FROM duckdb_secrets()",
    "environment": "SELECT getenv('HOME')",
    "python": "FROM tables",
    "several": "SELECT 1; SELECT 2",
    "no statement": "-- nothing",
    "no SQL": "what do I know?",
    "nested": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
}


ASK_ALL = """
import json, sys
from mnemolog.adapters.analytics.limits import QueryLimits, confine
from mnemolog.adapters.analytics.query_process import Unanswered, answered, prepared
statements, queries = json.load(sys.stdin)
limits = QueryLimits(rows=10)
confine(limits)
connection = prepared(statements, {}, limits)
said = {}
for name, sql in queries.items():
    try:
        answered(connection, sql, limits)
        said[name] = "answered", ""
    except Unanswered as unanswered:
        said[name] = unanswered.kind, unanswered.reason
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(file: Path) -> dict[str, tuple[str, str]]:
    """What a process says to each of them, one after the other. Nothing around it has changed after that."""
    before = everything_in(file.parent)
    statements = [f"ATTACH '{file}' AS cache (READ_ONLY)", "CREATE TABLE hot AS SELECT 5 AS n", VIEW]
    asked = json.dumps((statements, {name: sql.format(folder=file.parent) for name, sql in HOSTILE.items()}))
    done = subprocess.run([sys.executable, "-c", ASK_ALL], input=asked, capture_output=True, text=True, check=True)
    assert everything_in(file.parent) == before
    answers: dict[str, tuple[str, str]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_leads_out_and_nothing_is_changed(name: str, said: dict[str, tuple[str, str]]) -> None:
    kind, reason = said[name]
    assert kind in ("refused", "unreadable")
    assert "root:" not in reason


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x",
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = -1",
    ],
)
def test_what_does_not_end_is_ended(sql: str, ask: Callable[..., list[dict[str, object]]]) -> None:
    with pytest.raises(QueryTimedOut):
        ask(sql, QueryLimits(seconds=1.0))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(range) FROM range(1000000000)",
        "SELECT string_agg(repeat('x', 1000000), '') FROM range(100000)",
        "SELECT repeat('x', 100000) FROM range(10000)",
    ],
)
def test_what_needs_too_much_memory_or_answers_too_much_is_refused(
    sql: str, ask: Callable[..., list[dict[str, object]]]
) -> None:
    limits = QueryLimits(seconds=60.0, memory_bytes=128 * MEBIBYTE, answer_bytes=16 * MEBIBYTE)
    with pytest.raises((QueryTooLarge, QueryTimedOut)):
        ask(sql, limits)


def test_of_endless_rows_the_first_are_answered(session: Session) -> None:
    found = QueryProcesses(1).ask(session, "SELECT range AS n FROM range(1000000000000)", QUICK)
    assert [row["n"] for row in found.table.to_pylist()] == list(range(10))
    assert found.truncated


@pytest.mark.parametrize(("rows", "truncated"), [(6, True), (7, False), (8, False)])
def test_it_is_said_whether_there_are_more_rows(session: Session, rows: int, truncated: bool) -> None:
    found = QueryProcesses(1).ask(session, "FROM t", QueryLimits(rows=rows))
    assert (found.table.num_rows, found.truncated) == (min(rows, 7), truncated)


def test_what_a_session_is_made_of_is_not_the_fault_of_who_asks(tmp_path: Path) -> None:
    (tmp_path / "cache.duckdb").write_bytes(b"no database")
    with pytest.raises(UnusableSession) as unusable:
        QueryProcesses(1).ask(session_of(tmp_path / "cache.duckdb"), "FROM t", QUICK)
    assert not unusable.value.prepared


def test_a_mistake_is_explained_and_names_no_path(ask: Callable[..., list[dict[str, object]]], file: Path) -> None:
    with pytest.raises(QueryRefused, match=r"Table with name tt does not exist(.|\n)*Did you mean") as refused:
        ask("FROM tt")
    assert str(file.parent) not in str(refused.value)
    assert refused.value.facts["sql"] == "FROM tt"


def test_there_are_so_many_at_once_and_no_more() -> None:
    processes = QueryProcesses(2)
    with processes.turn(), processes.turn(), pytest.raises(Unavailable), processes.turn():
        pass
    with processes.turn():
        pass


def test_a_turn_ends_with_a_refusal_too() -> None:
    processes = QueryProcesses(1)
    for _ in range(2):
        with pytest.raises(Refusal), processes.turn():
            raise QueryRefused(reason="no", sql="")


TELL = """
import json, os, sys
def is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:
        return False
sys.stdin.read()
reason = json.dumps([sorted(os.environ), [n for n in range(64) if is_open(n)], os.getcwd()])
print(json.dumps({"unanswered": "refused", "reason": reason}))
"""


def test_its_process_inherits_no_variable_and_no_open_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Told by another program in its place."""
    monkeypatch.setattr(queries, "PROGRAM", (sys.executable, "-I", "-c", TELL))
    monkeypatch.setenv("MNEMOLOG_DSN", "secret")
    with open(tmp_path / "open", "wb") as kept:
        os.set_inheritable(kept.fileno(), True)
        with pytest.raises(QueryRefused) as told:
            QueryProcesses(1).ask(Session([], {}), "SELECT 1", QUICK)
    names, files, folder = json.loads(told.value.facts["reason"])
    assert set(names) <= {"LC_CTYPE"}  # which Python sets itself
    assert (files, folder) == ([0, 1, 2], "/")


CUT_OFF = """
import os, sys
from mnemolog.adapters.analytics.limits import QueryLimits, confine, cut_off
confine(QueryLimits(seconds=1.0))
kept = os.open(sys.argv[1], os.O_RDWR)
cut_off()
done = []
for what in (lambda: os.open(sys.argv[1], os.O_RDONLY), lambda: os.write(kept, b"x"), os.pipe, lambda: os.dup(kept)):
    try:
        what()
        done.append("done")
    except OSError as error:
        done.append(type(error).__name__)
print(*done)
"""


def test_a_process_that_is_cut_off_opens_no_file_and_writes_into_none(tmp_path: Path) -> None:
    """Whatever DuckDB would do."""
    (tmp_path / "file").write_bytes(b"as it was")
    command = [sys.executable, "-c", CUT_OFF, str(tmp_path / "file")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert said == ["OSError"] * 4
    assert (tmp_path / "file").read_bytes() == b"as it was"
