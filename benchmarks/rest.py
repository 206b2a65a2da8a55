"""One memory over REST, against a bare INSERT and its commit of the same bytes on the same server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from benchmarks.figure import Figure
from benchmarks.meter import median_ms
from mnemolog.adapters.postgres.connection import connect

ROUNDS, ONE_BY_ONE, CALLERS, EACH = 5, 100, 16, 40
TEXT = "Ada takes her coffee black, no sugar, and never after four in the afternoon. " * 4
SERVE = """
import sys
from pathlib import Path
from mnemolog.api.server import serve
from mnemolog.api.settings import Settings
settings = Settings(home=Path(sys.argv[1]), dsn=sys.argv[2], embedder=sys.argv[3], wait_seconds=300)
serve(settings, port=0, ready=lambda url: print(url, flush=True))
"""


def rest_add(dsn: str) -> Iterator[Figure]:
    """The embedding is made after the answer, by a view; a hashing embedder keeps it out of the measurement."""
    body = orjson.dumps({"text": TEXT})
    with served(dsn) as (url, key):
        rounds = [(_bare(dsn, body), _added(url, key, body, ONE_BY_ONE)) for _ in range(ROUNDS)]
        started = time.perf_counter()
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(lambda _: _added(url, key, body, EACH), range(CALLERS)))
        together = CALLERS * EACH / (time.perf_counter() - started)
    bare, added = (min(median_ms(waits) for waits in each) for each in zip(*rounds, strict=True))
    yield Figure("REST, p50 of one memory: mnemolog / a bare INSERT and its commit", added / bare, "ratio")
    yield Figure("REST, p50 of one memory", added, "ms")
    yield Figure("a bare INSERT and its commit of the same bytes, p50", bare, "ms")
    yield Figure(f"REST, {CALLERS} callers", together, "memories/s")


@contextmanager
def served(dsn: str, embedder: str = "hashing") -> Iterator[tuple[str, str]]:
    """The URL of a server in a process of its own, and its owner's key."""
    with tempfile.TemporaryDirectory(prefix="mnemolog-bench-") as home:
        command = [sys.executable, "-c", SERVE, home, dsn, embedder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            try:
                yield url, (Path(home) / "owner.key").read_text().strip()
            finally:
                server.terminate()


def _added(url: str, key: str, body: bytes, count: int) -> list[float]:
    waits = []
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with closing(HTTPConnection(urlsplit(url).netloc)) as connection:
        for _ in range(count):
            started = time.perf_counter()
            connection.request("POST", "/v1/cubes/main/memories", body, headers)
            answer = connection.getresponse()
            answer.read()
            waits.append(time.perf_counter() - started)
            assert answer.status == 201, answer.status
    return waits


def _bare(dsn: str, body: bytes) -> list[float]:
    waits = []
    with connect(dsn, role=None) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS public.plain (body bytea)")
        for _ in range(ONE_BY_ONE):
            started = time.perf_counter()
            connection.execute("INSERT INTO public.plain VALUES (%s)", (body,))
            waits.append(time.perf_counter() - started)
    return waits
