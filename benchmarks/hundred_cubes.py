"""A store of a hundred cubes: what they take in memory, and how soon a process that has none of them answers.

All is asked in Python through the store, as a program would, so an answer holds texts that were opened for it. Of the
question only the embedding is left out: its vector costs nothing.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.apart import apart
from benchmarks.clusters import Seeded
from benchmarks.events import KEY_ENCRYPTION_KEY
from benchmarks.figure import Figure
from benchmarks.filling import Filling
from benchmarks.meter import median_ms, process_seconds, resident_bytes
from benchmarks.speech import Speech
from benchmarks.views import open_store as open_log
from mnemolog.api import Store, open_store
from mnemolog.api.settings import Settings
from mnemolog.api.wiring import VIEWS
from mnemolog.domain.permissions import Caller
from mnemolog.projections.runner import Runner

MEMORIES, CUBES = int(os.environ.get("MEMORIES", "1000000")), int(os.environ.get("CUBES", "100"))
EACH, PASSES, STARTS = MEMORIES // CUBES, 5, 7
NAMES = [f"cube-{number}" for number in range(CUBES)]


def hundred_cubes(dsn: str) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="mnemolog-bench-") as home:
        place = f"{home}\n{dsn}"
        with _opened(place) as store:
            owner = store.caller
        rmtree(Path(home) / VIEWS)  # what is written past the store is not to be caught up with
        yield Figure(f"{CUBES} cubes of {EACH:,}: written", _filled(dsn, owner), "s")
        yield from apart(resident)(place)
        size = sum(path.stat().st_size for path in (Path(home) / VIEWS).iterdir())
        yield Figure(f"{CUBES} cubes of {EACH:,}: in files, each", size / MEMORIES, "bytes")
        starts = [list(apart(cold_start)(place)) for _ in range(STARTS)]
    for figures in zip(*starts, strict=True):
        yield Figure(figures[0].name, median(figure.value for figure in figures), figures[0].unit)


def resident(place: str) -> Iterator[Figure]:
    """All cubes, woken one after the other from the log, and asked again when all of them are in memory."""
    questions, waits = Speech(1).questions(CUBES * PASSES), list[float]()
    with _opened(place) as store:
        before = resident_bytes()
        woken = [_asked(store, name, questions[number]) for number, name in enumerate(NAMES)]
        each = (resident_bytes() - before) / MEMORIES
        for number in range(CUBES * PASSES):
            waits.append(_asked(store, NAMES[number % CUBES], questions[number]))
        closing = time.perf_counter()
    yield Figure(f"{CUBES} cubes of {EACH:,}: resident, each", each, "bytes")
    yield Figure(f"{CUBES} cubes of {EACH:,}: a cube woken from the log and asked, p50", median_ms(woken), "ms")
    yield Figure(f"{CUBES} cubes of {EACH:,}: recall from one of them in turn, p50", median_ms(waits), "ms")
    yield Figure(f"{CUBES} cubes of {EACH:,}: closed, files written", time.perf_counter() - closing, "s")


def cold_start(place: str) -> Iterator[Figure]:
    """A process that asks one cube, which it has in files."""
    question = Speech(2).questions(1)[0]
    started = time.perf_counter()
    with _opened(place) as store:
        opened = time.perf_counter()
        store.recall(NAMES[os.getpid() % CUBES], question)
        answered = time.perf_counter()
        lived = process_seconds()
    name = f"{CUBES} cubes of {EACH:,}, a process that asks one, p50"
    yield Figure(f"{name}: from its start to the answer", lived, "s")
    yield Figure(f"{name}: store opened", opened - started, "s")
    yield Figure(f"{name}: opened and answered, from files", answered - started, "s")


def _opened(place: str) -> Store:
    """`place` is a home and a connection string, a line each."""
    home, dsn = place.split("\n")
    key = b64encode(KEY_ENCRYPTION_KEY).decode()
    settings = Settings(
        home=Path(home), dsn=dsn, key_encryption_key=key, wait_seconds=3600, resident_memories=2 * MEMORIES
    )
    return open_store(settings=settings, embedder=Seeded())


def _filled(dsn: str, owner: Caller) -> float:
    """Seconds. The catalogue too: it is in Postgres, and would be waited for at the next start."""
    started, speech = time.perf_counter(), Speech()
    with open_log(dsn) as log:
        filling = Filling(log, owner)
        for name in NAMES:
            filling.remember(filling.found(name), speech.turns(EACH))
        Runner(log.log, log.wakeups, [log.catalogue]).catch_up()
    return time.perf_counter() - started


def _asked(store: Store, cube: str, question: str) -> float:
    started = time.perf_counter()
    answer = store.recall(cube, question)
    seconds = time.perf_counter() - started
    assert answer.considered == EACH, answer.considered
    return seconds
