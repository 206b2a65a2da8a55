"""What it costs to put an answer on record: of a recall without, and of the same that waits for its record."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Measure
from benchmarks.meter import least
from benchmarks.speech import Speech
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.access_log import Entry
from mnemolog.adapters.postgres.connection import connect
from mnemolog.api.parts import ACCESS, RECALL
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.log import Event

MEMORIES, ROUNDS, EACH, CALLERS = 2_000, 5, 60, 8
RECORDS = 3_000
Record = Callable[[Entry], None]


def recording(dsn: str) -> Iterator[Figure]:
    """The same store with its records thrown away, buffered, and waited for; by turns, the least of each counts."""
    with tempfile.TemporaryDirectory(prefix="mnemolog-bench-") as home, _opened(Path(home), dsn) as store:
        questions = _filled(store)
        recorded: Record = store.parts.trail.record

        def strictly(entry: Entry) -> None:
            recorded(entry)
            store.parts.trail.flush()

        ways: dict[str, Record] = {"none": lambda entry: None, "buffered": recorded, "strict": strictly}
        contenders = {name: partial(_median, store, way, questions) for name, way in ways.items()}
        ms = {name: 1e3 * seconds for name, seconds in least(ROUNDS, contenders).items()}
        own = least(ROUNDS, {name: partial(_own_each, store, ways[name], questions) for name in ("none", "buffered")})
        busy = least(ROUNDS, {name: partial(_busy_each, store, ways[name], questions) for name in ("none", "buffered")})
        rates = {name: partial(_seconds_each, store, way, questions) for name, way in ways.items()}
        each = least(3, rates)
    yield Figure("recall without a record, p50", ms["none"], "ms")
    yield Figure("recall, buffered record / none, p50", ms["buffered"] / ms["none"], "ratio")
    yield Figure.at_most(
        1.2, "recall, buffered record / none, CPU of its thread", own["buffered"] / own["none"], "ratio"
    )
    yield Figure("the same of all threads, with views and checkpoints", busy["buffered"] / busy["none"], "ratio")
    yield Figure("a record, CPU of all threads", 1e3 * (busy["buffered"] - busy["none"]), "ms")
    yield Figure("recall, strict record / none, p50", ms["strict"] / ms["none"], "ratio")
    for name in ways:
        yield Figure(f"{CALLERS} callers, record: {name}", 1 / each[name], "recalls/s")


def passing_over(dsn: str) -> Iterator[Figure]:
    """What views that fold no accesses spend on each of them, and what the one does that folds them."""
    with (
        tempfile.TemporaryDirectory(prefix="mnemolog-bench-") as home,
        _opened(Path(home), dsn) as store,
    ):
        store.memories.remember("main", "Tea is kept in the blue tin.")
        for _ in range(RECORDS):
            store.memories.list("main", limit=1)
        store.parts.trail.flush()
        events = store.parts.log.read(0, 2 * RECORDS)
        yield Figure("one access record in the log", _size(dsn), "bytes")
        yield Figure("reading and opening a record", _per_record(lambda: store.parts.log.read(0, RECORDS)), "us/record")
        yield Figure("the catalogue passes over a record", _per_record(lambda: _folded(store, events)), "us/record")
        pages = [events[start : start + 500] for start in range(0, len(events), 500)]
        view = store.parts.accesses
        yield Figure(
            "the access view folds a record", _per_record(lambda: view.rebuild(pages, view.position)), "us/record"
        )


def _size(dsn: str) -> float:
    question = "SELECT avg(pg_column_size(e)) FROM mnemolog.event e WHERE event_type = 'access.recorded.v1'"
    with connect(dsn, role=None) as connection:
        return float(connection.execute(question).fetchall()[0][0])


def _opened(home: Path, dsn: str) -> Store:
    return open_store(settings=Settings(home=home, dsn=dsn, wait_seconds=300), embedder=HashingEmbedder())


def _filled(store: Store) -> list[str]:
    """Questions that have been asked once, so that nothing is waited for but answers."""
    speech = Speech(1)
    texts = [Remember(text=turn.text, speaker=turn.speaker, context_id=turn.talk_id) for turn in speech.turns(MEMORIES)]
    for start in range(0, MEMORIES, 500):
        store.memories.remember("main", *texts[start : start + 500])
    questions = speech.questions(EACH)
    for question in questions:
        store.recall("main", question)
    return questions


def _ready(store: Store, way: Record) -> None:
    """Nothing of the turn before is still on its way."""
    store.parts.trail.flush()
    store.parts.runner.wait((*RECALL, *ACCESS), store.parts.log.head(), 300)
    store.parts.trail.record = way  # type: ignore[assignment,method-assign]  # what a record costs is measured against none


def _median(store: Store, way: Record, questions: list[str]) -> float:
    _ready(store, way)
    return median(_asked(store, questions))


def _own_each(store: Store, way: Record, questions: list[str]) -> float:
    """CPU seconds of the thread that answers, for the median question."""
    _ready(store, way)
    spent = []
    for question in questions:
        before = time.thread_time()
        store.recall("main", question)
        spent.append(time.thread_time() - before)
    return median(spent)


def _busy_each(store: Store, way: Record, questions: list[str]) -> float:
    """CPU seconds of this process for one answer, with its record written and folded by every view."""
    _ready(store, way)
    started = time.process_time()
    _asked(store, questions)
    _ready(store, way)
    return (time.process_time() - started) / len(questions)


def _seconds_each(store: Store, way: Record, questions: list[str]) -> float:
    _ready(store, way)
    started = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda _: _asked(store, questions), range(CALLERS)))
    return (time.perf_counter() - started) / (CALLERS * len(questions))


def _asked(store: Store, questions: list[str]) -> list[float]:
    waits = []
    for question in questions:
        started = time.perf_counter()
        store.recall("main", question)
        waits.append(time.perf_counter() - started)
    return waits


def _folded(store: Store, events: Sequence[Event]) -> None:
    store.parts.catalogue.rebuild(
        [events[start : start + 500] for start in range(0, len(events), 500)], events[-1].position
    )


def _per_record(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return 1e6 * median(taken) / RECORDS


MEASURES: tuple[Measure, ...] = (recording, passing_over)
PACKAGES = ("cryptography", "eventsourcing", "mnemolog", "orjson", "psycopg")
