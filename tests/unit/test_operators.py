"""What a question asks for outright is a filter and no text; what only looks like it is text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.metadata import MemoryType
from mnemolog.projections.filters import FIELDS, MAX_CONDITIONS, AllOf, Condition, Filter, Operator, parse
from mnemolog.projections.operators import read_operators


@pytest.mark.parametrize(
    ("question", "text", "wanted"),
    [
        ("key:coffee how much?", "how much?", {"field": "key", "eq": "coffee"}),
        ("how much key:v1.2?", "how much", {"field": "key", "eq": "v1.2"}),
        ('key:"my coffee" how much?', "how much?", {"field": "key", "eq": "my coffee"}),
        ("Where tag:travel to?", "Where to?", {"field": "tag", "eq": "travel"}),
        ("Where to? #travel", "Where to?", {"field": "tag", "eq": "travel"}),
        ("What of #New-York, then", "What of , then", {"field": "tag", "eq": "New-York"}),
        ("去哪里 #旅行", "去哪里", {"field": "tag", "eq": "旅行"}),
        ("speaker:Ann said?", "said?", {"field": "speaker", "eq": "ann"}),
        ('said? SPEAKER:"Ann  Lee"', "said?", {"field": "speaker", "eq": "ann lee"}),
        ("type:working now", "now", {"field": "memory_type", "eq": "working"}),
        ("in:long-term now", "now", {"field": "memory_type", "eq": "long_term"}),
        ("scope:LONG_TERM now", "now", {"field": "memory_type", "eq": "long_term"}),
        ("type:user,outer now", "now", {"field": "memory_type", "in": ["user", "outer"]}),
        ("then before:2023-05-01", "then", {"field": "occurred_at", "lt": "2023-05-01T00:00:00Z"}),
        ("then before:2023-05", "then", {"field": "occurred_at", "lt": "2023-05-01T00:00:00Z"}),
        ("then after:2023-05-01", "then", {"field": "occurred_at", "gt": "2023-05-01T23:59:59.999999Z"}),
        ("then after:2024-02", "then", {"field": "occurred_at", "gt": "2024-02-29T23:59:59.999999Z"}),
        ("then after:2023", "then", {"field": "occurred_at", "gt": "2023-12-31T23:59:59.999999Z"}),
    ],
)
def test_an_operator_is_a_condition_and_leaves_the_text(question: str, text: str, wanted: dict[str, object]) -> None:
    assert read_operators(question) == (text, parse(wanted))


@pytest.mark.parametrize("memory_type", MemoryType)
def test_every_type_of_memory_can_be_asked_for(memory_type: MemoryType) -> None:
    wanted = Condition("memory_type", Operator.EQ, (memory_type,))
    for name in ("type", "in", "scope"):
        assert read_operators(f"x {name}:{memory_type}") == ("x", wanted)


@pytest.mark.parametrize(
    "question",
    [
        "foo:bar",
        "http://x.org/tag:x",
        "at 12:30",
        "key: coffee",
        'key:""',
        'key:" "',
        "key:?",
        "key://x",
        'key:a"b"',
        'key:"a"b',
        'key:"a',
        "monkey:coffee",
        "(tag:x)",
        "type:nonsense",
        "type:user,nonsense",
        "type:user,,tool",
        "in:Paris",
        "scope:creep",
        "before:2023-02-30",
        "before:2023-13",
        "before:yesterday",
        "after:2023-5-1",
        "after:20230501",
        "after:٢٠٢٣",
        "#42",
        "# heading",
        "C#",
        "a#b",
        "#travel's",
        "#a/b",
        '"tag:x"',
        'Who said "a tag:x b"?',
        "Who said “a tag:x b”?",
        'foo:"a tag:x b"',
        f"key:{'x' * 513}",
        "in working memory",
        "in my long-term memory",
    ],
)
def test_what_only_looks_like_an_operator_is_text(question: str) -> None:
    assert read_operators(question) == (question, None)


def test_a_question_without_operators_keeps_its_spaces() -> None:
    assert read_operators(" a \n b ") == (" a \n b ", None)


def test_operators_between_quoted_phrases_count() -> None:
    assert read_operators('"tag:a" tag:b "tag:c"') == ('"tag:a" "tag:c"', Condition("tag", Operator.EQ, ("b",)))


def test_an_odd_quote_quotes_nothing() -> None:
    assert read_operators('a 5" pipe tag:x') == ('a 5" pipe', Condition("tag", Operator.EQ, ("x",)))


def test_all_of_several_tags_and_dates_must_hold() -> None:
    assert read_operators("#a tag:b #a after:2022 before:2024 who?") == (
        "who?",
        AllOf(
            (
                Condition("tag", Operator.EQ, ("a",)),
                Condition("tag", Operator.EQ, ("b",)),
                Condition("occurred_at", Operator.GT, (datetime(2022, 12, 31, 23, 59, 59, 999999, UTC),)),
                Condition("occurred_at", Operator.LT, (datetime(2024, 1, 1, tzinfo=UTC),)),
            )
        ),
    )


def test_of_several_keys_speakers_or_types_any_is_enough() -> None:
    assert read_operators("speaker:ann tea speaker:Ben speaker:ANN") == (
        "tea",
        Condition("speaker", Operator.IN, ("ann", "ben")),
    )
    assert read_operators("type:tool tea in:skill") == (
        "tea",
        Condition("memory_type", Operator.IN, (MemoryType.TOOL, MemoryType.SKILL)),
    )


def test_nothing_may_be_left() -> None:
    assert read_operators(" tag:a ") == ("", Condition("tag", Operator.EQ, ("a",)))


def test_operators_beyond_what_a_filter_may_have_are_text() -> None:
    text, wanted = read_operators(" ".join(f"#t{number}" for number in range(MAX_CONDITIONS + 2)))
    assert isinstance(wanted, AllOf)
    assert len(wanted.parts) == MAX_CONDITIONS
    assert text == f"#t{MAX_CONDITIONS} #t{MAX_CONDITIONS + 1}"


def conditions(wanted: Filter | None) -> tuple[Condition, ...]:
    if isinstance(wanted, AllOf):
        return tuple(part for part in wanted.parts if isinstance(part, Condition))
    return (wanted,) if isinstance(wanted, Condition) else ()


PIECES = st.sampled_from(
    (*("tag:", "key:", "speaker:", "in:", "type:", "before:", "#", '"', "“", "”"),
     *("a", "user", "2023-05", "-31", ",", ".", " ", "  ", "\n", ":", "/", "李"))
)  # fmt: skip


@given(st.lists(PIECES).map("".join) | st.text())
def test_whatever_is_asked_conditions_are_on_known_fields_and_words_are_kept(question: str) -> None:
    text, wanted = read_operators(question)
    for condition in conditions(wanted):
        assert condition.field in FIELDS
        assert all(value is not None and str(value).strip() for value in condition.values)
    if wanted is None:
        assert text == question
    else:
        assert len(text) < len(question)


@given(st.text(st.characters(exclude_characters='"'), min_size=1, max_size=60))
def test_any_key_without_quotes_can_be_asked_for_in_quotes(key: str) -> None:
    wanted = Condition("key", Operator.EQ, (key,)) if key.strip() else None
    assert read_operators(f'tea key:"{key}"')[1] == wanted
