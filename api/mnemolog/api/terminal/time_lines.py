"""How differences, origins and what happened are shown to people, and to programs that read lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import click

from mnemolog.api.terminal.tables import UNSAFE, Column
from mnemolog.api.time_answers import BlameAnswer, DiffAnswer, OriginAnswer, StepAnswer, TimelineEntry, WordsAnswer

Row = Sequence[Any]
POSITION = Column("position", right=True, style="cyan")
CHANGE_COLUMNS = (Column("what", style="dim"), Column("before", wide=True), Column("after", wide=True))
BLAME_COLUMNS = (POSITION, Column("time"), Column("actor"), Column("what", style="dim"), Column("value", wide=True))
TIMELINE_COLUMNS = (
    POSITION,
    Column("time"),
    Column("actor"),
    Column("event"),
    Column("memory", style="dim"),
    Column("text", cut=True),
    Column("facts", wide=True),
)
STEP_COLUMNS = (Column("event"), Column("id", style="dim"))
MARKS = {"kept": "{}", "gone": "[-{}-]", "new": "{{+{}+}}"}
STYLES: Mapping[str, Mapping[str, Any]] = {
    "kept": {},
    "gone": {"fg": "red", "strikethrough": True},
    "new": {"fg": "green"},
}


def worded(words: Sequence[WordsAnswer], *, coloured: bool) -> str:
    """One text with the other in it: in colours, or with [-what is gone-] and {+what is new+}."""
    if coloured:
        return "".join(click.style(_safe(each.text), **STYLES[each.kind]) for each in words)
    return "".join(MARKS[each.kind].format(_safe(each.text)) for each in words)


def change_rows(diff: DiffAnswer) -> Iterator[Row]:
    """All that has changed but the text."""
    for name, change in diff.fields.items():
        yield name.replace("_", " "), change.before, change.after
    for link in diff.links:
        yield f"link {link.relation} {link.target_id}", link.before, link.after
    if diff.readers is not None:
        yield from (("reader", None, each) for each in diff.readers.gained)
        yield from (("reader", each, None) for each in diff.readers.lost)


def blame_rows(blame: BlameAnswer, me: UUID) -> Iterator[Row]:
    """The text piece by piece, then each field that says something, then the links."""
    origins = {event.position: event for event in blame.events}
    for part in blame.text:
        yield *_origin(origins[part.position], me), "text", part.text
    for name, said in blame.fields.items():
        yield *_origin(origins[said.position], me), name.replace("_", " "), said.value
    for link in blame.links:
        yield *_origin(origins[link.position], me), f"link {link.relation}", f"{link.target_id} {link.weight:g}"


def timeline_row(entry: TimelineEntry, me: UUID) -> Row:
    who, name = actor(entry.actor_id, me), entry.type.rpartition(".")[0]
    return entry.position, entry.recorded_at, who, name, entry.memory_id, entry.text, entry.facts


def step_row(step: StepAnswer) -> Row:
    return step.type.rpartition(".")[0], step.stream_id


def actor(actor_id: UUID | None, me: UUID) -> str:
    """The store itself acts where no principal did: it archives what has expired."""
    return "mnemolog" if actor_id is None else "you" if actor_id == me else str(actor_id)


def _origin(event: OriginAnswer, me: UUID) -> Row:
    return event.position, event.recorded_at, actor(event.actor_id, me)


def _safe(text: str) -> str:
    """On as many lines as it has, and without the characters by which a stored text could take over a terminal."""
    return "\n".join(UNSAFE.sub("\ufffd", line) for line in text.split("\n"))
