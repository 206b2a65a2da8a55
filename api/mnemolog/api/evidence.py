"""What proves the log to others: signed checkpoints, proofs against them, and the log to take away.

Checkpoints and proofs hold nothing but hashes, so whoever has a key may have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mnemolog.adapters.postgres.connection import unreachable_as_refusal
from mnemolog.adapters.postgres.exporting import exported, log_origin
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import Rows, StoredHashes
from mnemolog.adapters.signing import Ed25519Signer, Ed25519Verifier
from mnemolog.api.accesses import audited, current
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.evidence_answers import CheckpointPage, Consistency, Inclusion, SignedCheckpoint
from mnemolog.api.parts import Parts, require_operator
from mnemolog.api.signing_key import signing_seed
from mnemolog.domain.log import LAST
from mnemolog.domain.merkle import (
    Subtree,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import (
    Invalid,
    InvalidPosition,
    NotFound,
    ProofRejected,
    SigningKeyUnavailable,
    VerificationFailed,
)

QUESTION = "checkpoints"


@audited("evidence")
class Evidence:
    """What anybody may have leaves no record; who took the log away does."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts, self._caller = parts, caller
        self._rows: Rows = parts.application.log_recorder.rows
        self._hashes = StoredHashes(self._rows)

    def checkpoint(self) -> SignedCheckpoint:
        """The newest. Raises NotFound while there is none."""
        found = self._newest()
        if found is None:
            raise NotFound(kind="checkpoint", id="none has been signed yet")
        return found

    def checkpoints(self, *, limit: int = 50, cursor: str | None = None) -> CheckpointPage:
        """From the smallest tree to the largest."""
        keyring = self._parts.application.keyring
        facts = {"after": read_cursor(keyring, QUESTION, cursor), "limit": check_limit(limit)}
        with unreachable_as_refusal():
            items = [SignedCheckpoint.of(row) for row in self._rows(QUERIES["checkpoints_page"], facts)]
        verifier = self._verifier()
        return CheckpointPage(
            origin=self.origin(),
            verifier_key=None if verifier is None else verifier.verifier_key,
            newest=self._newest(),
            items=items,
            next=make_cursor(keyring, QUESTION, items[-1].size) if len(items) == limit else None,
            position=self._parts.log.head(),
        )

    def inclusion(self, position: int, size: int | None = None) -> Inclusion:
        """That the event at `position` is in the log of `size` events, by default that of the newest checkpoint.

        Raises NotFound while there is no checkpoint, InvalidPosition for what the newest does not bind, and
        VerificationFailed when the log does not hold what it should prove.
        """
        newest = self.checkpoint()
        size = _within(newest.size, newest.size if size is None else size)
        index = _within(size, position) - 1
        with unreachable_as_refusal(), _proving(position):
            root = self._root(size, newest)
            (leaf,) = self._hashes.read([Subtree(0, index)])
            proof = prove_inclusion(self._hashes, index, size)
            verify_inclusion(leaf, index, size, proof, root)
        return Inclusion(position=position, size=size, leaf=leaf, root=root, proof=proof)

    def consistency(self, first: int, second: int | None = None) -> Consistency:
        """That the log of `second` events, by default that of the newest checkpoint, begins with that of `first`.

        Raises as `inclusion` does.
        """
        newest = self.checkpoint()
        second = _within(newest.size, newest.size if second is None else second)
        first = _within(second, first)
        with unreachable_as_refusal(), _proving(first):
            first_root, second_root = self._root(first, newest), self._root(second, newest)
            proof = prove_consistency(self._hashes, first, second)
            verify_consistency(first, second, proof, first_root, second_root)
        return Consistency(first=first, second=second, first_root=first_root, second_root=second_root, proof=proof)

    def verifier_key(self) -> str:
        """What others need to verify checkpoints. Raises SigningKeyUnavailable, and NotFound for an empty log."""
        verifier = self._verifier()
        if verifier is None:
            raise SigningKeyUnavailable(reason="this process has none, and signs no checkpoints")
        return verifier.verifier_key

    def origin(self) -> str | None:
        """The name of the log; an empty one has none."""
        with unreachable_as_refusal():
            return log_origin(self._rows)

    def export(self, first: int = 1, last: int | None = None) -> Iterator[bytes]:
        """The lines of an export: of whole appends, of all tenants, and so for administrators of the founding one.

        Raises InvalidPosition, and VerificationFailed for an event that cannot be written down.
        """
        require_operator(self._parts, self._caller, "export the log")
        head = self._parts.log.head()
        upto = _within(head, head if last is None else last)
        first = _within(upto, first)
        current().count(upto - first + 1, head)
        return self._exported(first, last)

    def _exported(self, first: int, last: int | None) -> Iterator[bytes]:
        """What is exported to the end has the record of who took it: a checkpoint that is kept next may bind that."""
        self._parts.trail.flush()
        last = self._parts.log.head() if last is None else last
        with unreachable_as_refusal():
            yield from exported(self._rows, first, last)

    def _newest(self) -> SignedCheckpoint | None:
        with unreachable_as_refusal():
            found = self._rows(QUERIES["newest_checkpoint"], {})
        return SignedCheckpoint.of(found[0]) if found else None

    def _root(self, size: int, newest: SignedCheckpoint) -> bytes:
        """Bound by the newest checkpoint, like everything that is proven."""
        if size == newest.size:
            return newest.root
        root = root_of(self._hashes, size)
        proof = prove_consistency(self._hashes, size, newest.size)
        verify_consistency(size, newest.size, proof, root, newest.root)
        return root

    def _verifier(self) -> Ed25519Verifier | None:
        origin, seed = self.origin(), signing_seed(self._parts.settings)
        return None if origin is None or seed is None else Ed25519Signer(origin, seed).verifier


def _within(last: int, position: int) -> int:
    if not 1 <= position <= min(last, LAST):
        raise InvalidPosition(value=position, reason=f"it must be between 1 and {last}")
    return position


@contextmanager
def _proving(position: int) -> Iterator[None]:
    try:
        yield
    except (ProofRejected, Invalid) as refusal:
        raise VerificationFailed(position=position, reason=f"the tree does not prove it ({refusal})") from None
