from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.content import MAX_LABEL_BYTES, MAX_TEXT_BYTES, check_label, check_text
from mnemolog.domain.refusals import InvalidText

anything = st.text(st.characters(), max_size=60)  # surrogates and NUL included


@given(anything)
def test_what_is_accepted_survives_utf_8_and_json_unchanged(text: str) -> None:
    try:
        kept = check_text("text", text)
    except InvalidText:
        assert not text.strip() or "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text)
    else:
        assert kept == text
        assert kept.encode().decode() == text
        assert json.loads(json.dumps(kept)) == text


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
def test_blank_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidText, match="text cannot be stored: it is empty"):
        check_text("text", text)


def test_a_nul_is_refused_because_postgres_cannot_hold_it() -> None:
    with pytest.raises(InvalidText, match="NUL character"):
        check_text("text", "a\x00b")


def test_a_lone_surrogate_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidText, match="lone surrogate at character 2"):
        check_text("text", "ab\ud83d")


def test_white_space_around_a_text_is_kept() -> None:
    assert check_text("text", "  two  \n") == "  two  \n"


@pytest.mark.parametrize("char", ["a", "é", "茶", "🍵"])
def test_the_limit_counts_bytes_and_not_characters(char: str) -> None:
    fitting = char * (MAX_TEXT_BYTES // len(char.encode()))
    assert check_text("text", fitting) == fitting
    with pytest.raises(InvalidText, match=f"at most {MAX_TEXT_BYTES} are accepted"):
        check_text("text", fitting + char)


def test_a_label_is_a_short_text() -> None:
    assert check_label("key", "k" * MAX_LABEL_BYTES)
    with pytest.raises(InvalidText, match="key cannot be stored: it has 513 bytes, and at most 512 are accepted"):
        check_label("key", "k" * (MAX_LABEL_BYTES + 1))


def test_a_refusal_does_not_repeat_the_text() -> None:
    with pytest.raises(InvalidText) as caught:
        check_text("text", "the secret\x00")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.facts)
