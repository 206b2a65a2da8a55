"""The tree of the log as it grows, and what is signed of it: nothing that an earlier checkpoint contradicts."""

from __future__ import annotations

from mnemolog.adapters.anchor_file import AnchorFile
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.tree import TILE, GrowingTree, Node, to_store
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.domain.checkpoints import Witness, checkpoint_of
from mnemolog.domain.merkle import Frontier
from mnemolog.domain.note import Checkpoint, Note, open_checkpoint
from mnemolog.domain.refusals import VerificationFailed

PAGE = 5000


class Sealing:
    """Of whoever holds the lock of `tree`. Starts from the newest checkpoint in `anchor`, or from the stored tree."""

    def __init__(self, tree: GrowingTree, anchor: AnchorFile, signer: Ed25519Signer) -> None:
        """Raises SignatureRejected when the last checkpoint in the file is another log's or by another key."""
        self._tree, self._anchor, self._signer = tree, anchor, signer
        last = anchor.last()
        signed = [] if last is None else [open_checkpoint(last, signer.name, signer.verifier)]
        self._stored = tree.size()
        start = min([self._stored, *(_before(checkpoint) for checkpoint in signed)])
        self._witness = Witness(signed, Frontier.resumed(tree.hashes, start))
        self._link: bytes | None = None
        self.signed = signed[0].size if signed else 0

    def advance(self) -> None:
        """As far as the log goes. Raises VerificationFailed where it is not what was signed."""
        frontier = self._witness.frontier
        while rows := self._tree.leaves(frontier.size, PAGE):
            nodes = [node for row in rows for node in self._step(row)]
            if nodes:
                self._tree.add(nodes)
        self._witness.end()

    def sign(self) -> None:
        """The file first: what is signed is outside the database before it is in it."""
        frontier = self._witness.frontier
        if self._link is None or frontier.size <= self.signed:
            return
        checkpoint = checkpoint_of(self._signer.name, frontier, self._link)
        note = Note(checkpoint.text).signed_by(self._signer).encode()
        self._anchor.append(note)
        self._tree.add_checkpoint(frontier.size, note)
        self.signed = frontier.size

    def _step(self, row: Row) -> list[Node]:
        position, leaf, self._link = row
        frontier = self._witness.frontier
        if position != frontier.size + 1:
            raise VerificationFailed(position=frontier.size + 1, reason="the event is missing")
        nodes = to_store(self._witness.step(leaf, self._link), frontier.size)
        return nodes if frontier.size > self._stored else []


def _before(checkpoint: Checkpoint) -> int:
    """Where to start so as to pass the end of this checkpoint."""
    return (checkpoint.size - 1) // TILE * TILE
