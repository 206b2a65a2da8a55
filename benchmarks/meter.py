"""How to measure on a machine that others use too: by CPU time, and by the best of interleaved rounds.

Neighbours only ever add to what something takes, and they come and go. So the contenders take turns, and the least of
each counts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import psycopg

from mnemolog.adapters.postgres.connection import Row


def cpu_seconds(backend: int) -> float:
    """What this process and one Postgres backend have spent computing, to the nanosecond. Linux only."""
    spent = Path(f"/proc/{backend}/schedstat").read_text(encoding="ascii").split()[0]
    return time.process_time() + int(spent) / 1e9


def least(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Each contender does its part of a round and returns what that took."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            taken[name].append(run())
    return {name: min(seconds) for name, seconds in taken.items()}


def medians(rounds: int, contenders: Mapping[str, Callable[[int], object]]) -> dict[str, float]:
    """CPU seconds of this thread for the median question, of which each contender answers every one in turn."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, answer in contenders.items():
            before = time.thread_time()
            answer(number)
            taken[name].append(time.thread_time() - before)
    return {name: median(seconds) for name, seconds in taken.items()}


def backend_of(connection: psycopg.Connection[Row], application_name: str) -> int:
    """The process that serves the only connection of that name."""
    question = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    ((pid,),) = connection.execute(question, (application_name,)).fetchall()
    return int(pid)


def median_ms(seconds: Sequence[float]) -> float:
    return 1e3 * median(seconds)


def resident_bytes() -> int:
    """Of this process. Linux only."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def process_seconds() -> float:
    """How long ago this process began, to a hundredth of a second. Linux only."""
    begun = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - begun / os.sysconf("SC_CLK_TCK")
