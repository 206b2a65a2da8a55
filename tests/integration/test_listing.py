"""A list narrowed by a filter is the list without those that do not fulfil it, and tells of nothing that is hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.directory import Directory, ListedRow, MemoryFilter
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import Store, open_store
from mnemolog.api.answers import MemoryAnswer, Page
from mnemolog.api.listing import LABELLED, MOST_AT_ONCE, views_for
from mnemolog.api.moments import At
from mnemolog.api.parts import CATALOGUE, origin
from mnemolog.domain.commands import Remember
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import MemoryType, SemanticType, Source, Visibility
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import InvalidCursor, MemoryNotEditable
from mnemolog.projections.filters import parse
from tests.databases import database

TALK, OTHER_TALK = UUID(int=31), UUID(int=32)
SPRING = datetime(2023, 5, 8, tzinfo=UTC)
ORDERED = ("priority", "occurred_at")
TEA, NO_TEA = {"field": "tag", "eq": "tea"}, {"not": {"field": "tag", "eq": "tea"}}
HIDDEN = Remember(text="Hidden tea.", tags=("tea",), visibility=Visibility.PRIVATE)


class HandClock:
    """Shows what it is set to. The log's own times are those of the database."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def store(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, clock: HandClock) -> Iterator[Store]:
    """One for all tests; each makes a cube of its own."""
    home = tmp_path_factory.mktemp("home")
    with database(server) as dsn, open_store(home, dsn, embedder=HashingEmbedder(), clock=clock) as store:
        yield store


@pytest.fixture(scope="module")
def other(store: Store) -> Store:
    """Somebody else who may use every cube, but not read what the owner has for himself."""
    principal = store.principals.register("an agent", PrincipalKind.AGENT, administrator=True)
    return store.acting_as(store.principals.issue_key(principal.principal_id).key)


def day(number: int) -> datetime:
    return SPRING + timedelta(days=number)


def new_cube(store: Store) -> UUID:
    return store.cubes.found(f"cube-{uuid4().hex}").cube_id


def tell(store: Store, cube: UUID, *items: Remember | str) -> tuple[UUID, ...]:
    return store.memories.remember(cube, *items).memory_ids


def texts(page: Page) -> list[str]:
    return [item.text for item in page.items]


def every_page(store: Store, cube: UUID, limit: int, **asked: Any) -> list[Page]:
    pages = [store.memories.list(cube, limit=limit, **asked)]
    while (cursor := pages[-1].next) is not None:
        pages.append(store.memories.list(cube, limit=limit, cursor=cursor, **asked))
    return pages


def shown(store: Store, cube: UUID, limit: int = 500, **asked: Any) -> list[MemoryAnswer]:
    return [item for page in every_page(store, cube, limit, **asked) for item in page.items]


def erase(store: Store, memory_id: UUID) -> None:
    memory = store.parts.application.load(Memory, memory_id)
    memory.transition_state(State.ERASED)
    appended = store.parts.application.record(memory, origin=origin(store.caller))
    assert appended is not None
    store.parts.written(appended)


def archive(store: Store, memory_id: UUID) -> None:
    if store.memories.get(memory_id).state != State.ARCHIVED:
        store.memories.transition(memory_id, State.ARCHIVED)


def revise(store: Store, memory_id: UUID) -> None:
    store.memories.revise(memory_id, "Again.", tags=("tea", "blue"), speaker="Ben", key=None, priority=9)


def relabel(store: Store, memory_id: UUID) -> None:
    store.memories.revise(memory_id, tags=(), speaker=None, key="Drinks", context_id=OTHER_TALK)


def hide(store: Store, memory_id: UUID) -> None:
    store.memories.revise(memory_id, visibility=Visibility.PRIVATE)


