"""The checkpoints that this installation has kept outside the database, each with its signature verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mnemolog.adapters.anchor_file import AnchorFile
from mnemolog.adapters.postgres.exporting import log_origin
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.adapters.postgres.verify import Verified, rows_of
from mnemolog.adapters.postgres.verify_evidence import verify_evidence
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.api.settings import Settings
from mnemolog.api.signing_key import signing_seed
from mnemolog.domain.checkpoints import read_checkpoints
from mnemolog.domain.note import Checkpoint, parse_checkpoint, parse_note
from mnemolog.domain.refusals import SigningKeyUnavailable, VerificationFailed


def verify_kept(
    settings: Settings, source: LogRecorder | str, progress: Callable[[int], None] | None = None
) -> Verified:
    """The whole log, against every checkpoint that was kept.

    Raises VerificationFailed with the first bad position, and what `kept_checkpoints` raises.
    """
    with rows_of(source) as rows:
        origin = log_origin(rows)
    return verify_evidence(source, kept_checkpoints(settings, origin), progress)


def kept_checkpoints(settings: Settings, origin: str | None) -> Sequence[Checkpoint]:
    """Raises VerificationFailed, MalformedNote, SignatureRejected, SigningKeyUnavailable."""
    notes = AnchorFile(settings.anchor_file).notes()
    if not notes:
        return ()
    seed = signing_seed(settings)
    if seed is None:
        raise SigningKeyUnavailable(reason="there are checkpoints, but not the key that signed them")
    named = parse_checkpoint(parse_note(notes[0]).text).origin
    checkpoints = read_checkpoints(b"".join(note + b"\n" for note in notes), Ed25519Signer(named, seed).verifier)
    if named != origin:
        reason = f"checkpoints were signed of the log {named!r}, and this is {'empty' if origin is None else origin!r}"
        raise VerificationFailed(position=1, reason=reason)
    return checkpoints
