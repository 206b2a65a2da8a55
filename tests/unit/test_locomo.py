"""LoCoMo files are read as they are, warts included; what is no such file is refused with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mnemolog.api.demo.locomo import read_locomo
from mnemolog.domain.refusals import Invalid


def sample(**changes: Any) -> dict[str, Any]:
    turns = [{"speaker": "Ada", "dia_id": f"D1:{n}", "text": f"This is turn {n}."} for n in range(1, 6)]
    spoken = {"speaker_a": "Ada", "session_1": turns, "session_1_date_time": "1:56 pm on 8 May, 2023"}
    qa = [{"question": "What is this?", "answer": 2022, "evidence": ["D1:3"], "category": 1}]
    return {"sample_id": "conv-1", "conversation": {**spoken, **changes.pop("conversation", {})}, "qa": qa} | changes


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(content: Any) -> Path:
        path = tmp_path / "locomo.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def test_turns_speakers_and_times_are_taken_over(written: Any) -> None:
    found = read_locomo(written([sample()]))
    assert (found.name, found.speakers, len(found.turns)) == ("conv-1", ("Ada",), 5)
    assert found.sessions[0].at == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert found.turns[2].key == "D1:3"


def test_sessions_are_in_the_order_of_their_numbers_and_a_time_without_a_session_is_none(written: Any) -> None:
    def turns(number: int) -> list[dict[str, str]]:
        return [{"speaker": "Bob", "dia_id": f"D{number}:1", "text": "Well."}]

    more = {f"session_{n}": turns(n) for n in (10, 2)}
    times = {f"session_{n}_date_time": f"12:05 am on {n} June, 2023" for n in (2, 10, 11)}
    found = read_locomo(written([sample(conversation=more | times)]))
    assert [session.turns[0].key for session in found.sessions] == ["D1:1", "D2:1", "D10:1"]


def test_the_caption_of_an_image_belongs_to_what_was_said(written: Any) -> None:
    content = sample()
    content["conversation"]["session_1"][0]["blip_caption"] = "a photo of a goose"
    assert read_locomo(written([content])).turns[0].text == "This is turn 1. [image: a photo of a goose]"


def test_the_wanted_sample_is_taken_or_else_the_first(written: Any) -> None:
    path = written([sample(), sample(sample_id="conv-2")])
    assert read_locomo(path).name == "conv-1"
    assert read_locomo(path, "conv-2").name == "conv-2"
    with pytest.raises(Invalid, match="there is no sample 'conv-3', only conv-1, conv-2"):
        read_locomo(path, "conv-3")


def test_one_sample_alone_is_a_file_too(written: Any) -> None:
    assert read_locomo(written(sample())).name == "conv-1"


def test_only_questions_that_the_conversation_answers_are_asked(written: Any) -> None:
    qa: list[Any] = [
        {"question": "Unanswerable?", "answer": "?", "evidence": ["D1:1"], "category": 5},
        {"question": "Without an answer?", "evidence": ["D1:1"], "category": 1},
        {"question": "Malformed?", "answer": "x", "evidence": ["D:11:26", "D30:05"], "category": 1},
        {"question": "Half malformed?", "answer": "x", "evidence": ["D8:6; D1:4"], "category": 1},
        "not a question",
    ]
    questions = read_locomo(written([sample(qa=qa)])).questions
    assert [(question.text, question.evidence) for question in questions] == [("Half malformed?", ("D1:4",))]


def test_the_turns_that_are_changed_are_different_ones(written: Any) -> None:
    changes = read_locomo(written([sample()])).changes
    assert changes.revise[0] == "D1:3"
    assert len({changes.revise[0], changes.archive, *changes.merge[0]}) == 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (3, "no object with a sample_id"),
        ([{"sample_id": 7}], "a sample has no sample_id"),
        ([{"sample_id": "conv-1"}], "conv-1 has no conversation"),
        (sample(conversation={"session_1_date_time": "yesterday"}), "session_1 is at 'yesterday'"),
        (sample(conversation={"session_1_date_time": None}), "session_1 has no session_1_date_time"),
        (sample(conversation={"session_1": 5}), "session_1 is not a list of turns"),
        (sample(conversation={"session_1": ["hello"]}), "session_1, turn 1 is not an object"),
        (sample(conversation={"session_1": [{"speaker": "A", "dia_id": "D1:1"}]}), "session_1, turn 1 has no text"),
        (sample(conversation={"session_1": []}), "conv-1 has 0 turns"),
    ],
)
def test_what_is_no_locomo_file_is_refused_with_the_reason(content: Any, reason: str, written: Any) -> None:
    with pytest.raises(Invalid, match=reason):
        read_locomo(written(content))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match="is not JSON"):
        read_locomo(tmp_path / "noise")
