"""What is signed of the log, and how the log is compared with it.

A checkpoint binds the first `size` events: the root of the tree binds their leaves and their order, and the link of the
chain, in an extension line, when each of them was recorded. It is signed where an append ends, because links are there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from mnemolog.domain.merkle import Frontier
from mnemolog.domain.note import Checkpoint, Verifier, from_base64, open_checkpoint, to_base64
from mnemolog.domain.refusals import MalformedNote, VerificationFailed

ORIGIN = "mnemolog/"
_LINK = "chain "
_EMPTY_LINE = b"\n\n"


def origin_of(first_leaf: bytes) -> str:
    """A log is called by its first leaf: a copy keeps the name, no other log has it, and it says nothing else."""
    return ORIGIN + first_leaf.hex()[:32]


def checkpoint_of(origin: str, frontier: Frontier, link: bytes) -> Checkpoint:
    return Checkpoint(origin, frontier.size, frontier.root(), (_LINK + to_base64(link),))


def link_of(checkpoint: Checkpoint) -> bytes | None:
    """The chain at the end of what the checkpoint binds. Raises MalformedNote."""
    links = [line.removeprefix(_LINK) for line in checkpoint.extensions if line.startswith(_LINK)]
    return from_base64(links[0]) if links else None


def split_notes(content: bytes) -> list[bytes]:
    """Notes that stand one after the other, an empty line after each. An unfinished last one is left out.

    Raises MalformedNote where something else stands between them.
    """
    parts = content.split(_EMPTY_LINE)[:-1]
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    if not all(signed.startswith("— ".encode()) for _, signed in pairs):
        raise MalformedNote(reason="a file of checkpoints holds nothing but signed notes")
    return [text + _EMPTY_LINE + signed + b"\n" for text, signed in pairs]


def read_checkpoints(content: bytes, verifier: Verifier) -> list[Checkpoint]:
    """Those of a file, in its order, all signed with this key by the log that has the key's name.

    Raises MalformedNote, also for a file that has none; SignatureRejected; VerificationFailed as `check_growing` does.
    """
    checkpoints = [open_checkpoint(note, verifier.name, verifier) for note in split_notes(content)]
    if not checkpoints:
        raise MalformedNote(reason="the file holds no checkpoint")
    check_growing(checkpoints)
    return checkpoints


def check_growing(checkpoints: Sequence[Checkpoint]) -> None:
    """Raises VerificationFailed when a later one is about a smaller tree."""
    for earlier, later in pairwise(checkpoints):
        if later.size < earlier.size:
            reason = f"a log of {earlier.size} events was signed, and after that one of {later.size}"
            raise VerificationFailed(position=later.size + 1, reason=reason)


class Witness:
    """Goes along the leaves of a log, from the end of `frontier`, and compares it with checkpoints.

    What fails is known to lie between the last checkpoint that agreed and the one that does not.
    """

    def __init__(self, checkpoints: Iterable[Checkpoint], frontier: Frontier | None = None, link: bytes = b"") -> None:
        self.frontier = Frontier() if frontier is None else frontier
        self.agreed, self.bound = 0, self.frontier.size
        seen = (checkpoint for checkpoint in checkpoints if checkpoint.size >= self.frontier.size)
        self._ahead = deque(sorted(seen, key=lambda checkpoint: checkpoint.size))
        self._compare(link or None)

    def step(self, leaf: bytes, link: bytes | None) -> list[bytes]:
        """The hashes that are complete now, as `Frontier.append` has them. Raises VerificationFailed."""
        completed = self.frontier.append(leaf)
        self._compare(link)
        return completed

    def end(self) -> None:
        """Raises VerificationFailed when the log has ended before a checkpoint."""
        if self._ahead:
            reason = f"the log ends before position {self._ahead[-1].size}, which a checkpoint binds"
            raise VerificationFailed(position=self.frontier.size + 1, reason=reason)

    def _compare(self, link: bytes | None) -> None:
        while self._ahead and self._ahead[0].size == self.frontier.size:
            checkpoint = self._ahead.popleft()
            if checkpoint.root != self.frontier.root():
                self._fail("an event")
            if link_of(checkpoint) not in (None, link):
                self._fail("a time of recording, or the extent of an append,")
            self.agreed, self.bound = self.agreed + 1, checkpoint.size

    def _fail(self, what: str) -> None:
        reason = f"{what} from here to position {self.frontier.size} is not what it was when a checkpoint was signed"
        raise VerificationFailed(position=self.bound + 1, reason=reason)
