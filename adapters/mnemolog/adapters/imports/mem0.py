"""What `Memory.get_all()` and `MemoryClient.get_all()` of mem0 return, written as JSON.

    {"results": [{"id", "memory", "metadata", "created_at", "user_id", "agent_id", "run_id", "categories", ...}]}

Older releases return the list alone. An export by a schema of one's own has no memories in it, but what a model made of
them. Users and agents become tags: nobody becomes a principal, or an owner, by being named in a file.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from mnemolog.adapters.imports.imported import Entry, Imported, Reading, entries, named, once
from mnemolog.domain.commands import Remember
from mnemolog.domain.content import MAX_LABEL_BYTES
from mnemolog.domain.metadata import Source
from mnemolog.domain.refusals import CannotImport

NAME = "mem0"


def read(document: Any) -> Reading:
    """Raises CannotImport."""
    found = document.get("results") if isinstance(document, dict) else document
    if isinstance(document, dict) and document.get("next"):
        raise CannotImport(what="The export", reason="it is one page of several; write all pages into one list")
    reading = Reading()
    for entry in entries("memory", found):
        entry.what = f"{NAME}:{entry.identifier('id')}"
        text = entry.text("memory")
        if text is None:
            reading.left_out["empty"] += 1
        else:
            reading.memories.append(_memory(entry, text, reading))
    return reading


def _memory(entry: Entry, text: str, reading: Reading) -> Imported:
    run = entry.text("run_id")
    people = named(user=entry.text("user_id"), agent=entry.text("agent_id"), app=entry.text("app_id"), run=run)
    remember = Remember(
        text=text,
        tags=once(*entry.labels("categories"), *people, *_metadata(entry.inner("metadata"), reading)),
        sources=(entry.what,),
        speaker=entry.text("actor_id", "role"),
        source=Source.IMPORT,
        occurred_at=entry.moment(reading, "created_at", "updated_at"),
        expires_at=_end_of(entry),
    )
    return Imported(source_id=entry.what, remember=remember, context=run)


def _metadata(metadata: Entry, reading: Reading) -> tuple[str, ...]:
    """Single values as `name:value`; what is nested, or longer than a label, has no place here."""
    tags = []
    for name, value in metadata.data.items():
        tag = f"{name}:{str(value).lower() if isinstance(value, bool) else value}"
        if isinstance(value, str | int | float) and len(tag.encode()) <= MAX_LABEL_BYTES:
            tags.append(tag)
        elif value is not None:
            reading.left_out["metadata"] += 1
    return tuple(tags)


def _end_of(entry: Entry) -> datetime | None:
    """mem0 tells a memory until the end of its last day, in UTC."""
    text = entry.text("expiration_date")
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        raise entry.refuse(f"{text[:40]!r} is not a date") from None
