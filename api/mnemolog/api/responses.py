"""Answers as JSON. Dataclasses, ids and moments are written by orjson as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import JSONResponse

from mnemolog.api.answers import Written

POSITION = "Mnemolog-Position"


class Answer(JSONResponse):
    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


def appended(
    content: Any, position: int, *, status_code: int = 200, location: str | None = None, **headers: str
) -> Answer:
    """The answer to a write: its position is in the body and in a header."""
    all_headers = {POSITION: str(position), **headers} | ({"Location": location} if location is not None else {})
    return Answer(content, status_code=status_code, headers=all_headers)


def changed(written: Written) -> Answer:
    return appended(written, written.position)


def created(written: Written, one: UUID | None = None) -> Answer:
    """201, and where to find `one` when a single memory was made."""
    location = None if one is None else f"/v1/memories/{one}"
    return appended(written, written.position, status_code=201, location=location)


def items(found: Any, position: int | None = None) -> Mapping[str, Any]:
    """A list that has no further pages."""
    return {"items": found} | ({} if position is None else {"position": position})
