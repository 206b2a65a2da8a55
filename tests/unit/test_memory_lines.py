"""Lines that are piped in become memories, or are refused by their number."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mnemolog.api.terminal.memory_lines import from_json, from_text
from mnemolog.domain.commands import Remember
from mnemolog.domain.metadata import MemoryType
from mnemolog.domain.refusals import Invalid

LIKE = Remember(text="-", tags=("tea",), speaker="Ada", ttl=timedelta(hours=1))


def test_every_line_that_says_something_is_a_memory_like_the_options_want_it() -> None:
    found = list(from_text([b"one\n", b"  \n", b" tw\xc3\xb6 \n"], LIKE))
    assert [each.text for each in found] == ["one", "twö"]
    assert {(each.tags, each.speaker, each.ttl) for each in found} == {(("tea",), "Ada", timedelta(hours=1))}


def test_an_object_says_what_it_says_and_the_options_say_the_rest() -> None:
    line = b'{"text": "one", "tags": [], "memory_type": "user", "ttl_seconds": 5}'
    (found,) = from_json([line], LIKE)
    assert (found.text, found.tags, found.speaker) == ("one", (), "Ada")
    assert (found.memory_type, found.ttl) == (MemoryType.USER, timedelta(seconds=5))


def test_a_moment_of_expiry_is_not_joined_by_the_lifetime_of_the_options() -> None:
    (found,) = from_json([b'{"text": "one", "expires_at": "2999-01-01T00:00:00Z"}'], LIKE)
    assert found.ttl is None
    assert found.expires_at is not None


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'"text"',
        b"{}",
        b'{"text": 3}',
        b'{"text": "a", "nonsense": 1}',
        b'{"text": "a", "text": "b"}',
        b'{"text": "a\\u0000"}',
        b'{"text": "a", "occurred_at": 5}',
        b'{"text": "\xff"}',
        b'{"text": "a", "ttl_seconds": 1e300}',
    ],
)
def test_a_line_that_is_no_memory_is_refused_by_its_number(line: bytes) -> None:
    lines = from_json([b'{"text": "fine"}', b"", line], LIKE)
    assert next(lines).text == "fine"
    with pytest.raises(Invalid, match=r"^line 3"):
        next(lines)


def test_a_line_that_is_not_utf8_is_refused_by_its_number() -> None:
    with pytest.raises(Invalid, match=r"^line 1 is not UTF-8 at byte 3"):
        list(from_text([b"caf\xe9"], LIKE))
