"""After an erasure, what was erased is looked for everywhere: in every view, file and table, in the WAL, in logs, in
whatever the API gives out. A view that is added later is looked into too, or this fails.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.hnsw_indexing import HnswIndexing
from mnemolog.api import Store, open_store
from mnemolog.api.parts import EVERY
from mnemolog.domain.commands import Remember
from mnemolog.projections import nearest, vector_index, vectors
from mnemolog.projections.cube_fold import CubeFold
from mnemolog.projections.projection import Projection
from mnemolog.projections.vectors import whole_numbers
from tests.databases import superuser

TEXT = "Zweibrücken Qwertzuiop keeps the Xylophonkasten in the attic"
WORDS = ("qwertzuiop", "xylophonkasten", "vexillologie", "kummerbundfabrik", "yttriumschmuggel", "quagmarinen")
NAME, KEY, TAG, SPEAKER = "Vexillologie Quagmarinen", "Kummerbundfabrik", "Yttriumschmuggel", "Quagmarinen"
QUESTION = f"Where does {NAME} keep the Xylophonkasten?"
ENOUGH = 450  # memories, so that there is an index


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Store]:
    """Indexes are built at once, and of fewer memories than it would be worth; everything is logged."""
    for module in (nearest, vector_index, vectors):
        monkeypatch.setattr(module, "EXACT_UP_TO", 400)
    monkeypatch.setattr(HnswIndexing.__init__, "__defaults__", (0.0,))
    caplog.set_level(logging.DEBUG)
    with open_store(home, dsn, embedder=HashingEmbedder()) as store:
        yield store


class Person:
    """With a key, memories, a question that she asked, and files of all that."""

    def __init__(self, store: Store) -> None:
        self.principal = store.principals.register(NAME)
        self.subject_id = self.principal.subject_id
        hers = store.acting_as(store.principals.issue_key(self.principal.principal_id).key)
        told = Remember(text=TEXT, key=KEY, tags=(TAG,), speaker=SPEAKER, background=NAME, subject_id=self.subject_id)
        dull = [f"Thing number {number} is on shelf {number % 7}." for number in range(ENOUGH)]
        self.memory_id: UUID = store.memories.remember("main", told, *dull).memory_ids[0]
        store.memories.revise(self.memory_id, TEXT + " now")
        hers.cubes.found("hers")
        hers.memories.remember("hers", TEXT)
        hers.recall("hers", QUESTION)
        assert store.recall("main", QUESTION, k=1).hits[0].memory_id == self.memory_id
        self.traces = traces(store, self.memory_id)
        settled(store)
        for view in store.parts.residence.views:
            for cube_id in view.held():
                store.parts.residence.keep(view, cube_id)


def settled(store: Store) -> None:
    """All views are up to date, and there is an index."""
    store.parts.trail.flush()
    store.parts.wait(EVERY, store.log.head())
    indexing = store.parts.views.vectors._indexing
    assert isinstance(indexing, HnswIndexing)
    assert indexing.wait(60)


def traces(store: Store, memory_id: UUID) -> list[bytes]:
    """What the text, its vector and its labels look like wherever they are kept."""
    token = store.parts.application.keyring.token
    embedder = HashingEmbedder()
    made = embedder.embed([TEXT, TEXT + " now"])
    rows = [whole_numbers(made).astype(kind) for kind in (np.float32, np.int16)]
    stored = [*made.astype("<f4"), *rows[0], *rows[1]]
    return [
        *(word.encode() for word in WORDS),
        *(token(label).hex().encode() for label in (f"key:{KEY}", f"tag:{TAG}")),
        *(row.tobytes() for row in stored),
        *(row.tobytes().hex().encode() for row in stored),
    ]


def found(content: bytes, wanted: list[bytes]) -> list[bytes]:
    plain = content.lower()
    return [trace for trace in wanted if trace in content or (trace.isalpha() and trace in plain)]


def everything_in(store: Store, view: Projection) -> bytes:
    """All that a view holds, in memory or in its tables."""
    if isinstance(view, CubeFold):
        arrays = [view.saved(cube_id) for cube_id in view.held()]
        parts = [array.tobytes() for saved in arrays if saved is not None for array in saved.arrays.values()]
        return b"\n".join(parts)
    tables = getattr(view, "TABLES", None) or vars(__import__(type(view).__module__, fromlist=["TABLES"]))["TABLES"]
    with superuser(store.parts.settings.dsn or "") as connection:
        queries = (f"SELECT row_to_json(t)::text FROM mnemolog.{table} t" for table in tables)
        return "\n".join(line for query in queries for (line,) in connection.execute(query)).encode()


def views(store: Store) -> Mapping[str, Projection]:
    """Every one that the runner keeps up."""
    return {name: store.parts.runner._lane(name).projection for name in store.parts.runner.names}


def folders(store: Store, home: Path) -> list[Path]:
    """Where the database and the store keep their files."""
    with superuser(store.parts.settings.dsn or "") as connection:
        data = Path(connection.execute("SHOW data_directory").fetchall()[0][0])
        for command in ("VACUUM FULL", "CHECKPOINT"):
            connection.execute(command)
    return [data, home]


def files_with(wanted: list[bytes], *places: Path) -> set[str]:
    holding = set[str]()
    for place in places:
        for path in place.rglob("*"):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:  # Postgres makes and removes files all the time
                continue
            if found(content, wanted):
                holding.add(str(path.relative_to(place)))
    return holding


def test_every_view_obeys_an_erasure(store: Store) -> None:
    person = Person(store)
    before = {name for name, view in views(store).items() if found(everything_in(store, view), person.traces)}
    assert before >= {"catalogue", "labels", "terms", "vectors"}  # what is looked for can be found
    store.erasures.erase(subject=person.subject_id, basis="case 1")
    held = {name: everything_in(store, view) for name, view in views(store).items()}
    assert {
        name: found(content, person.traces) for name, content in held.items() if found(content, person.traces)
    } == {}
    assert all(held.values())
    store.views.verify()


def test_no_file_and_no_table_holds_what_was_erased(store: Store, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    person = Person(store)
    store.cubes.found("xylophonkasten")  # a name of a cube is no secret: what is looked for can be found
    written = {path.name.split(".")[0] for path in (home / "views").iterdir()}
    assert written >= {"terms", "labels", "vectors"}
    wrapped = wrapped_keys(store, person)
    store.erasures.erase(subject=person.subject_id, basis="case 1")
    settled(store)
    places = folders(store, home)
    assert files_with([b"xylophonkasten"], *places)
    words = [word.encode() for word in WORDS if word != "xylophonkasten"]
    assert files_with(words, *places) == set()
    assert found(caplog.text.encode(), words) == []
    # Vectors, tokens and wrapped keys were rows once: the WAL has them until it is recycled (docs/howto/erase.md).
    numbers = [trace for trace in person.traces if trace.decode("latin-1") not in WORDS]
    assert not {name for name in files_with([*numbers, *wrapped], *places) if not name.startswith("pg_wal")}


def wrapped_keys(store: Store, person: Person) -> list[bytes]:
    keys = store.parts.application.keys
    content = keys.content_keys([person.memory_id, person.principal.principal_id])
    return [*keys.subject_keys([person.subject_id]).values(), *(key.wrapped for key in content.values())]


def test_nothing_that_the_api_gives_out_holds_what_was_erased(store: Store) -> None:
    person = Person(store)
    assert found(given_out(store), person.traces)
    store.erasures.erase(subject=person.subject_id, basis="case 1")
    assert found(given_out(store), person.traces) == []
    store.log.verify()


def given_out(store: Store) -> bytes:
    def pages(ask: Any, **named: Any) -> Iterator[Any]:
        page = ask(**named)
        yield page.items
        while page.next is not None:
            page = ask(cursor=page.next, **named)
            yield page.items

    answers: list[Any] = [store.recall(["main", "hers"], "attic", k=500), store.status(), store.views.list()]
    for cube in ("main", "hers"):
        answers += pages(lambda cube=cube, **named: store.memories.list(cube, limit=500, **named))
        answers += pages(lambda cube=cube, **named: store.memories.list(cube, limit=500, at=store.log.head(), **named))
    answers += [*pages(store.log.page, limit=500), *pages(store.principals.list), *pages(store.erasures.list)]
    answers += [*pages(store.audit, limit=500)]
    return orjson.dumps(answers, default=str)
