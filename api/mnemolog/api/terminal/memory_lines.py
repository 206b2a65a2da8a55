"""Memories from what is piped in: one on each line, as it stands or as a JSON object in the form that REST takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pydantic import ValidationError

from mnemolog.api.bodies import MemoryBody
from mnemolog.api.strict_json import parse
from mnemolog.domain.commands import Remember
from mnemolog.domain.refusals import Invalid, Refusal

OPTIONS = ("key", "tags", "speaker")
LIFESPAN = frozenset({"ttl_seconds", "expires_at"})


def from_text(lines: Iterable[bytes], like: Remember) -> Iterator[Remember]:
    """Each line that is not blank, with all else as in `like`. Raises Invalid, which names the line."""
    for number, line in enumerate(lines, 1):
        if text := _decoded(number, line).strip():
            yield replace(like, text=text)


def from_json(lines: Iterable[bytes], like: Remember) -> Iterator[Remember]:
    """What a line does not name is as in `like`. Raises Invalid, which names the line."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _read(number, line, like)


def _read(number: int, line: bytes, like: Remember) -> Remember:
    try:
        body = MemoryBody.model_validate(parse(line))
        command = body.commands()[0]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "it"
        raise Invalid(reason=f"line {number}: {field}: {first['msg']}") from None
    except Refusal as refusal:
        raise Invalid(reason=f"line {number}: {refusal}") from None
    said = body.model_fields_set
    unsaid = {name: getattr(like, name) for name in OPTIONS if name not in said}
    return replace(command, **unsaid) if said & LIFESPAN else replace(command, ttl=like.ttl, **unsaid)


def _decoded(number: int, line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Invalid(reason=f"line {number} is not UTF-8 at byte {error.start}") from None
