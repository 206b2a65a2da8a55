"""The figures of recall: what it finds, how long that takes, and whether the past stays what it was."""

from __future__ import annotations

import os

from benchmarks.apart import apart
from benchmarks.cold import cold_cube
from benchmarks.evidence import evidence
from benchmarks.figure import Measure
from benchmarks.large_cube import large_cube
from benchmarks.replayed import as_of_equality
from benchmarks.whole_recall import small_cube


def left_out() -> str:
    """Why a run is not the whole one."""
    if "LOCOMO" not in os.environ:
        return "the evidence in conversations, for want of a file of LoCoMo samples: make bench NAME=recall LOCOMO=path"
    return f"large cubes, as MEMORIES is {os.environ['MEMORIES']}" if "MEMORIES" in os.environ else ""


MEASURES: tuple[Measure, ...] = (
    *((evidence,) if "LOCOMO" in os.environ else ()),
    apart(small_cube),
    apart(large_cube),
    as_of_equality,
    cold_cube,
)
PACKAGES = ("hnswlib", "mnemolog", "numpy", "snowballstemmer", "torch", "transformers")
