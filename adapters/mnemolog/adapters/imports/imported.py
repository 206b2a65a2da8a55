"""What a reader makes of an export, and how it asks the entries of one for what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mnemolog.domain.commands import Remember
from mnemolog.domain.memory import Relation
from mnemolog.domain.refusals import CannotImport


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """From a memory to another, both by their `source_id`."""

    source_id: str
    target_id: str
    relation: Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`source_id` is `<system>:<id>`; it is also the first of the memory's sources. `context` names a conversation."""

    source_id: str
    remember: Remember
    context: str | None = None


@dataclass(slots=True)
class Reading:
    """`left_out` counts, by why, what is in the export and not among these; `naive_times` what was taken as UTC."""

    memories: list[Imported] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    naive_times: int = 0


class Entry:
    """A JSON object of an export. Everything raises CannotImport when it is not of the kind that it should be."""

    def __init__(self, what: str, data: Any) -> None:
        if not isinstance(data, dict):
            raise CannotImport(what=what, reason="it is not a JSON object")
        self.what, self.data = what, data

    def refuse(self, reason: str) -> CannotImport:
        return CannotImport(what=self.what, reason=reason)

    def text(self, *fields: str) -> str | None:
        """The first of these fields that says something."""
        for name in fields:
            value = self.data.get(name)
            if value is not None and not isinstance(value, str):
                raise self.refuse(f"{name} is not text")
            if value and value.strip():
                return value
        return None

    def identifier(self, field: str) -> str:
        value = self.data.get(field)
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise self.refuse(f"it has no {field}")
        return str(value)

    def labels(self, field: str) -> tuple[str, ...]:
        """The texts of a list, without blank ones."""
        value = self.data.get(field)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.refuse(f"{field} is not a list of texts")
        return tuple(each for each in value if each.strip())

    def inner(self, field: str) -> Entry:
        """An object in this one; an empty one where there is none."""
        value = self.data.get(field)
        return Entry(f"{field} of {self.what}", {} if value is None else value)

    def moment(self, reading: Reading, *fields: str) -> datetime | None:
        """The first of these that is there, in UTC. One without a zone is taken as UTC, and counted."""
        text = self.text(*fields)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self.refuse(f"{text[:40]!r} is not an ISO 8601 time") from None
        if moment.tzinfo is None:
            reading.naive_times += 1
            return moment.replace(tzinfo=UTC)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise self.refuse(f"{text[:40]!r} is out of range") from None


def entries(what: str, found: Any) -> Iterator[Entry]:
    """The objects of a list, called by their number until they have a better name. Raises CannotImport."""
    if not isinstance(found, list):
        raise CannotImport(what=what, reason="it is not a list")
    for number, data in enumerate(found, 1):
        yield Entry(f"{what} {number}", data)


def once(*labels: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))


def named(**names: str | None) -> tuple[str, ...]:
    """Tags such as `user:ada`, of those that are known."""
    return tuple(f"{kind}:{name}" for kind, name in names.items() if name is not None)
