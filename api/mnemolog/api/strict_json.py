"""JSON bodies, read strictly: what two parsers could understand in two ways is not accepted."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from anyio import fail_after
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from mnemolog.domain.refusals import (
    BodyTooLarge,
    BodyTooSlow,
    DuplicateJsonKey,
    InvalidText,
    MalformedJson,
    UnsupportedMediaType,
)

LARGEST_INTEGER = 2**63 - 1
MOST_DIGITS = 19
SHOWN = 64  # of a key that is complained about
INLINE_BYTES = 64 * 1024  # a larger body is parsed off the event loop


class StrictRequest(Request):
    """A request whose body is JSON or refused. FastAPI asks it for `body()` and then for `json()`."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            check_media_type(self.headers.get("content-type", ""), self.headers.get("content-encoding", "identity"))
            settings = self.app.state.store.parts.settings
            self._body = await read(self, settings.max_body_bytes, settings.body_seconds)
        return self._body

    async def json(self) -> Any:
        body = await self.body()
        return parse(body) if len(body) <= INLINE_BYTES else await run_in_threadpool(parse, body)


def check_media_type(content_type: str, content_encoding: str) -> None:
    """Raises UnsupportedMediaType for anything but plain JSON in UTF-8."""
    media_type, _, parameters = content_type.lower().partition(";")
    plain = content_encoding.lower() == "identity"
    if media_type.strip() != "application/json" or not plain:
        raise UnsupportedMediaType(media_type=content_type if plain else f"{content_type} as {content_encoding}")
    if parameters.replace('"', "").strip() not in ("", "charset=utf-8"):
        raise UnsupportedMediaType(media_type=content_type)


async def read(request: Request, limit: int, seconds: float) -> bytes:
    """Raises BodyTooSlow, or a client could hold its place for ever, and BodyTooLarge."""
    try:
        with fail_after(seconds):
            return await _read(request, limit)
    except TimeoutError:
        raise BodyTooSlow(limit=f"{seconds:g}") from None


async def _read(request: Request, limit: int) -> bytes:
    """Counted while it arrives, because Content-Length is only what the client says. Raises BodyTooLarge."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > MOST_DIGITS or int(announced) > limit):
        raise BodyTooLarge(limit=limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit=limit)
    return bytes(body)


def parse(body: bytes) -> Any:
    """Raises MalformedJson, DuplicateJsonKey or InvalidText."""
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(reason=f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(reason=f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise MalformedJson(reason="it is nested too deeply") from None
    if b"\\u" in body:  # nothing else can bring NUL or half a surrogate pair past the parser
        _check_text("the body", value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DuplicateJsonKey(key=twice[:SHOWN])
    return found


def _constant(name: str) -> float:
    raise MalformedJson(reason=f"{name} is not a JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise MalformedJson(reason="a number is too large")
    return number


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MOST_DIGITS or abs(number := int(text)) > LARGEST_INTEGER:
        raise MalformedJson(reason="a number is too large")
    return number


def _check_text(field: str, value: Any) -> None:
    if isinstance(value, str):
        _check_characters(field, value)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_text(f"{field}[{number}]", item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_characters(f"a key of {field}", name)
            _check_text(name[:SHOWN], item)


def _check_characters(field: str, text: str) -> None:
    if "\x00" in text:
        raise InvalidText(field=field, reason="it contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        reason = f"it contains a lone surrogate at character {error.start}"
        raise InvalidText(field=field, reason=reason) from None
