"""The state of the store does not allow it."""

from __future__ import annotations

from mnemolog.domain.refusals.refusal import Refusal


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


class CannotUndo(Conflict):
    """This cannot be undone: {reason}"""

    code = "cannot_undo"


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
