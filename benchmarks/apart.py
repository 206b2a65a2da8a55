"""A measure in a process of its own, whose linear algebra has one thread, like what it is compared with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import wraps
from importlib import import_module

import orjson

from benchmarks.figure import Figure, Measure

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def apart(measure: Measure) -> Measure:
    """For a function of a module that can be imported. Its figures come back when it is done."""

    @wraps(measure)
    def in_one_thread(dsn: str) -> Iterator[Figure]:
        command = [sys.executable, "-m", "benchmarks.apart", measure.__module__, measure.__name__]
        done = subprocess.run(
            command, input=dsn.encode(), stdout=subprocess.PIPE, env=os.environ | ONE_THREAD, check=True
        )
        yield from (Figure(**figure) for figure in orjson.loads(done.stdout))

    return in_one_thread


if __name__ == "__main__":
    module, name = sys.argv[1:]
    figures = [asdict(figure) for figure in getattr(import_module(module), name)(sys.stdin.read())]
    sys.stdout.buffer.write(orjson.dumps(figures))
