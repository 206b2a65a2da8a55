"""A cube that is not in memory: from asking it to the answer, against reading and decoding its events and no more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID

from benchmarks.clusters import Seeded
from benchmarks.corpus import views_of
from benchmarks.events import OWNER, SUBJECT, TENANT
from benchmarks.figure import Figure
from benchmarks.filling import Filling
from benchmarks.speech import Speech
from benchmarks.views import Store, open_store
from mnemolog.adapters.view_files import ViewFiles
from mnemolog.domain.log import Selection
from mnemolog.domain.permissions import Caller
from mnemolog.projections.parking import Parked
from mnemolog.projections.recall import Question, Views, recall
from mnemolog.projections.residence import PAGE, Residence
from mnemolog.projections.saved import CubeFiles, NothingKept
from mnemolog.projections.vectors import EmbeddingStore

MEMORIES, ROUNDS, LONGEST_WAIT_SECONDS = int(os.environ.get("MEMORIES", "100000")), 5, 3600.0
CALLER = Caller(OWNER, TENANT, SUBJECT)


def cold_cube(dsn: str) -> Iterator[Figure]:
    """Embeddings are cached. Wall-clock medians: Postgres works too, and pages are read ahead."""
    with open_store(dsn) as store, TemporaryDirectory(prefix="mnemolog-bench-") as folder:
        filling, speech = Filling(store, CALLER), Speech()
        cube_id = filling.found("cold")
        filling.remember(cube_id, speech.turns(MEMORIES))
        cold = Cold(store, filling.embeddings, cube_id, speech.questions(1)[0])
        cold.keep(files := ViewFiles(Path(folder), bytes(32)))
        rounds = [(cold.read(), cold.answered(NothingKept()), cold.answered(files)) for _ in range(ROUNDS)]
    read, woken, from_files = map(median, zip(*rounds, strict=True))
    name = f"{MEMORIES:,} memories that are not in memory: asked until answered"
    yield Figure.at_most(2, f"{name} / reading and decoding their events", woken / read, "ratio")
    yield Figure(f"{name}, from files / reading and decoding their events", from_files / read, "ratio")
    for label, seconds in ((name, woken), (f"{name}, from files", from_files), ("reading and decoding them", read)):
        yield Figure(label, seconds, "s")


@dataclass(frozen=True, slots=True)
class Cold:
    store: Store
    embeddings: EmbeddingStore
    cube_id: UUID
    question: str

    def read(self) -> float:
        started, after = time.perf_counter(), 0
        while page := self.store.log.read(after, PAGE, Selection(cube_id=self.cube_id)):
            after = page[-1].position
        return time.perf_counter() - started

    def answered(self, files: CubeFiles) -> float:
        views = views_of(self.embeddings)
        with closing(self._residence(views, files)):
            started = time.perf_counter()
            self._ask(views)
            return time.perf_counter() - started

    def keep(self, files: CubeFiles) -> None:
        views = views_of(self.embeddings)
        with closing(self._residence(views, files)) as residence:
            self._ask(views)
            for view in residence.views:
                residence.keep(view, self.cube_id)
            residence.reach()

    def _ask(self, views: Views) -> None:
        question, now = Question(self.question), datetime.now(UTC)
        ranking = recall(views, self.cube_id, question, lambda text: Seeded().embed([text]), CALLER, now)
        assert ranking.considered == MEMORIES, ranking.considered

    def _residence(self, views: Views, files: CubeFiles) -> Residence:
        group = (views.scopes, views.labels, views.terms, views.turns, views.vectors)
        residence = Residence(self.store.log, (group,), files, _refuse, LONGEST_WAIT_SECONDS)
        residence.begin()
        return residence


def _refuse(view: str, parked: Parked) -> None:
    raise AssertionError(f"{view} could not fold {parked}")
