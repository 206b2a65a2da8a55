"""What to measure with on a machine that others use too: CPU time, and the best of interleaved rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import psycopg

from mnemolog.adapters.postgres.connection import Row


def cpu_seconds(backend: int) -> float:
    """That this process and one Postgres backend have spent computing, to the nanosecond on Linux."""
    spent = Path(f"/proc/{backend}/schedstat").read_text(encoding="ascii").split()[0]
    return time.process_time() + int(spent) / 1e9


def least_cpu(rounds: int, runs: Mapping[str, tuple[int, Callable[[], object]]]) -> dict[str, float]:
    """Seconds of CPU of each run, given with the backend that serves it. Neighbours only ever add to a measurement, and
    they come and go: so the runs take turns, and the least of each counts."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (backend, run) in runs.items():
            before = cpu_seconds(backend)
            run()
            taken[name].append(cpu_seconds(backend) - before)
    return {name: min(seconds) for name, seconds in taken.items()}


def backend_of(connection: psycopg.Connection[Row], application_name: str) -> int:
    """The process that serves the only connection of that name."""
    question = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    ((pid,),) = connection.execute(question, (application_name,)).fetchall()
    return int(pid)


def milliseconds(seconds: Sequence[float]) -> float:
    """The median."""
    return 1e3 * median(seconds)
