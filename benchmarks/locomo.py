"""LoCoMo conversations with their questions and evidence (Maharana et al., 2024; CC BY-NC 4.0, so read from a path).

A conversation is one cube, a session one context, a turn one memory. Evidence that names no turn is dropped, and so is
a question without any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

MULTI_HOP, TEMPORAL, OPEN, SINGLE_HOP, ADVERSARIAL = range(1, 6)
ANSWERABLE = (MULTI_HOP, TEMPORAL, OPEN, SINGLE_HOP)
EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
TIME = "%I:%M %p on %d %B, %Y"  # 1:56 pm on 8 May, 2023


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """`turns` are the bodies of memories in the order they were said; `key` of each is its `dia_id`."""

    name: str
    turns: tuple[dict[str, Any], ...]
    questions: tuple[Asked, ...]


def dialogues(path: Path) -> list[Dialogue]:
    return [_dialogue(sample) for sample in json.loads(path.read_text(encoding="utf-8"))]


def _dialogue(sample: Mapping[str, Any]) -> Dialogue:
    name = str(sample["sample_id"])
    turns = tuple(_turns(name, sample["conversation"]))
    known = {turn["key"] for turn in turns}
    asked = (_asked(question, known) for question in sample["qa"])
    return Dialogue(name, turns, tuple(question for question in asked if question.evidence))


def _turns(name: str, conversation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    numbers = sorted(int(key.split("_")[1]) for key in conversation if re.fullmatch(r"session_\d+", key))
    for number in numbers:
        begun = datetime.strptime(conversation[f"session_{number}_date_time"], TIME).replace(tzinfo=UTC)
        for place, turn in enumerate(conversation[f"session_{number}"]):
            yield _memory(turn, uuid5(NAMESPACE_URL, f"{name}:{number}"), begun + timedelta(seconds=place))


def _memory(turn: Mapping[str, Any], context_id: UUID, at: datetime) -> dict[str, Any]:
    caption = f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
    return {
        "text": turn["text"] + caption,
        "key": turn["dia_id"],
        "speaker": turn["speaker"],
        "semantic_type": "dialogue",
        "context_id": str(context_id),
        "occurred_at": at.isoformat(),
    }


def _asked(question: Mapping[str, Any], known: set[str]) -> Asked:
    named = (f"D{int(m[1])}:{int(m[2])}" for text in question.get("evidence") or () for m in EVIDENCE.finditer(text))
    return Asked(question["question"], int(question["category"]), frozenset(named) & known)
