"""Which system an export is from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mnemolog.adapters.imports import langgraph, mem0, memos
from mnemolog.adapters.imports.imported import Reading
from mnemolog.domain.refusals import CannotImport

AUTO = "auto"
READERS: dict[str, Callable[[Any], Reading]] = {
    memos.NAME: memos.read,
    mem0.NAME: mem0.read,
    langgraph.NAME: langgraph.read,
}


def detect(document: Any) -> str:
    """The name of its format. Raises CannotImport when it could be several, or none."""
    if isinstance(document, dict) and "nodes" in document:
        return memos.NAME
    found = _items(document)
    first = found[0] if found else None
    if isinstance(first, dict):
        if {"namespace", "key", "value"} <= first.keys():
            return langgraph.NAME
        if "payload" in first or ("memory" in first and not first.keys() - {"id", "memory", "metadata"}):
            return memos.NAME
        if {"id", "memory"} <= first.keys():
            return mem0.NAME
    raise CannotImport(what="The export", reason=f"it is not clear which system it is from: say {', '.join(READERS)}")


def _items(document: Any) -> list[Any]:
    """Its first list, by any of the names that these systems give it."""
    if isinstance(document, dict):
        lists = [document[name] for name in ("results", "items") if name in document] or list(document.values())
        document = next(iter(lists), None)
    return document if isinstance(document, list) else []
