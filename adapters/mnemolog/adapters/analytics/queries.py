"""Asks a question in SQL through a process of its own, which is given the rows, some time and some memory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mnemolog.adapters.analytics.limits import QueryLimits
from mnemolog.domain.refusals import QueryRefused, QueryTimedOut, QueryTooLarge, Unavailable

if TYPE_CHECKING:
    import pyarrow as pa

PROGRAM = (sys.executable, "-I", "-m", "mnemolog.adapters.analytics.query_process")


@dataclass(frozen=True, slots=True)
class Session:
    """What a question is asked of: `tables` by the name under which the statements of `prepare` find them."""

    prepare: Sequence[str]
    tables: Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Found:
    """`types` are DuckDB's, one for each column. `truncated`: there are more rows than were asked for."""

    table: pa.Table
    types: Sequence[str]
    truncated: bool


class UnusableSession(Exception):
    """What the session is made of cannot be read: a file may be damaged. Or else, once `prepared`, the SQL reached for
    what is not there."""

    def __init__(self, reason: str, *, prepared: bool) -> None:
        super().__init__(reason)
        self.prepared = prepared


class QueryProcesses:
    """So many at once, whoever asks."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._free = threading.BoundedSemaphore(at_once)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises Unavailable while others have all of them."""
        if not self._free.acquire(blocking=False):
            raise Unavailable(reason=f"{self._at_once} queries are being answered; ask again in a moment")
        try:
            yield
        finally:
            self._free.release()

    def ask(self, session: Session, sql: str, limits: QueryLimits) -> Found:
        """Within a `turn`. Raises QueryRefused, QueryTimedOut, QueryTooLarge and UnusableSession."""
        answer = _run(_request(session, sql, limits), sql, limits)
        line, _, stream = answer.partition(b"\n")
        told = json.loads(line)
        if "unanswered" in told:
            raise _why(told["unanswered"], told["reason"], sql)
        import pyarrow as pa

        return Found(pa.ipc.open_stream(stream).read_all(), told["types"], told["truncated"])


def _request(session: Session, sql: str, limits: QueryLimits) -> bytes:
    streams = {name: _stream(table) for name, table in session.tables.items()}
    sizes = {name: len(stream) for name, stream in streams.items()}
    request = {"prepare": session.prepare, "sql": sql, "limits": asdict(limits), "tables": sizes}
    return b"".join((json.dumps(request).encode(), b"\n", *streams.values()))


def _stream(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream


def _run(request: bytes, sql: str, limits: QueryLimits) -> bytes:
    """What the process said. It inherits no variable, no connection and no open file."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(PROGRAM, env={}, cwd="/", **pipes) as process:  # type: ignore[call-overload]
        try:
            answer: bytes = process.communicate(request, limits.seconds)[0]
        except subprocess.TimeoutExpired:
            raise QueryTimedOut(seconds=f"{limits.seconds:g}", sql=sql) from None
        finally:
            process.kill()
    if process.returncode == -signal.SIGXCPU:
        raise QueryTimedOut(seconds=f"{limits.seconds:g}", sql=sql)
    if process.returncode or not answer:
        raise QueryTooLarge(reason="it ended the process that was to answer it", sql=sql)
    return answer


def _why(kind: str, reason: str, sql: str) -> Exception:
    if kind in ("unprepared", "unreadable"):
        return UnusableSession(reason, prepared=kind == "unreadable")
    return (QueryTooLarge if kind == "too_large" else QueryRefused)(reason=reason, sql=sql)
