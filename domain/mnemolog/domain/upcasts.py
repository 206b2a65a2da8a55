"""How an event that was written by an older release is read by this one.

An upcast is a pure function of the data of one (event type, schema version) to the next version; of an event that was
erased it is given what is left, without the sealed facts. The log itself is never rewritten; additive changes need no
upcast because readers give every field that is missing its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Upcast = Callable[[Data], Data]

UPCASTS: dict[tuple[str, int], Upcast] = {}


def upcast(
    event_type: str, schema_version: int, data: Data, upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS
) -> Data:
    """`data` of `schema_version`, brought to the newest version that is known."""
    while (step := upcasts.get((event_type, schema_version))) is not None:
        data, schema_version = step(data), schema_version + 1
    return data
