"""The log against all that proves it: its own hashes, the stored tree, checkpoints inside and outside the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import STRIDE, TILE, Node, Rows, stored, to_store
from mnemolog.adapters.postgres.verify import Verified, rows_of, verify_chain
from mnemolog.domain.checkpoints import Witness
from mnemolog.domain.note import Checkpoint, parse_checkpoint, parse_note
from mnemolog.domain.refusals import MalformedNote, VerificationFailed

PAGE = 1000
COMPARED_AT_ONCE = 64


def verify_evidence(
    source: LogRecorder | str, kept: Sequence[Checkpoint] = (), progress: Callable[[int], None] | None = None
) -> Verified:
    """The whole log. `kept` are checkpoints that somebody has verified and that were not read from the database.

    Raises VerificationFailed as `verify_chain` does; where only a checkpoint tells, for the first position that the
    checkpoint before it does not bind. And StoreUnreachable.
    """
    with rows_of(source) as rows:
        check = TreeCheck(rows, [*kept, *_checkpoints(rows)])
        bound = max((checkpoint.size for checkpoint in kept), default=0)
        wanted = max(rows(QUERIES["head"], {})[0][0], bound)
        verified = verify_chain(source, upto=wanted, progress=progress, beside=check.step)
        check.end()
    return replace(verified, checkpoints=len(kept), bound=bound)


class TreeCheck:
    """Goes along the rows and makes the tree anew. What was sealed since it began is not looked at."""

    def __init__(self, rows: Rows, checkpoints: Sequence[Checkpoint]) -> None:
        self._rows = rows
        self._witness = Witness(checkpoints)
        self._shape = rows(QUERIES["tree_shape"], {})
        self._made: list[Node] = []

    def step(self, row: Row) -> None:
        completed = self._witness.step(row[16], row[17])
        self._made += to_store(completed, self._witness.frontier.size)
        if len(self._made) >= COMPARED_AT_ONCE:
            self._compare()

    def end(self) -> None:
        self._compare()
        self._witness.end()
        self._check_shape()

    def _compare(self) -> None:
        found = stored(self._rows, [subtree for subtree, _ in self._made])
        for subtree, made in self._made:
            if found.get(subtree, made) != made:
                first, last = subtree.index << subtree.level, subtree.index + 1 << subtree.level
                reason = f"the stored hash of the tree over positions {first + 1} to {last} is another"
                raise VerificationFailed(position=first + 1, reason=reason)
        self._made = []

    def _check_shape(self) -> None:
        """A node over leaves that the log has not, a gap among nodes, or none where a checkpoint needed one."""
        lowest = self._shape[0][2] if self._shape and self._shape[0][0] == STRIDE else 0
        expected = [(level, count, count) for level, count in _levels(lowest)]
        if self._shape != expected or not self._witness.bound // TILE <= lowest <= self._witness.frontier.size // TILE:
            raise VerificationFailed(position=1, reason="nodes of the stored tree are missing, or too many")


def _levels(count: int) -> Iterator[tuple[int, int]]:
    level = STRIDE
    while count:
        yield level, count
        level, count = level + STRIDE, count >> STRIDE


def _checkpoints(rows: Rows) -> Iterator[Checkpoint]:
    """Those in the database. Whoever rewrites it can make them agree, so they count only when they contradict."""
    after = 0
    while page := rows(QUERIES["checkpoints_page"], {"after": after, "limit": PAGE}):
        for after, note, _ in page:
            yield _parsed(after, note)


def _parsed(size: int, note: str) -> Checkpoint:
    try:
        checkpoint = parse_checkpoint(parse_note(note.encode()).text)
    except MalformedNote as refusal:
        raise VerificationFailed(position=size, reason=f"its checkpoint is none: {refusal.facts['reason']}") from None
    if checkpoint.size != size:
        raise VerificationFailed(position=size, reason="its checkpoint is about another size")
    return checkpoint
