"""Something did not check out."""

from __future__ import annotations

from mnemolog.domain.refusals.refusal import Refusal


class VerificationFailed(Refusal):
    """Verification failed at position {position}: {reason}"""

    code, status, exit_code = "verification_failed", 500, 6


class ViewDiffers(VerificationFailed):
    """View {view} is not what the log says of cube {cube_id}, at position {position}: {reason}.
    `mnemolog rebuild {view}` makes it anew."""

    code = "view_differs"


class AnswerDiffers(VerificationFailed):
    """The answer at position {position} is another one when asked again: {what} was {recorded}, and is {found}."""

    code = "answer_differs"


class SegmentCorrupted(VerificationFailed):
    """Segment file {file} is not as it was written, at position {position}: {reason}.
    Remove the folder of segments, and `mnemolog segments write` makes it anew from the log."""

    code = "segment_corrupted"


class ModelRejected(VerificationFailed):
    """Model file {file} is not the one that was expected: its sha256 is {actual}."""

    code = "model_rejected"


class ErasedKeysDamaged(VerificationFailed):
    """{file} is not as it was written: {reason}. Put back a copy of it. Without one, remove it:
    what the database knows of destroyed keys goes into a new one."""

    code = "erased_keys_damaged"


class BundleCorrupted(VerificationFailed):
    """The dump is not as it was written: {file}: {reason}"""

    code, status = "bundle_corrupted", 422


class ProofRejected(VerificationFailed):
    """The proof does not hold: {reason}"""

    code, status = "proof_rejected", 422


class MalformedNote(VerificationFailed):
    """This is not a signed note: {reason}"""

    code, status = "malformed_note", 422


class SignatureRejected(VerificationFailed):
    """The note cannot be believed: {reason}"""

    code, status = "signature_rejected", 422
