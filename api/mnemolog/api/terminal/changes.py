"""What each event changed in a memory, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mnemolog.api.answers import EventAnswer

LONGEST = 60


def changes(events: Sequence[EventAnswer]) -> Iterator[tuple[EventAnswer, str]]:
    """The events of one memory, oldest first, each with what it changed."""
    known: dict[str, Any] = {}
    for event in events:
        yield event, _told(event, known)
        known = {**known, **event.data}


def name_of(event: EventAnswer) -> str:
    """`memory.generated.v1` -> generated."""
    return event.type.split(".")[1].replace("_", " ")


def _told(event: EventAnswer, known: Mapping[str, Any]) -> str:
    data = event.data
    if event.erased:
        return "what it said has been erased"
    match name_of(event):
        case "generated":
            return f'"{data["text"]}"'
        case "revised":
            return "; ".join(_differences(known, data)) or "nothing"
        case "retention set":
            return f"until {data['expires_at']}" if data["expires_at"] else "for ever"
        case "linked" | "unlinked":
            return f"{data['relation']} {data['target_id']}"
    return ", ".join(
        f"{name} {data[name]}" for name in ("gate", "reason", "into", "by", "legal_hold") if data.get(name)
    )


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("text") != after["text"]:
        yield f'"{_short(before.get("text"))}" -> "{after["text"]}"'
    for part in ("description", "governance"):
        old, new = before.get(part, {}), after[part]
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield f"{name} {_short(old.get(name))} -> {_short(new.get(name))}"


def _short(value: Any) -> str:
    text = "none" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
