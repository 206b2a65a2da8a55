from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.metadata import MemoryType, SemanticType
from mnemolog.projections.filters import MAX_DEPTH, AllOf, AnyOf, Condition, Filter, Not, Operator, parse
from mnemolog.projections.questions import filter_json, question_json, question_of
from mnemolog.projections.recall import Question

MOMENTS = (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), datetime(2023, 5, 8, tzinfo=UTC))
ordered = st.sampled_from(tuple(Operator)[2:])
conditions = st.one_of(
    st.builds(Condition, st.just("priority"), ordered, st.tuples(st.integers(0, 9))),
    st.builds(Condition, st.just("occurred_at"), ordered, st.tuples(st.sampled_from(MOMENTS))),
    st.builds(Condition, st.just("context_id"), st.just(Operator.EQ), st.tuples(st.none() | st.just(UUID(int=7)))),
    st.builds(
        Condition,
        st.just("semantic_type"),
        st.just(Operator.IN),
        st.lists(st.sampled_from(SemanticType), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(Condition, st.just("tag"), st.just(Operator.IN), st.lists(st.text(), min_size=1, max_size=3).map(tuple)),
)


def both(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    some = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, parts), st.builds(AllOf, some), st.builds(AnyOf, some))


filters = st.recursive(conditions, both, max_leaves=6)
questions = st.builds(
    Question,
    text=st.text(min_size=1).filter(lambda text: text.strip() != "" and "\0" not in text and text.isprintable()),
    k=st.integers(1, 1000),
    recipe=st.sampled_from(("dialogue", "keyword")),
    weights=st.none() | st.just({"vector": 0.1 + 0.2, "terms": 1 / 3}),
    memory_types=st.frozensets(st.sampled_from(MemoryType)),
    filter=st.none() | conditions,
    exact=st.booleans(),
)


@given(filters.filter(lambda wanted: depth(wanted) <= MAX_DEPTH))
def test_a_filter_is_read_back_from_its_json(wanted: Filter) -> None:
    assert parse(orjson.loads(orjson.dumps(filter_json(wanted)))) == wanted


def depth(wanted: Filter) -> int:
    match wanted:
        case Condition():
            return 1
        case Not(part):
            return 1 + depth(part)
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(depth, parts))


def test_several_operators_on_one_field_are_nested_no_deeper_than_they_were() -> None:
    said: dict[str, Any] = {"field": "priority", "gte": 2, "lt": 5}
    for _ in range(MAX_DEPTH - 1):
        said = {"not": said}  # as deep as it may be
    assert parse(filter_json(parse(said))) == parse(said)


@given(questions)
def test_a_question_is_asked_again_from_its_json_to_the_last_bit_of_its_weights(question: Question) -> None:
    assert question_of(orjson.loads(orjson.dumps(question_json(question)))) == question
