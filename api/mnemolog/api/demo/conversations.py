"""Conversations to remember, what to ask about them, and what to do with the memories afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid5

from mnemolog.domain.commands import Remember
from mnemolog.domain.metadata import SemanticType

NAMESPACE = UUID("6f1d3c52-0d5b-5a7e-9b62-3f4c8d1e7a90")
OURS = "lighthouse_bakery.json"


@dataclass(frozen=True, slots=True)
class Turn:
    key: str
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Session:
    at: datetime
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence` are the keys of the turns that answer it."""

    text: str
    answer: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is done to the memories of a conversation after it, by their keys."""

    revise: tuple[str, str]
    archive: str
    merge: tuple[tuple[str, ...], str]
    passing: tuple[str, str]  # what is true for a moment only, and the question that it answers


@dataclass(frozen=True, slots=True)
class Conversation:
    name: str
    title: str
    sessions: tuple[Session, ...]
    questions: tuple[Question, ...]
    changes: Changes

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(turn for session in self.sessions for turn in session.turns)

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))

    @property
    def id(self) -> UUID:
        """Made from all that it says: another text is another conversation."""
        return uuid5(NAMESPACE, sha256(repr(self).encode()).hexdigest())

    def memories(self, session: Session) -> list[Remember]:
        """One memory for each turn, a second apart, so that their order in time is that of the conversation."""
        context_id = uuid5(self.id, f"session:{self.sessions.index(session)}")
        return [
            Remember(
                text=turn.text,
                key=turn.key,
                speaker=turn.speaker,
                context_id=context_id,
                semantic_type=SemanticType.DIALOGUE,
                occurred_at=session.at + timedelta(seconds=number),
            )
            for number, turn in enumerate(session.turns)
        ]


def our_own() -> Conversation:
    """The one that is part of this package."""
    return _ours(json.loads((files("mnemolog.api.demo") / OURS).read_text(encoding="utf-8")))


def _ours(found: Mapping[str, Any]) -> Conversation:
    sessions = tuple(
        Session(
            datetime.fromisoformat(session["at"]),
            tuple(
                Turn(f"S{number}:{place}", turn["speaker"], turn["text"])
                for place, turn in enumerate(session["turns"], 1)
            ),
        )
        for number, session in enumerate(found["sessions"], 1)
    )
    questions = tuple(Question(q["question"], q["answer"], tuple(q["evidence"])) for q in found["questions"])
    changes = Changes(
        revise=(found["revision"]["key"], found["revision"]["text"]),
        archive=found["archival"]["key"],
        merge=(tuple(found["merge"]["keys"]), found["merge"]["text"]),
        passing=(found["passing"]["text"], found["passing"]["question"]),
    )
    return Conversation(found["name"], found["title"], sessions, questions, changes)
