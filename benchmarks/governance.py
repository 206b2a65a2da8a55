"""The figures of what makes the log fit to answer for: each measured on a server of its own."""

from __future__ import annotations

from benchmarks import audit, permissions
from benchmarks.encryption import encryption
from benchmarks.figure import Measure
from benchmarks.sealing import sealing

MEASURES: tuple[Measure, ...] = (sealing, encryption, *permissions.MEASURES, *audit.MEASURES)
PACKAGES = ("cryptography", "mnemolog", "orjson", "psycopg")
