"""What the disk allows: nothing that commits for each event can be faster."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.figure import Figure
from benchmarks.meter import median_ms
from mnemolog.adapters.postgres.connection import connect

COMMITS = 300


def bare_commit(dsn: str) -> Iterator[Figure]:
    waits = []
    with connect(dsn, role=None) as connection:
        connection.execute("CREATE TABLE public.bare (n integer)")
        for n in range(COMMITS):
            started = time.perf_counter()
            connection.execute("INSERT INTO public.bare VALUES (%s)", (n,))
            waits.append(time.perf_counter() - started)
    yield Figure("a bare INSERT and its commit, p50", median_ms(waits), "ms")
