from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.api.strict_json import LARGEST_INTEGER, check_media_type, parse
from mnemolog.domain.refusals import DuplicateJsonKey, InvalidText, MalformedJson, UnsupportedMediaType

STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | STORABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STORABLE, inner, max_size=4),
    max_leaves=12,
)


@given(document=DOCUMENTS, escaped=st.booleans())
def test_what_can_be_stored_is_read_as_it_was_written(document: Any, escaped: bool) -> None:
    assert parse(json.dumps(document, ensure_ascii=escaped).encode()) == document


@given(st.binary(max_size=60))
def test_anything_else_is_a_refusal_and_never_another_error(body: bytes) -> None:
    with suppress(MalformedJson, DuplicateJsonKey, InvalidText):
        parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
        b'{"a": NaN}',
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"9223372036854775808",
        b"-9223372036854775808",
        b"1" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"\xed\xa0\x80"',
        b'"\xff\xfe"',
        b'"\xc0\x80"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'"\x00"',
        b'"\n"',
        b'"\\x41"',
        b'"\\ud8"',
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse(body)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"a": 1, "a": 1}', "a"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "b"),
        (b'{"a": 1, "\\u0061": 2}', "a"),
        (b'[{"\\ud800": 1, "\\ud800": 2}]', "\ud800"),
    ],
)
def test_a_key_that_stands_twice_is_refused(body: bytes, key: str) -> None:
    with pytest.raises(DuplicateJsonKey) as refused:
        parse(body)
    assert refused.value.facts == {"key": key}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"text": "a\u0000b"}', "text"),
        (rb'{"text": "\ud800"}', "text"),
        (rb'{"text": "\udc00\ud800"}', "text"),
        (rb'{"memories": [{"tags": ["fine", "\udfff"]}]}', "tags[1]"),
        (rb'{"a": {"\ud800": 1}}', "a key of a"),
        (rb'{"a\u0000": 1}', "a key of the body"),
        (rb'"\u0000"', "the body"),
    ],
)
def test_text_that_cannot_be_stored_is_refused_where_it_stands(body: bytes, field: str) -> None:
    with pytest.raises(InvalidText) as refused:
        parse(body)
    assert refused.value.facts["field"] == field


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_in_utf8_is_accepted(content_type: str) -> None:
    check_media_type(content_type, "identity")


@pytest.mark.parametrize(
    ("content_type", "content_encoding"),
    [
        ("", "identity"),
        ("text/plain", "identity"),
        ("text/json", "identity"),
        ("application/json-patch+json", "identity"),
        ("application/x-www-form-urlencoded", "identity"),
        ("application/json; charset=utf-16", "identity"),
        ("application/json", "gzip"),
    ],
)
def test_another_kind_of_body_is_refused(content_type: str, content_encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        check_media_type(content_type, content_encoding)
