"""How the store is: what an operator looks at first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from mnemolog.api.parts import Parts
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Unavailable


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


def check_ready(parts: Parts) -> None:
    """Raises StoreUnreachable when the log cannot be read, Unavailable when a view waits for what does not answer."""
    parts.log.head()
    for view in parts.runner.status():
        if view.last_error_code is not None:
            raise Unavailable(reason=f"view {view.name} waits ({view.last_error_code})")
