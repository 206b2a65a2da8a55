"""What it costs to seal the log: its tree, the nodes that are stored, a signed checkpoint for every 1,000 events."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from benchmarks.events import batches, log_events
from benchmarks.figure import Figure
from benchmarks.meter import backend_of, cpu_seconds, least
from benchmarks.writers import ORIGIN, log_recorder
from mnemolog.adapters.anchor_file import AnchorFile
from mnemolog.adapters.export_file import FIELDS
from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import GrowingTree, to_store
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.api.sealing import Sealing
from mnemolog.domain.checkpoints import checkpoint_of
from mnemolog.domain.merkle import Frontier
from mnemolog.domain.note import Note, to_base64

ROUNDS, EVENTS, SIGNED_EVERY = 7, 5_000, 1_000
SEED = bytes(range(32))


def sealing(dsn: str) -> Iterator[Figure]:
    """Beside one `orjson.dumps` of every event as it is exported, which is what any log of JSON pays at least."""
    rounds = [batches(log_events(EVENTS, seed), SIGNED_EVERY) for seed in range(ROUNDS + 1)]
    with log_recorder(dsn) as recorder, tempfile.TemporaryDirectory() as folder:
        recorder.append(rounds[-1][0], ORIGIN)
        rows = recorder.rows(QUERIES["hashes"], {"after": 0, "limit": SIGNED_EVERY})
        documents = [dict(zip(FIELDS, row, strict=True)) for row in rows]
        turns = iter(rounds)
        with closing(GrowingTree(dsn)) as tree:
            assert tree.lock()
            sealed = Sealing(tree, AnchorFile(Path(folder) / "checkpoints"), Ed25519Signer("benchmark", SEED))
            spent = least(
                ROUNDS,
                {
                    "one orjson.dumps": lambda: _process_seconds(lambda: _dumped(documents)),
                    "tree and signatures": lambda: _process_seconds(lambda: _signed(rows)),
                    "with Postgres and the file": lambda: _sealed(dsn, recorder, next(turns), sealed),
                },
            )
    us = {name: 1e6 * seconds / EVENTS for name, seconds in spent.items()}
    for name in ("tree and signatures", "with Postgres and the file"):
        ratio = us[name] / us["one orjson.dumps"]
        yield Figure.at_most(3, f"sealing CPU: {name} / one orjson.dumps per event", ratio, "ratio")
    for name, value in us.items():
        yield Figure(f"sealing CPU: {name}", value, "us/event")


def _dumped(documents: Sequence[dict[str, Any]]) -> None:
    for _ in range(EVENTS // len(documents)):
        for document in documents:
            orjson.dumps(document, default=to_base64)


def _signed(rows: Sequence[Row]) -> None:
    frontier, signer = Frontier(), Ed25519Signer("benchmark", SEED)
    for _ in range(EVENTS // len(rows)):
        for row in rows:
            to_store(frontier.append(row[16]), frontier.size)
        Note(checkpoint_of("benchmark", frontier, rows[-1][17]).text).signed_by(signer).encode()


def _sealed(dsn: str, recorder: LogRecorder, appends: Sequence[Sequence[LogEvent]], sealed: Sealing) -> float:
    """CPU seconds of this process and of the server's, without the appends themselves."""
    spent = 0.0
    with connect(dsn, role=None) as connection:
        backend = backend_of(connection, "mnemolog-seal")
    for events in appends:
        recorder.append(events, ORIGIN)
        before = cpu_seconds(backend)
        sealed.advance()
        sealed.sign()
        spent += cpu_seconds(backend) - before
    return spent


def _process_seconds(run: Callable[[], object]) -> float:
    before = time.process_time()
    run()
    return time.process_time() - before
