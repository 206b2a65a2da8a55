"""The figures of the event log, each measured on a server of its own."""

from __future__ import annotations

from benchmarks.append_cpu import append_cpu, old_snapshot, sealing_cpu
from benchmarks.concurrency import concurrent_appends, tailing
from benchmarks.disk import bare_commit
from benchmarks.figure import Measure
from benchmarks.rest import rest_add
from benchmarks.views import catch_up, seen_and_waited_for

MEASURES: tuple[Measure, ...] = (
    bare_commit,
    append_cpu,
    sealing_cpu,
    old_snapshot,
    concurrent_appends,
    tailing,
    seen_and_waited_for,
    catch_up,
    rest_add,
)
PACKAGES = ("cryptography", "eventsourcing", "mnemolog", "orjson", "psycopg")