CHANGES: tuple[Callable[[Store, UUID], None], ...] = (archive, revise, relabel, hide)
remembered = st.builds(
    Remember,
    text=st.sampled_from(("Tea.", "咖啡")),
    key=st.none() | st.sampled_from(("Drinks", "住所")),
    tags=st.sampled_from(((), ("tea",), ("blue", "咖啡"))),
    speaker=st.none() | st.sampled_from(("Ann", "Ann Lee", "Ben")),
    memory_type=st.sampled_from((MemoryType.LONG_TERM, MemoryType.TOOL)),
    semantic_type=st.sampled_from((SemanticType.FACT, SemanticType.EVENT)),
    source=st.none() | st.sampled_from((Source.WEB, Source.DOCUMENT)),
    priority=st.sampled_from((0, 5, 9)),
    visibility=st.sampled_from((Visibility.PRIVATE, Visibility.CUBE, Visibility.TENANT)),
    context_id=st.none() | st.sampled_from((TALK, OTHER_TALK)),
    occurred_at=st.none() | st.sampled_from((SPRING, SPRING + timedelta(days=300))),
    ttl=st.none() | st.just(timedelta(hours=1)),
)


def conditions(owners: Sequence[UUID]) -> st.SearchStrategy[dict[str, Any]]:
    values: dict[str, tuple[Any, ...]] = {
        "memory_type": ("long_term", "user", "tool"),
        "semantic_type": ("fact", "event"),
        "source": ("user", "agent", "web", "merge"),
        "priority": (0, 4, 5, 9),
        "occurred_at": (SPRING.isoformat(), "2023-05-08T02:00:00+02:00", "2024-01-01T00:00:00Z"),
        "owner_id": tuple(map(str, (*owners, UUID(int=404)))),
        "context_id": (None, str(TALK), str(UUID(int=404))),
        "key": (None, "Drinks", "住所", "drinks"),
        "tag": (None, "tea", "咖啡", "blue"),
        "speaker": (None, "ANN", "ann  lee", "Ben"),
    }

    @st.composite
    def condition(draw: st.DrawFn) -> dict[str, Any]:
        name = draw(st.sampled_from(list(values)))
        asked = draw(st.sampled_from(("eq", "in", *(("lt", "lte", "gt", "gte") if name in ORDERED else ()))))
        several = st.lists(st.sampled_from(values[name]), min_size=1, max_size=3)
        return {"field": name, asked: draw(several if asked == "in" else st.sampled_from(values[name]))}

    return condition()


def filters(owners: Sequence[UUID]) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        conditions(owners),
        lambda parts: (
            parts.map(lambda part: {"not": part})
            | st.lists(parts, min_size=1, max_size=3).map(lambda each: {"and": each})
            | st.lists(parts, min_size=1, max_size=3).map(lambda each: {"or": each})
        ),
        max_leaves=5,
    ).filter(lambda data: depth(data) <= 8)


def depth(data: dict[str, Any]) -> int:
    inner = data.get("and") or data.get("or") or ([data["not"]] if "not" in data else [])
    return 1 + max(map(depth, inner), default=0)


def fulfils(memory: MemoryAnswer, data: dict[str, Any]) -> bool:
    """By the JSON of the filter and by what was answered, and nothing else."""
    if "and" in data:
        return all(fulfils(memory, part) for part in data["and"])
    if "or" in data:
        return any(fulfils(memory, part) for part in data["or"])
    if "not" in data:
        return not fulfils(memory, data["not"])
    ((asked, wanted),) = ((name, value) for name, value in data.items() if name != "field")
    found, listed = facts(memory, data["field"]), wanted if asked == "in" else [wanted]
    values = [read(data["field"], each) for each in listed]
    compare: dict[str, Callable[[Any], bool]] = {
        "eq": lambda value: value == values[0],
        "in": lambda value: value in values,
        "lt": lambda value: value < values[0],
        "lte": lambda value: value <= values[0],
        "gt": lambda value: value > values[0],
        "gte": lambda value: value >= values[0],
    }
    return any(map(compare[asked], found))


def facts(memory: MemoryAnswer, field: str) -> set[Any]:
    if field == "tag":
        return set(memory.tags) or {None}
    if field in ("key", "speaker"):
        return {read(field, getattr(memory, field))}
    return {memory.occurred_at} if field == "occurred_at" else {memory.governance.get(field)}


