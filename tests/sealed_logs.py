"""Logs with checkpoints, and somebody who rewrites them: well enough that only what was kept elsewhere can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg

from mnemolog.adapters.anchor_file import AnchorFile
from mnemolog.adapters.export_file import verify_export
from mnemolog.adapters.postgres.append import AppendRequest
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.envelope import chain
from mnemolog.adapters.postgres.exporting import exported
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import GrowingTree, to_store
from mnemolog.adapters.postgres.verify import Verified, leaf_of, rows_of
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.api.sealing import Sealing
from mnemolog.api.settings import Settings
from mnemolog.domain.checkpoints import origin_of, read_checkpoints
from mnemolog.domain.log import LAST
from mnemolog.domain.merkle import Frontier
from tests.factories import KEY_ENCRYPTION_KEY, log_event

SEED = bytes(range(32, 64))
APPEND = 4  # events of each append
Superuser = psycopg.Connection[Row]


def grow(application: LogApplication, events: int) -> None:
    for _ in range(events // APPEND):
        application.log_recorder.coalescer.append(AppendRequest([log_event() for _ in range(APPEND)], None, None))


@contextmanager
def opened_application(dsn: str) -> Iterator[LogApplication]:
    with closing(LogApplication(dsn, KEY_ENCRYPTION_KEY)) as application:
        yield application


@contextmanager
def sealing(dsn: str, anchor: Path, seed: bytes = SEED) -> Iterator[Sealing]:
    with closing(GrowingTree(dsn)) as tree:
        assert tree.lock()
        leaf = tree.first_leaf()
        assert leaf is not None
        yield Sealing(tree, AnchorFile(anchor), Ed25519Signer(origin_of(leaf), seed))


def seal(dsn: str, anchor: Path, seed: bytes = SEED) -> int:
    """Everything up to now. Returns the size that was signed."""
    with sealing(dsn, anchor, seed) as sealed:
        sealed.advance()
        sealed.sign()
        return sealed.signed


def verifier(notes: bytes) -> Ed25519Signer:
    """Whose key is that of the log which the notes are about."""
    return Ed25519Signer(notes.split(b"\n", 1)[0].decode(), SEED)


def installation(home: Path) -> Settings:
    """With the key that signs, and the checkpoints that were kept in its folder."""
    (home / "signing.key").write_bytes(SEED)
    (home / "signing.key").chmod(0o600)
    return Settings(home=home)


def export_of(source: str | LogRecorder, first: int = 1) -> list[bytes]:
    with rows_of(source) as rows:
        return list(exported(rows, first, rows(QUERIES["head"], {})[0][0]))


def verify_offline(lines: Iterable[bytes], notes: bytes) -> Verified:
    return verify_export(lines, read_checkpoints(notes + b"\n", verifier(notes).verifier))


def unprotected(superuser: Superuser) -> None:
    for table, trigger in (("event", "event"), ("tree_node", "tree_node"), ("checkpoint", "checkpoint")):
        superuser.execute(f"DROP TRIGGER {trigger}_is_immutable ON mnemolog.{table}")
        superuser.execute(f"DROP TRIGGER {trigger}_is_kept ON mnemolog.{table}")


def renumber(superuser: Superuser, after: int, by: int) -> None:
    """Move all that comes after a position."""
    superuser.execute("UPDATE mnemolog.event SET position = -position WHERE position > %s", (after,))
    superuser.execute("UPDATE mnemolog.event SET position = -position + %s WHERE position < 0", (by,))


def made_consistent(superuser: Superuser) -> None:
    """Every hash inside the database made anew: times that never decrease, leaves, links, the tree; no checkpoints."""
    rows = list(superuser.execute(QUERIES["hashes"], {"after": 0, "limit": LAST}, binary=True))
    previous, moment = b"", rows[0][12]
    for _, append in groupby(rows, key=lambda row: (row[0] - 1) // APPEND):
        events = list(append)
        moment = max(moment, events[0][12])
        leaves = [leaf_of(row) for row in events]
        previous = chain(previous, events[0][0], moment, leaves)
        for row, leaf in zip(events, leaves, strict=True):
            link = previous if row is events[-1] else None
            superuser.execute(
                "UPDATE mnemolog.event SET leaf = %s, recorded_at = %s, chain = %s WHERE position = %s",
                (leaf, moment, link, row[0]),
            )
    _rebuild_tree(superuser)


def _rebuild_tree(superuser: Superuser) -> None:
    superuser.execute("TRUNCATE mnemolog.tree_node, mnemolog.checkpoint")
    frontier = Frontier()
    for _, leaf, _ in superuser.execute(QUERIES["leaves"], {"after": 0, "limit": LAST}, binary=True).fetchall():
        for subtree, made in to_store(frontier.append(bytes(leaf)), frontier.size):
            node: tuple[Any, ...] = (subtree.level, subtree.index, made)
            superuser.execute("INSERT INTO mnemolog.tree_node VALUES (%s, %s, %s)", node)
