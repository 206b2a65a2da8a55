"""mnemolog: an event-sourced memory store for LLM agents.

from mnemolog.api import open_store

with open_store() as store:
    store.memories.remember("main", "Ada takes her coffee black.")
    answer = store.recall("main", "How does Ada like her coffee?")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnemolog.api.store import Store as Store
    from mnemolog.api.store import open_store as open_store

__all__ = ["Store", "open_store"]


def __getattr__(name: str) -> Any:
    """The store pulls in the database driver and numpy: `mnemolog --help` does without."""
    if name in __all__:
        from mnemolog.api import store

        return getattr(store, name)
    raise AttributeError(name)
