"""Conversations from LoCoMo files (Maharana et al., 2024, https://github.com/snap-research/locomo)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from mnemolog.api.demo.conversations import Changes, Conversation, Question, Session, Turn
from mnemolog.domain.refusals import Invalid

TIME = "%I:%M %p on %d %B, %Y"  # 1:56 pm on 8 May, 2023
SESSION = re.compile(r"session_(\d+)", re.ASCII)
TURN = re.compile(r"D\d+:\d+", re.ASCII)
UNANSWERABLE = 5  # the category of questions that the conversation does not answer
QUESTIONS = 3
FEWEST_TURNS = 4


class Malformed(ValueError):
    """Where a file is not of the form that it should have."""


def read_locomo(path: Path, sample: str | None = None) -> Conversation:
    """The sample of that name, or the first. Raises Invalid, which says what is wrong with the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Invalid(reason=f"{path} is not JSON: {error}") from None
    try:
        return conversation(_chosen(found if isinstance(found, list) else [found], sample))
    except Malformed as problem:
        raise Invalid(reason=f"{path} does not hold LoCoMo samples: {problem}") from None


def conversation(sample: Mapping[str, Any]) -> Conversation:
    """Raises Malformed."""
    name, spoken = _text(sample, "sample_id", "a sample"), sample.get("conversation")
    if not isinstance(spoken, dict):
        raise Malformed(f"{name} has no conversation")
    numbers = sorted(int(match[1]) for key in spoken if (match := SESSION.fullmatch(key)))
    sessions = tuple(_session(spoken, f"session_{number}") for number in numbers)
    turns = {turn.key: turn for session in sessions for turn in session.turns}
    if len(turns) < FEWEST_TURNS:
        raise Malformed(f"{name} has {len(turns)} turns, and {FEWEST_TURNS} are needed")
    questions = tuple(islice(_questions(sample.get("qa"), turns), QUESTIONS))
    return Conversation(name, f"LoCoMo {name}", sessions, questions, _changes(list(turns.values()), questions))


def _chosen(samples: Sequence[Any], wanted: str | None) -> Mapping[str, Any]:
    known = {each["sample_id"]: each for each in samples if isinstance(each, dict) and "sample_id" in each}
    if not known:
        raise Malformed("there is no object with a sample_id")
    if wanted is not None and wanted not in known:
        raise Malformed(f"there is no sample {wanted!r}, only {', '.join(map(str, known))}")
    chosen: Mapping[str, Any] = next(iter(known.values())) if wanted is None else known[wanted]
    return chosen


def _session(spoken: Mapping[str, Any], name: str) -> Session:
    moment, turns = _text(spoken, f"{name}_date_time", name), spoken[name]
    try:
        at = datetime.strptime(moment, TIME).replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(f"{name} is at {moment!r}, which is not like '1:56 pm on 8 May, 2023'") from None
    if not isinstance(turns, list):
        raise Malformed(f"{name} is not a list of turns")
    return Session(at, tuple(_turn(turn, f"{name}, turn {number}") for number, turn in enumerate(turns, 1)))


def _turn(turn: Any, where: str) -> Turn:
    if not isinstance(turn, dict):
        raise Malformed(f"{where} is not an object")
    text, caption = _text(turn, "text", where), turn.get("blip_caption")
    if isinstance(caption, str) and caption.strip():
        text = f"{text} [image: {caption}]"
    return Turn(_text(turn, "dia_id", where), _text(turn, "speaker", where), text)


def _questions(asked: Any, turns: Mapping[str, Turn]) -> Iterator[Question]:
    """Those that the conversation answers. What evidence names no turn is left out: some of it is malformed."""
    for each in asked if isinstance(asked, list) else ():
        if not isinstance(each, dict) or each.get("category") == UNANSWERABLE or "answer" not in each:
            continue
        evidence = tuple(key for key in TURN.findall(str(each.get("evidence"))) if key in turns)
        if evidence:
            yield Question(_text(each, "question", "a question"), str(each["answer"]), evidence)


def _changes(turns: Sequence[Turn], questions: Sequence[Question]) -> Changes:
    """The greeting is archived, a turn that answers a question is confirmed, two that answer none become one."""
    greeting, *others = turns
    told = {key for question in questions for key in question.evidence}
    confirmed = next((turn for turn in others if turn.key in told), others[0])
    rest = sorted((turn for turn in others if turn is not confirmed), key=lambda turn: turn.key in told)
    one, other = rest[0], rest[1]
    return Changes(
        revise=(confirmed.key, f"{confirmed.text} (Confirmed later.)"),
        archive=greeting.key,
        merge=((one.key, other.key), f"{one.speaker}: {one.text} {other.speaker}: {other.text}"),
        passing=("The guest network is open until the end of this call.", "How long is the guest network open?"),
    )


def _text(found: Mapping[str, Any], name: str, where: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Malformed(f"{where} has no {name}")
    return value
