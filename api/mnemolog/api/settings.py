"""What can be set, from the environment. Secrets are read from variables or files and are never flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from mnemolog.adapters.postgres.home import default_root
from mnemolog.domain.refusals import Invalid

MEBIBYTE = 1024 * 1024


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
    wait_seconds: float = 30.0
    max_body_bytes: int = 4 * MEBIBYTE
    sweep_seconds: float = 30.0

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
            wait_seconds=_number(env, "MNEMOLOG_WAIT_SECONDS", 30.0),
            max_body_bytes=int(_number(env, "MNEMOLOG_MAX_BODY_BYTES", 4 * MEBIBYTE)),
            sweep_seconds=_number(env, "MNEMOLOG_SWEEP_SECONDS", 30.0),
        )


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(env.get(name, default))
    except ValueError:
        raise Invalid(reason=f"{name} must be a number, not {env[name]!r}") from None
    if not 0 < value < 1e12:
        raise Invalid(reason=f"{name} must be positive, not {env[name]!r}")
    return value
