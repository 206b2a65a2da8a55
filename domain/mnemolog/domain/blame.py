"""Which event put each part of a memory there: each word of its text, and each thing that is said about it.

A word that survives a revision keeps its origin; what is taken away and put back comes from where it was put back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from mnemolog.domain.log import Event
from mnemolog.domain.memory import TRANSITION_EVENTS, Memory, Relation, Transition
from mnemolog.domain.metadata import Description, Governance
from mnemolog.domain.word_diff import Kind, word_diff, words

Link: TypeAlias = tuple[UUID, Relation]
TARGETS = {each.TOPIC: each.target for each in TRANSITION_EVENTS.values() if issubclass(each, Transition)}
RETURNS = frozenset({Memory.Thawed.TOPIC, Memory.Restored.TOPIC, Memory.Unmerged.TOPIC})
MERGED_TO = Relation.MERGED_TO


@dataclass(frozen=True, slots=True)
class Part:
    """Words of the text that one event put there; `position` is that event's."""

    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Said:
    """A value, and the position of the event that put it there."""

    value: Any
    position: int


@dataclass(slots=True)
class Blame:
    """`parts` joined are the text. `fields` has description, governance and what is decided by rule, by name."""

    parts: Sequence[Part] = ()
    fields: dict[str, Said] = field(default_factory=dict)
    links: dict[Link, Said] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    def take(self, event: Event) -> None:
        """Events of one memory, in their order. What they said must not have been erased."""
        data, position = event.data, event.position
        if event.type in (Memory.Generated.TOPIC, Memory.Revised.TOPIC):
            self._word(data, position)
        if event.type == Memory.Generated.TOPIC:
            told = {"state": "generated", "legal_hold": False, "occurred_at": event.occurred_at.isoformat()}
            self._say(position, **told, expires_at=data["expires_at"], corroborations=0)
        elif event.type == Memory.RetentionSet.TOPIC:
            self._say(position, expires_at=data["expires_at"])
        elif event.type == Memory.Corroborated.TOPIC:
            self._say(position, corroborations=self.fields["corroborations"].value + 1)
        elif event.type in TARGETS:
            self._step(event)
        elif event.type == Memory.Linked.TOPIC:
            self.links[_link(data)] = Said(data["weight"], position)
        elif event.type == Memory.Unlinked.TOPIC:
            self.links.pop(_link(data), None)

    def _word(self, data: Mapping[str, Any], position: int) -> None:
        self.parts = tuple(_joined(_survivors(self.parts, data["text"], position)))
        self._say(position, **described(data["description"]), **governed(data["governance"]))
        if data.get("rewritten"):
            self._say(position, corroborations=0)

    def _step(self, event: Event) -> None:
        self._say(event.position, state=TARGETS[event.type].value, legal_hold=bool(event.data.get("legal_hold")))
        if event.type == Memory.Merged.TOPIC:
            self.links[UUID(event.data["into"]), MERGED_TO] = Said(1.0, event.position)
        elif event.type in RETURNS:
            self.links = {link: said for link, said in self.links.items() if link[1] is not MERGED_TO}

    def _say(self, position: int, **values: Any) -> None:
        for name, value in values.items():
            if name not in self.fields or self.fields[name].value != value:
                self.fields[name] = Said(value, position)


def blame(events: Iterable[Event]) -> Blame:
    """Of a memory, from its own events in their order."""
    found = Blame()
    for event in events:
        found.take(event)
    return found


def described(data: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of a description, those that say nothing too."""
    empty = {name: None for name in Description.__dataclass_fields__}
    return empty | {name: value for name, value in data.items() if name in empty}


def governed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a governance, as events write it."""
    empty = {name: None for name in Governance.__dataclass_fields__}
    return empty | {name: value for name, value in data.items() if name in empty}


def _survivors(parts: Sequence[Part], text: str, position: int) -> Iterator[Part]:
    before = "".join(part.text for part in parts)
    origins = [part.position for part in parts for _ in part.text]
    place = 0
    for change in word_diff(before, text):
        if change.kind is Kind.NEW:
            yield Part(change.text, position)
            continue
        if change.kind is Kind.KEPT:
            for word in words(change.text):
                yield Part(word, origins[place])
                place += len(word)
        else:
            place += len(change.text)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Neighbours of the same origin are one part."""
    held: list[Part] = []
    for part in parts:
        if held and held[0].position != part.position:
            yield Part("".join(each.text for each in held), held[0].position)
            held = []
        held.append(part)
    if held:
        yield Part("".join(each.text for each in held), held[0].position)


def _link(data: Mapping[str, Any]) -> Link:
    return UUID(data["target_id"]), Relation(data["relation"])