def read(field: str, value: Any) -> Any:
    if field == "occurred_at":
        return datetime.fromisoformat(value)
    return " ".join(value.casefold().split()) if field == "speaker" and value else value


def lived(store: Store, other: Store, clock: HandClock, draw: st.DataObject) -> tuple[UUID, list[At]]:
    """A cube that two people have used, and some positions of the log, from before it up to now."""
    cube, heads = new_cube(store), [store.log.head()]
    told: list[tuple[Store, UUID]] = []
    for item in draw.draw(st.lists(remembered, min_size=1, max_size=6)):
        teller = draw.draw(st.sampled_from((store, other)))
        told += [(teller, memory_id) for memory_id in tell(teller, cube, item)]
        heads.append(store.log.head())
    for change in draw.draw(st.lists(st.sampled_from(CHANGES), max_size=3)):
        with suppress(MemoryNotEditable):
            change(*draw.draw(st.sampled_from(told)))
        heads.append(store.log.head())
    if draw.draw(st.booleans()):
        erase(*draw.draw(st.sampled_from(told)))
    clock.moment += draw.draw(st.sampled_from((timedelta(0), timedelta(hours=2))))
    return cube, [None, *heads]


@settings(max_examples=50)
@given(draw=st.data())
def test_exactly_those_are_listed_that_fulfil_the_filter_now_and_as_of_any_position(
    store: Store, other: Store, clock: HandClock, draw: st.DataObject
) -> None:
    cube, moments = lived(store, other, clock, draw)
    data = draw.draw(filters((store.caller.principal_id, other.caller.principal_id)))
    for caller in (store, other):
        for at in (None, draw.draw(st.sampled_from(moments))):
            everything = shown(caller, cube, at=at)
            expected = [memory for memory in everything if fulfils(memory, data)]
            assert shown(caller, cube, filter=parse(data), at=at) == expected
            assert shown(caller, cube, filter=parse({"not": data}), at=at) == [
                memory for memory in everything if memory not in expected
            ]
            assert shown(caller, cube, 1, filter=parse(data), at=at) == expected


@pytest.mark.parametrize("asked", [{}, {"filter": parse(TEA)}, {"wanted": MemoryFilter(tags=("tea",))}])
def test_a_page_is_what_it_would_be_if_nothing_hidden_existed(
    store: Store, other: Store, asked: dict[str, Any]
) -> None:
    mixed, alone = new_cube(store), new_cube(store)
    plain = [Remember(text=f"Tea {number}.", tags=("tea",)) for number in range(5)]
    for item in plain:
        tell(store, alone, item)
        tell(store, mixed, HIDDEN, item, HIDDEN)
    tell(store, mixed, *[HIDDEN] * 30)
    for limit in range(1, 7):
        pages, expected = every_page(other, mixed, limit, **asked), every_page(other, alone, limit, **asked)
        assert [texts(page) for page in pages] == [texts(page) for page in expected]
        assert all(len(page.items) == limit for page in pages[:-1])
        assert pages[-1].items


def test_what_a_filter_finds_may_be_far_behind_what_it_passes_over(store: Store) -> None:
    cube = new_cube(store)
    for _ in range(3):
        tell(store, cube, *["Nothing."] * MOST_AT_ONCE)
    tell(store, cube, Remember(text="Tea.", tags=("tea",)))
    assert texts(store.memories.list(cube, filter=parse(TEA), limit=1)) == ["Tea."]


def test_a_list_has_what_recall_leaves_out(store: Store) -> None:
    cube = new_cube(store)
    (memory_id,) = tell(store, cube, Remember(text="Tea.", tags=("tea",)))
    archive(store, memory_id)
    assert texts(store.memories.list(cube, filter=parse(TEA))) == ["Tea."]
    assert texts(store.memories.list(cube, MemoryFilter(states=("activated",)), filter=parse(TEA))) == []


