"""The Merkle tree of the log in Postgres: its leaves are in the events, and every eighth level has a table.

A subtree of another level is made from the hashes below it, at most 128 of them, so that the table has one row for 256
events and proofs read a few hundred hashes at the most for each level that they pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from mnemolog.adapters.postgres.connection import Row, connect, unreachable_as_refusal
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.merkle import Subtree, node_hash
from mnemolog.domain.refusals import Invalid

STRIDE = 8  # levels; migrations/0003_evidence.sql
TILE = 1 << STRIDE
LOCK = "SELECT pg_try_advisory_lock(7105809, 2)"
Rows = Callable[[str, dict[str, Any]], list[Row]]
Node = tuple[Subtree, bytes]


class StoredHashes:
    """Implements `mnemolog.domain.merkle.Hashes`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def read(self, subtrees: Sequence[Subtree]) -> list[bytes]:
        below = [_stored_below(subtree) for subtree in subtrees]
        found = stored(self._rows, [each for group in below for each in group])
        for subtree, group in zip(subtrees, below, strict=True):
            if not all(each in found for each in group):
                raise Invalid(reason=f"the tree has no complete {subtree}")
        return [_root_over([found[each] for each in group]) for group in below]


def stored(rows: Rows, subtrees: Sequence[Subtree]) -> dict[Subtree, bytes]:
    """What there is of some leaves and stored nodes."""
    wanted = set(subtrees)
    nodes = sorted((each.level, each.index) for each in wanted if each.level)
    positions = sorted(each.index + 1 for each in wanted if not each.level)
    facts = {"positions": positions, "levels": [n[0] for n in nodes], "indexes": [n[1] for n in nodes]}
    return {Subtree(level, index): bytes(found) for level, index, found in rows(QUERIES["tree_hashes"], facts)}


def to_store(completed: Sequence[bytes], size: int) -> list[Node]:
    """Of the hashes that are complete with the leaf at `size` - 1, by level, those that have a row."""
    return [(Subtree(level, (size >> level) - 1), completed[level]) for level in range(STRIDE, len(completed), STRIDE)]


class GrowingTree:
    """A connection through which the tree grows, one process at a time; and what it grows from."""

    def __init__(self, dsn: str) -> None:
        self._connection = connect(dsn, application_name="mnemolog-seal")
        self.hashes = StoredHashes(self.rows)

    def lock(self) -> bool:
        """Whether no other process seals. It lasts until this is closed."""
        return bool(self.rows(LOCK, {})[0][0])

    def close(self) -> None:
        with suppress(psycopg.Error):  # the server would let go of the lock only when it sees that nobody is there
            self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()

    def first_leaf(self) -> bytes | None:
        found = self.rows(QUERIES["first_leaf"], {})
        return found[0][0] if found else None

    def leaves(self, after: int, limit: int) -> list[Row]:
        """(position, leaf, link) of events in their order."""
        return self.rows(QUERIES["leaves"], {"after": after, "limit": limit})

    def size(self) -> int:
        """How many leaves the stored nodes are over."""
        return int(self.rows(QUERIES["tree_size"], {})[0][0])

    def has_checkpoint(self) -> bool:
        return bool(self.rows(QUERIES["newest_checkpoint"], {}))

    def add(self, nodes: Sequence[Node]) -> None:
        facts = {
            "levels": [subtree.level for subtree, _ in nodes],
            "indexes": [subtree.index for subtree, _ in nodes],
            "hashes": [found for _, found in nodes],
        }
        self._execute(QUERIES["add_tree_nodes"], facts)

    def add_checkpoint(self, size: int, note: bytes) -> None:
        self._execute(QUERIES["add_checkpoint"], {"size": size, "note": note.decode()})

    def rows(self, statement: str, facts: dict[str, Any]) -> list[Row]:
        with unreachable_as_refusal():
            return self._connection.execute(statement, facts, binary=True).fetchall()

    def _execute(self, statement: str, facts: dict[str, Any]) -> None:
        with unreachable_as_refusal():
            self._connection.execute(statement, facts)


def _stored_below(subtree: Subtree) -> list[Subtree]:
    """The stored hashes that this subtree is over, from left to right: itself, where it is stored."""
    up = subtree.level % STRIDE
    start = subtree.index << up
    return [Subtree(subtree.level - up, index) for index in range(start, start + (1 << up))]


def _root_over(hashes: Sequence[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]
