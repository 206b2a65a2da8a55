"""Items of a LangGraph store: `[item.dict() for item in store.search(...)]`, or what the server's API answers.

    [{"namespace": ["memories", "ada"], "key", "value": {...}, "created_at", "updated_at"}]    or {"items": [...]}

The text of a value is that of its `content`, `text`, `memory` or `data`; what langmem stores has its content one level
deeper, beside its kind. A value without any of them is kept as the JSON that it is.
"""

from __future__ import annotations

from typing import Any

import orjson

from mnemolog.adapters.imports.imported import Entry, Imported, Reading, entries, once
from mnemolog.domain.commands import Remember
from mnemolog.domain.metadata import Source

NAME = "langgraph"
TEXTS = ("content", "text", "memory", "data")


def read(document: Any) -> Reading:
    """Raises CannotImport."""
    found = document.get("items") if isinstance(document, dict) else document
    reading = Reading()
    for entry in entries("item", found):
        namespace = entry.labels("namespace")
        entry.what = f"{NAME}:{'/'.join((*namespace, entry.identifier('key')))}"
        value = entry.inner("value")
        if not value.data:
            reading.left_out["empty"] += 1
        else:
            reading.memories.append(_memory(entry, namespace, value, reading))
    return reading


def _memory(entry: Entry, namespace: tuple[str, ...], value: Entry, reading: Reading) -> Imported:
    kind = value.data.get("kind")
    remember = Remember(
        text=_text(value.data),
        tags=once(*namespace, *((f"kind:{kind}",) if isinstance(kind, str) else ())),
        sources=(entry.what,),
        source=Source.IMPORT,
        occurred_at=entry.moment(reading, "created_at", "updated_at"),
    )
    return Imported(source_id=entry.what, remember=remember)


def _text(value: dict[str, Any]) -> str:
    inner = value.get("content")
    if isinstance(inner, dict):
        value = inner
    for name in TEXTS:
        text = value.get(name)
        if isinstance(text, str) and text.strip():
            return text
    return orjson.dumps(value).decode()
