"""Seals what has been appended, off the path of appends: one thread of each process, one process at a time."""

from __future__ import annotations

import logging
import threading
import time

import psycopg

from mnemolog.adapters.anchor_file import AnchorFile
from mnemolog.adapters.postgres.connection import unreachable_as_refusal
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.adapters.postgres.tree import GrowingTree
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.api.sealing import Sealing
from mnemolog.api.settings import Settings
from mnemolog.api.signing_key import signing_seed
from mnemolog.domain.checkpoints import origin_of
from mnemolog.domain.note import parse_checkpoint, parse_note
from mnemolog.domain.refusals import MalformedNote, Refusal, Unavailable

logger = logging.getLogger(__name__)
MOST_UNSEALED = 1000  # events; with more, no more time is given
LOOK_SECONDS = 0.1
WAIT_SECONDS = 1.0


class Sealer:
    """A checkpoint every `checkpoint_seconds` while the log grows, sooner when it grows fast, and one at the end.

    A process that has no signing key makes one for a log that has no checkpoint, and leaves other logs alone.
    """

    def __init__(self, dsn: str, settings: Settings, wakeups: LogWakeups, log: PostgresLog) -> None:
        self._dsn, self._settings, self._wakeups, self._log = dsn, settings, wakeups, log
        self._anchor = AnchorFile(settings.anchor_file)
        self._signed = self._seen = self._already_signed()
        self._tree: GrowingTree | None = None
        self._sealing: Sealing | None = None
        self._complaint = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mnemolog-seal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What has been appended so far is sealed first."""
        self._stopping.set()
        self._thread.join()
        self.turn()
        self._let_go()

    def turn(self) -> None:
        """What goes wrong is said once. An outage is tried again, and anything else when the log has grown."""
        head = self._seen
        try:
            with unreachable_as_refusal():
                head = self._log.head()
                if head != self._signed:
                    self._seal()
            self._seen, self._complaint = head, ""
        except (Refusal, OSError, psycopg.Error) as error:
            self._let_go()
            self._complain(error)
            if isinstance(error, Refusal) and not isinstance(error, Unavailable):
                self._seen = head

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._wakeups.listen(self._seen, WAIT_SECONDS) > self._seen:
                self._gather(time.monotonic() + self._settings.checkpoint_seconds)
                if not self._stopping.is_set():
                    self.turn()
            else:
                self._stopping.wait(LOOK_SECONDS)

    def _gather(self, deadline: float) -> None:
        """Until the time has come, or there is much to seal."""
        while (left := deadline - time.monotonic()) > 0 and not self._stopping.wait(min(left, LOOK_SECONDS)):
            if self._wakeups.listen(-1, 0) >= self._seen + MOST_UNSEALED:
                break

    def _seal(self) -> None:
        sealing = self._sealing = self._sealing or self._begun()
        if sealing is not None:
            sealing.advance()
            sealing.sign()
            self._signed = sealing.signed

    def _begun(self) -> Sealing | None:
        """None when another process seals, or when this one has no key for a log that others have signed."""
        tree = self._tree = self._tree or GrowingTree(self._dsn)
        leaf = tree.first_leaf() if tree.lock() else None
        if leaf is None:
            return None
        seed = signing_seed(self._settings, may_make=not tree.has_checkpoint())
        return None if seed is None else Sealing(tree, self._anchor, Ed25519Signer(origin_of(leaf), seed))

    def _let_go(self) -> None:
        if self._tree is not None:
            self._tree.close()
        self._tree = self._sealing = None

    def _complain(self, error: Exception) -> None:
        told = str(error) if isinstance(error, Refusal) and not isinstance(error, Unavailable) else type(error).__name__
        if told != self._complaint:
            logger.warning("no checkpoint is signed: %s", told)
        self._complaint = told

    def _already_signed(self) -> int:
        """By the last checkpoint in the file, which nobody has verified yet."""
        try:
            note = self._anchor.last()
            return 0 if note is None else parse_checkpoint(parse_note(note).text).size
        except (OSError, MalformedNote):
            return 0
