"""How fast the views that answer questions are made anew from the log, beside reading and opening it alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import psycopg

from benchmarks.corpus import views_of
from benchmarks.figure import Figure
from benchmarks.filling import Filling
from benchmarks.meter import least
from benchmarks.speech import Speech
from benchmarks.views import Store, open_store
from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.domain.log import Event
from mnemolog.domain.permissions import Caller
from mnemolog.projections.projection import Projection
from mnemolog.projections.recall import Views

EVENTS = min(100_000, int(os.environ.get("EVENTS", "100000")))
PAGE, ROUNDS = 2_000, 3
OWNER = Caller(principal_id=UUID(int=11), tenant_id=UUID(int=12), subject_id=UUID(int=13))


def replaying(dsn: str) -> Iterator[Figure]:
    """Memories that were said and activated, in one cube; the vectors of their texts are known. No index of vectors.

    CPU seconds of this process and of those that serve it in Postgres: neighbours have no part in them.
    """
    with open_store(dsn) as store:
        filling = Filling(store, OWNER)
        filling.remember(filling.found("all"), Speech().turns(EVENTS // 2))
        ways = {
            "opened": lambda: _replayed(store, ()),
            "texts": lambda: _replayed(store, _of_texts(views_of(filling.embeddings))),
            "all": lambda: _replayed(store, _all(views_of(filling.embeddings))),
        }
        seconds = least(ROUNDS, {name: partial(_spent, dsn, way) for name, way in ways.items()})
    yield Figure(f"{EVENTS:,} events read and opened", EVENTS / seconds["opened"], "events/CPU s")
    texts, everything = (seconds[name] / seconds["opened"] for name in ("texts", "all"))
    yield Figure(f"{EVENTS:,} events replayed into views of texts", EVENTS / seconds["texts"], "events/CPU s")
    yield Figure.at_most(3, "replayed into views of texts / read and opened, CPU", texts, "ratio")
    yield Figure("the same with exact vectors / read and opened, CPU", everything, "ratio")


def _of_texts(views: Views) -> Sequence[Projection]:
    """And what these need to say whose they are."""
    return views.scopes, views.terms, views.turns, views.labels


def _all(views: Views) -> Sequence[Projection]:
    return *_of_texts(views), views.vectors


def _pages(store: Store) -> Iterator[list[Event]]:
    position = 0
    while page := store.log.read(position, PAGE):
        yield list(page)
        position = page[-1].position


def _replayed(store: Store, views: Sequence[Projection]) -> None:
    for page in _pages(store):
        for view in views:
            view.apply(page, page[-1].position)


def _spent(dsn: str, run: Callable[[], None]) -> float:
    with connect(dsn, role=None) as connection:
        before = _cpu_seconds(connection)
        run()
        return _cpu_seconds(connection) - before


def _cpu_seconds(connection: psycopg.Connection[Row]) -> float:
    """What this process and all that serve the database have spent; they stay as long as the store is open."""
    serving = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
    spent = (Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0] for (pid,) in serving)
    return time.process_time() + sum(map(int, spent)) / 1e9