def test_as_of_then_a_memory_is_listed_by_the_labels_it_had_then(store: Store) -> None:
    cube = new_cube(store)
    (memory_id,) = tell(store, cube, Remember(text="Tea.", speaker="Ann", tags=("tea",)))
    then = store.log.head()
    relabel(store, memory_id)
    by_ann = parse({"field": "speaker", "eq": "ann"})
    assert texts(store.memories.list(cube, filter=by_ann)) == []
    assert texts(store.memories.list(cube, filter=by_ann, at=then)) == ["Tea."]
    erase(store, memory_id)
    for data in (TEA, NO_TEA):
        assert texts(store.memories.list(cube, filter=parse(data), at=then)) == []


class Overtaken(Directory):
    """The directory of a store, whose memories change as soon as a page of them has been looked up."""

    def __init__(self, store: Store, change: Callable[[], object]) -> None:
        application = store.parts.application
        super().__init__(application.datastore, application.keyring.token)
        self._change = change

    def memory_page(self, *asked: Any) -> list[ListedRow]:
        rows = super().memory_page(*asked)
        self._change()
        return rows


@pytest.mark.parametrize("data", [TEA, {"field": "priority", "eq": 5}])
def test_what_changes_while_it_is_listed_is_shown_as_it_was_chosen(
    store: Store, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cube = new_cube(store)
    (memory_id,) = tell(store, cube, Remember(text="Tea.", tags=("tea",)))
    before = store.memories.get(memory_id)

    def change() -> None:
        store.memories.revise(memory_id, "Coffee.", tags=("coffee",), priority=1)
        store.memories.get(memory_id)  # which waits for the catalogue

    with monkeypatch.context() as patched:
        patched.setattr(store.parts, "directory", Overtaken(store, change))
        page = store.memories.list(cube, filter=parse(data))
    assert page.items == [before]
    assert page.position < store.log.head()
    assert texts(store.memories.list(cube, filter=parse(data))) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"eq": 5}, ["5"]),
        ({"in": [4, 6]}, ["4", "6"]),
        ({"lt": 5}, ["4"]),
        ({"lte": 5}, ["4", "5"]),
        ({"gt": 5}, ["6"]),
        ({"gte": 5}, ["5", "6"]),
        ({"gte": 5, "lt": 6}, ["5"]),
    ],
)
def test_a_bound_is_in_or_out_as_its_operator_says(store: Store, asked: dict[str, Any], expected: list[str]) -> None:
    cube = new_cube(store)
    for each in (4, 5, 6):
        tell(store, cube, Remember(text=str(each), priority=each, occurred_at=day(each)))
    assert texts(store.memories.list(cube, filter=parse({"field": "priority", **asked}))) == expected
    days = {
        name: [str(day(each)) for each in value] if name == "in" else str(day(value)) for name, value in asked.items()
    }
    assert texts(store.memories.list(cube, filter=parse({"field": "occurred_at", **days}))) == expected


def test_a_cursor_belongs_to_its_filter(store: Store) -> None:
    cube = new_cube(store)
    tell(store, cube, *[Remember(text="Tea.", tags=("tea",))] * 3)
    parts = [TEA, {"field": "priority", "eq": 5}]
    both, either = parse({"and": parts}), parse({"or": parts})
    cursor = store.memories.list(cube, filter=both, limit=1).next
    assert len(store.memories.list(cube, filter=parse({"and": parts}), cursor=cursor).items) == 2
    for another in (either, parse(TEA), None):
        with pytest.raises(InvalidCursor):
            store.memories.list(cube, filter=another, cursor=cursor)


def test_only_personal_labels_need_the_view_that_has_them() -> None:
    clear = {"or": [{"field": "priority", "gt": 3}, {"not": {"field": "context_id", "eq": None}}]}
    assert views_for(None) == views_for(parse(clear)) == CATALOGUE
    for field in ("key", "tag", "speaker"):
        assert views_for(parse({"and": [clear, {"not": {"field": field, "eq": None}}]})) == LABELLED
