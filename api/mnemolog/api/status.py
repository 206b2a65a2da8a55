"""How the store is: what an operator looks at first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from mnemolog.api.parts import Parts
from mnemolog.domain.permissions import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`memories` counts those of the caller's tenant by state; `views` tells how far each view is behind the log."""

    version: str
    position: int
    embedded: bool
    embedder: str
    memories: dict[str, int]
    views: list[dict[str, Any]]


def status(parts: Parts, caller: Caller) -> Status:
    return Status(
        version=version("mnemolog"),
        position=parts.log.head(),
        embedded=parts.settings.dsn is None,
        embedder=parts.embeddings.embedder.name,
        memories=parts.directory.memory_counts(caller.tenant_id),
        views=[asdict(view) for view in parts.runner.status()],
    )
