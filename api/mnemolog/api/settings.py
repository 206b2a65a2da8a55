"""What can be set, from the environment. Secrets are read from variables or files and are never flags."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from mnemolog.adapters.postgres.home import default_root
from mnemolog.domain.refusals import Invalid

MEBIBYTE = 1024 * 1024


class Audit(StrEnum):
    """Whether an answer waits for its record to be in the log."""

    STRICT = "strict"
    BUFFERED = "buffered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One installation. `dsn` None means the embedded server in `home`."""

    home: Path
    dsn: str | None = field(default=None, repr=False)
    embedder: str = "auto"
    embedder_key: str | None = field(default=None, repr=False)
    reranker: str = "none"
    reranker_key: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    key_encryption_key: str | None = field(default=None, repr=False)
    key_encryption_key_command: str | None = field(default=None, repr=False)
    next_key_encryption_key: str | None = field(default=None, repr=False)
    next_key_encryption_key_command: str | None = field(default=None, repr=False)
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_jwks: str | None = None
    jwt_tenant_claim: str | None = None
    wait_seconds: float = 30.0
    max_body_bytes: int = 4 * MEBIBYTE
    body_seconds: float = 30.0
    rate_per_key: float = 1000.0
    rate_per_tenant: float = 4000.0
    concurrent_per_key: int = 64
    concurrent_per_tenant: int = 128
    sweep_seconds: float = 30.0
    idle_seconds: float = 1800.0
    resident_memories: int = 1_000_000
    signing_key: str | None = field(default=None, repr=False)
    anchor: Path | None = None
    checkpoint_seconds: float = 1.0
    audit: Audit = Audit.BUFFERED
    audit_seconds: float = 0.1
    audit_buffer: int = 10_000
    query_seconds: float = 30.0
    query_memory_bytes: int = 1024 * MEBIBYTE
    queries_at_once: int = 2
    segment_events: int = 100_000

    @property
    def anchor_file(self) -> Path:
        """Where checkpoints are kept outside the database."""
        return self.home / "checkpoints" if self.anchor is None else self.anchor

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Raises Invalid for a number that is none. A DSN, or libpq's own PGHOST or PGSERVICE, wins over embedded."""
        dsn = env.get("MNEMOLOG_DSN") or ("" if env.get("PGHOST") or env.get("PGSERVICE") else None)
        return cls(
            home=default_root(env),
            dsn=dsn,
            embedder=env.get("MNEMOLOG_EMBEDDER", "auto"),
            embedder_key=env.get("MNEMOLOG_EMBEDDER_KEY"),
            reranker=env.get("MNEMOLOG_RERANKER", "none"),
            reranker_key=env.get("MNEMOLOG_RERANKER_KEY"),
            api_key=env.get("MNEMOLOG_API_KEY"),
            key_encryption_key=env.get("MNEMOLOG_KEY_ENCRYPTION_KEY"),
            key_encryption_key_command=env.get("MNEMOLOG_KEY_ENCRYPTION_KEY_COMMAND"),
            next_key_encryption_key=env.get("MNEMOLOG_NEXT_KEY_ENCRYPTION_KEY"),
            next_key_encryption_key_command=env.get("MNEMOLOG_NEXT_KEY_ENCRYPTION_KEY_COMMAND"),
            jwt_issuer=env.get("MNEMOLOG_JWT_ISSUER"),
            jwt_audience=env.get("MNEMOLOG_JWT_AUDIENCE"),
            jwt_jwks=env.get("MNEMOLOG_JWT_JWKS"),
            jwt_tenant_claim=env.get("MNEMOLOG_JWT_TENANT_CLAIM"),
            wait_seconds=_number(env, "MNEMOLOG_WAIT_SECONDS", 30.0),
            max_body_bytes=int(_number(env, "MNEMOLOG_MAX_BODY_BYTES", 4 * MEBIBYTE)),
            body_seconds=_number(env, "MNEMOLOG_BODY_SECONDS", 30.0),
            rate_per_key=_number(env, "MNEMOLOG_RATE_PER_KEY", 1000.0),
            rate_per_tenant=_number(env, "MNEMOLOG_RATE_PER_TENANT", 4000.0),
            concurrent_per_key=math.ceil(_number(env, "MNEMOLOG_CONCURRENT_PER_KEY", 64)),
            concurrent_per_tenant=math.ceil(_number(env, "MNEMOLOG_CONCURRENT_PER_TENANT", 128)),
            sweep_seconds=_number(env, "MNEMOLOG_SWEEP_SECONDS", 30.0),
            idle_seconds=_number(env, "MNEMOLOG_IDLE_SECONDS", 1800.0),
            resident_memories=int(_number(env, "MNEMOLOG_RESIDENT_MEMORIES", 1_000_000)),
            signing_key=env.get("MNEMOLOG_SIGNING_KEY"),
            anchor=Path(env["MNEMOLOG_ANCHOR"]).expanduser() if env.get("MNEMOLOG_ANCHOR") else None,
            checkpoint_seconds=_number(env, "MNEMOLOG_CHECKPOINT_SECONDS", 1.0),
            audit=_audit(env.get("MNEMOLOG_AUDIT", Audit.BUFFERED)),
            audit_seconds=_number(env, "MNEMOLOG_AUDIT_SECONDS", 0.1),
            audit_buffer=max(1, int(_number(env, "MNEMOLOG_AUDIT_BUFFER", 10_000))),
            query_seconds=_number(env, "MNEMOLOG_QUERY_SECONDS", 30.0),
            query_memory_bytes=int(_number(env, "MNEMOLOG_QUERY_MEMORY_BYTES", 1024 * MEBIBYTE)),
            queries_at_once=math.ceil(_number(env, "MNEMOLOG_QUERIES_AT_ONCE", 2)),
            segment_events=math.ceil(_number(env, "MNEMOLOG_SEGMENT_EVENTS", 100_000)),
        )


def _audit(text: str) -> Audit:
    try:
        return Audit(text)
    except ValueError:
        raise Invalid(reason=f"MNEMOLOG_AUDIT is one of {', '.join(Audit)}, not {text!r}") from None


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(env.get(name, default))
    except ValueError:
        raise Invalid(reason=f"{name} must be a number, not {env[name]!r}") from None
    if not 0 < value < 1e12:
        raise Invalid(reason=f"{name} must be positive, not {env[name]!r}")
    return value
