"""A filter lets through exactly the memories that fulfil it, and what it does not let through leaves no trace."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import MemoryType, SemanticType, Source
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.filters import AllOf, AnyOf, Condition, Filter, Not, Operator, parse
from mnemolog.projections.recall import Question
from tests.histories import ANN, BEN, NOW, History, begin, histories
from tests.unit.asking import TALK, ask, members, questions, remembered, views_of

CONTEXT = str(TALK)
VALUES: dict[str, tuple[Any, ...]] = {
    "memory_type": ("long_term", "user", "tool"),
    "semantic_type": ("fact", "event"),
    "source": ("user", "web", "merge"),
    "priority": (0, 4, 5, 9),
    "occurred_at": (NOW.isoformat(), "2023-05-08T02:00:00+02:00", "2024-01-01T00:00:00Z"),
    "owner_id": (str(ANN), str(BEN), str(UUID(int=404))),
    "context_id": (None, CONTEXT, str(UUID(int=404))),
    "key": (None, "Drinks", "住所", "drinks"),
    "tag": (None, "tea", "咖啡", "blue"),
    "speaker": (None, "ANN", "ann  lee", "Ben"),
}
NAMES = st.sampled_from(("and", "or", "not", "field", "eq", "in", "lt"))
ORDERED = ("priority", "occurred_at")


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(list(VALUES)))
    values = st.sampled_from(VALUES[name])
    asked = draw(st.sampled_from(("eq", "in", *(("lt", "lte", "gt", "gte") if name in ORDERED else ()))))
    return {"field": name, asked: draw(st.lists(values, min_size=1, max_size=3) if asked == "in" else values)}


filters = st.recursive(
    conditions(),
    lambda parts: (
        st.builds(lambda part: {"not": part}, parts)
        | st.builds(
            lambda name, each: {name: each}, st.sampled_from(("and", "or")), st.lists(parts, min_size=1, max_size=3)
        )
    ),
    max_leaves=6,
).filter(lambda data: depth(data) <= 8)


def depth(data: dict[str, Any]) -> int:
    inner = data.get("and") or data.get("or") or ([data["not"]] if "not" in data else [])
    return 1 + max(map(depth, inner), default=0)


def fulfils(memory: Memory, data: dict[str, Any]) -> bool:
    """By the JSON itself and the memory itself."""
    if "and" in data:
        return all(fulfils(memory, part) for part in data["and"])
    if "or" in data:
        return any(fulfils(memory, part) for part in data["or"])
    if "not" in data:
        return not fulfils(memory, data["not"])
    found = facts(memory, data["field"])
    (operator, wanted), *_ = ((name, value) for name, value in data.items() if name != "field")
    listed = [readable(data["field"], each) for each in (wanted if operator == "in" else [wanted])]
    if operator in ("eq", "in"):
        return bool(found & set(listed))
    compare: dict[str, Callable[[Any], bool]] = {
        "lt": lambda value: value < listed[0],
        "lte": lambda value: value <= listed[0],
        "gt": lambda value: value > listed[0],
        "gte": lambda value: value >= listed[0],
    }
    return any(compare[operator](value) for value in found)


def readable(field: str, value: Any) -> Any:
    if field == "occurred_at":
        return datetime.fromisoformat(value)
    return " ".join(value.casefold().split()) if field == "speaker" and value else value


def facts(memory: Memory, field: str) -> set[Any]:
    described, governed = memory.description, memory.governance
    if field == "tag":
        return set(described.tags) or {None}
    if field in ("key", "speaker"):
        return {readable(field, getattr(described, field))}
    if field == "occurred_at":
        return {memory.occurred_at}
    value = getattr(governed, field)
    return {str(value) if isinstance(value, UUID) else value}


@given(histories(), members, questions, filters, st.data())
def test_of_what_is_permitted_exactly_that_is_let_through_which_fulfils_the_filter(
    history: History, caller: Caller, question: Question, data: dict[str, Any], draw: st.DataObject
) -> None:
    at = draw.draw(st.integers(0, history.head))
    views, narrowed = views_of(history.events), replace(question, filter=parse(data))
    for cube in history.cubes:
        everything = ask(views, cube.id, question, caller, at=at)
        ranking = ask(views, cube.id, narrowed, caller, at=at)
        then = {hit.memory_id: history.memory_at(hit.memory_id, at) for hit in everything.hits}
        expected = {each for each, memory in then.items() if memory is not None and fulfils(memory, data)}
        assert {hit.memory_id for hit in ranking.hits} == expected
        assert ranking.considered == len(expected)
        filtered = everything.considered - ranking.considered
        assert ranking.dropped == {**everything.dropped, **({"filtered": filtered} if filtered else {})}


@given(histories(erasures=False), members, questions, filters)
def test_what_is_filtered_out_changes_neither_the_order_nor_any_score_of_the_others(
    history: History, caller: Caller, question: Question, data: dict[str, Any]
) -> None:
    narrowed = replace(question, filter=parse(data))
    for cube in history.cubes:
        hits = ask(views_of(history.events), cube.id, narrowed, caller).hits
        shown = {hit.memory_id for hit in hits}
        views = views_of([])
        for view in (views.scopes, views.terms, views.vectors, views.turns, views.labels):
            left = [event for event in history.events if event.memory_id is None or event.memory_id in shown]
            view.apply(left, history.head)
        assert ask(views, cube.id, question, caller).hits == hits


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"field": "context_id", "eq": CONTEXT}, [1]),
        ({"field": "context_id", "eq": None}, [0]),
        ({"field": "context_id", "in": [None, CONTEXT]}, [0, 1]),
        ({"not": {"field": "context_id", "eq": CONTEXT}}, [0]),
        ({"field": "context_id", "eq": str(UUID(int=404))}, []),
        ({"field": "speaker", "eq": None}, [0]),
        ({"field": "speaker", "eq": "ann LEE"}, [1]),
        ({"field": "tag", "eq": None}, [0, 1]),
        ({"field": "owner_id", "eq": str(BEN)}, [1]),
        ({"field": "owner_id", "eq": str(UUID(int=404))}, []),
        ({"field": "semantic_type", "in": ["event", "opinion"]}, [1]),
        ({"field": "source", "eq": "web"}, [1]),
        ({"field": "memory_type", "eq": "tool"}, [1]),
        ({"field": "priority", "gte": 5, "lt": 6}, [0]),
        ({"field": "priority", "lte": 5}, [0]),
        ({"field": "priority", "gt": 5}, [1]),
    ],
    ids=str,
)
def test_every_field_can_be_asked_for(condition: dict[str, Any], found: list[int]) -> None:
    history = begin()
    facts = {"owner_id": BEN, "semantic_type": SemanticType.EVENT, "source": Source.WEB, "memory_type": MemoryType.TOOL}
    memories = [
        remembered(history, "Tea."),
        remembered(history, "Tea.", "Ann Lee", context_id=TALK, priority=6, **facts),  # type: ignore[arg-type]
    ]
    question = Question("tea", filter=parse(condition))
    hits = ask(views_of(history.events), history.cubes[0].id, question).hits
    assert [hit.memory_id for hit in hits] == [memories[place].id for place in found]


def test_nothing_is_told_of_a_filter_on_what_may_not_be_seen() -> None:
    history = begin()
    memory = remembered(history, "Tea.", "Zoe", cube=1, owner_id=BEN)
    question = Question("tea", filter=parse({"field": "speaker", "eq": "zoe"}))
    views, cube_id = views_of(history.events), history.cubes[1].id
    assert ask(views, cube_id, question).dropped == {"not_permitted": 1}
    as_ben = Caller(BEN, memory.tenant_id, UUID(int=3))
    assert [hit.memory_id for hit in ask(views, cube_id, question, as_ben).hits] == [memory.id]


def test_an_erased_memory_is_found_by_no_label_not_even_in_the_past() -> None:
    history = begin()
    memory = remembered(history, "Tea.", "Zoe")
    before = history.head
    memory.transition_state(State.ERASED)
    history.save(memory)
    question = Question("tea", filter=parse({"field": "speaker", "eq": "Zoe"}))
    views = views_of(history.events)
    assert ask(views, history.cubes[0].id, question, at=before).hits == ()
    assert "zoe" not in repr(vars(views.labels._held[history.cubes[0].id].state))


def test_json_becomes_a_tree() -> None:
    told = """{"and": [{"field": "priority", "gte": 3, "lt": 7},
                       {"or": [{"field": "speaker", "eq": "Ada  Ly"},
                               {"not": {"field": "key", "in": [null, "a"]}}]}]}"""
    expected: Filter = AllOf(
        (
            AllOf((Condition("priority", Operator.GTE, (3,)), Condition("priority", Operator.LT, (7,)))),
            AnyOf(
                (
                    Condition("speaker", Operator.EQ, ("ada ly",)),
                    Not(Condition("key", Operator.IN, (None, "a"))),
                )
            ),
        )
    )
    assert parse(json.loads(told)) == expected


def nested(levels: int) -> Any:
    data: Any = {"field": "tag", "eq": "a"}
    for _ in range(levels - 1):
        data = {"not": data}
    return data


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=3),
)
TAG = {"field": "tag", "eq": "a"}


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (None, ""),
        ([], ""),
        ("tag", ""),
        ({}, ""),
        ({"xor": [TAG]}, ""),
        ({"and": [TAG], "or": [TAG]}, ""),
        ({"and": []}, "/and"),
        ({"or": TAG}, "/or"),
        ({"and": [TAG] * 101}, "/and"),
        ({"and": [{"or": [TAG] * 60}, {"or": [TAG] * 60}]}, "/and/1/or/40"),
        ({"and": [TAG, {"not": {"or": [7]}}]}, "/and/1/not/or/0"),
        (nested(9), "/not" * 8),
        ({"field": "smell", "eq": "tea"}, "/field"),
        ({"field": ["tag"], "eq": "tea"}, "/field"),
        ({"field": "tag"}, ""),
        ({"field": "tag", "like": "a"}, "/like"),
        ({"field": "tag", "a/~b": "a"}, "/a~1~0b"),
        ({"field": "tag", "gt": "a"}, "/gt"),
        ({"field": "tag", "eq": 7}, "/eq"),
        ({"field": "tag", "in": "a"}, "/in"),
        ({"field": "tag", "in": []}, "/in"),
        ({"field": "tag", "in": ["a"] * 1001}, "/in"),
        ({"field": "tag", "in": ["a", ["b"]]}, "/in/1"),
        ({"field": "speaker", "eq": {}}, "/eq"),
        ({"field": "memory_type", "eq": "magic"}, "/eq"),
        ({"field": "memory_type", "eq": ["user"]}, "/eq"),
        ({"field": "memory_type", "eq": None}, "/eq"),
        ({"field": "priority", "lt": True}, "/lt"),
        ({"field": "priority", "lt": 10}, "/lt"),
        ({"field": "priority", "lt": 2.5}, "/lt"),
        ({"field": "occurred_at", "lt": "yesterday"}, "/lt"),
        ({"field": "occurred_at", "lt": "2026-01-01T00:00:00"}, "/lt"),
        ({"field": "occurred_at", "lt": 7}, "/lt"),
        ({"field": "owner_id", "eq": "me"}, "/eq"),
        ({"field": "owner_id", "eq": None}, "/eq"),
        ({"field": "context_id", "in": [None, 7]}, "/in/1"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place_where_it_stands(data: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(data)
    assert f"at {pointer!r}:" in str(refusal.value)


def test_a_hundred_conditions_eight_deep_and_a_thousand_values_are_read() -> None:
    assert parse(nested(8))
    assert parse({"and": [TAG] * 100})
    assert parse({"field": "tag", "in": ["a"] * 1000})


@given(anything)
def test_whatever_is_sent_it_is_read_or_refused(data: Any) -> None:
    with contextlib.suppress(Invalid):
        assert isinstance(parse(data), Condition | AllOf | AnyOf | Not)


def test_moments_are_compared_as_moments_whatever_their_zone() -> None:
    history = begin()
    remembered(history, "Tea.")
    views, ticks = views_of(history.events), count()
    found = partial(ask, views, history.cubes[0].id)
    for shift in (timedelta(0), timedelta(microseconds=1)):
        moment = (NOW + shift).astimezone(UTC).isoformat().replace("+00:00", "Z")
        question = Question("tea", filter=parse({"field": "occurred_at", "gte": moment}))
        assert found(question).considered == 1 - next(ticks)
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        parse({"field": "occurred_at", "gt": moment})
        found(Question("tea", filter=parse({"field": "occurred_at", "gt": moment})))
