"""What it costs that personal content is sealed: encrypted when it is written, opened when it is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.figure import Figure
from benchmarks.meter import least
from benchmarks.speech import Speech
from mnemolog.adapters.keyring import open_sealed, seal
from mnemolog.adapters.postgres.mapper import associated_data
from mnemolog.domain.metadata import Description, Governance, Source

ROUNDS, EVENTS = 15, 5_000
TENANT, STREAM = UUID(int=1), UUID(int=2)
ASSOCIATED = associated_data(TENANT, STREAM, 1, "memory.generated.v1", 1)


def encryption(dsn: str) -> Iterator[Figure]:
    """Beside an orjson round trip of the whole event, which any log of JSON pays. Needs no server."""
    texts = [turn.text for turn in Speech().turns(EVENTS)]
    documents = [_document(text) for text in texts]
    personal = [orjson.dumps({"text": text, "description": Description().to_json()}) for text in texts]
    cipher = AESGCM(bytes(32))
    spent = least(
        ROUNDS,
        {
            "an orjson round trip": lambda: _process_seconds(
                lambda: [orjson.loads(orjson.dumps(d)) for d in documents]
            ),
            "sealed and opened": lambda: _process_seconds(lambda: [_sealed(cipher, each) for each in personal]),
            "the same under a key of its own": lambda: _process_seconds(lambda: [_own_key(each) for each in personal]),
        },
    )
    us = {name: 1e6 * seconds / EVENTS for name, seconds in spent.items()}
    yield Figure.at_most(
        1,
        "encryption CPU: sealed and opened / an orjson round trip",
        us["sealed and opened"] / us["an orjson round trip"],
        "ratio",
    )
    for name, value in us.items():
        yield Figure(f"encryption CPU: {name}", value, "us/event")


def _document(text: str) -> dict[str, object]:
    """A generated memory with its envelope, as a log without encryption would write it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        **dict.fromkeys(("stream_id", "tenant_id", "cube_id", "memory_id", "actor_id", "request_id"), STREAM),
        "event_type": "memory.generated.v1",
        "occurred_at": now,
        "recorded_at": now,
        "text": text,
        "description": Description().to_json(),
        "governance": Governance(owner_id=STREAM, source=Source.USER).to_json(),
        "subject_ids": [STREAM],
        "trust": 0.9,
        "parents": [],
    }


def _sealed(cipher: AESGCM, plaintext: bytes) -> bytes:
    return open_sealed(cipher, seal(cipher, plaintext, ASSOCIATED), ASSOCIATED, 1)


def _own_key(plaintext: bytes) -> bytes:
    return _sealed(AESGCM(AESGCM.generate_key(256)), plaintext)


def _process_seconds(run: Callable[[], object]) -> float:
    before = time.process_time()
    run()
    return time.process_time() - before
