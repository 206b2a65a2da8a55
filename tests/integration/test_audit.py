"""Who did, saw and was refused what: that nothing is told without a record, and who may read the records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.api.audit import AuditEntry
from mnemolog.api.disclosure import disclose
from mnemolog.api.recorded import recorded_recall
from mnemolog.api.store import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.refusals import CubeNotFound, Denied, Invalid, InvalidCursor, MemoryNotFound, NotFound
from mnemolog.projections.filters import parse
from mnemolog.projections.recall import Question

TEA, DOG = "Tea is kept in the blue tin.", "The dog is called Pilot."


@pytest.fixture
def store(dsn: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as store:
        yield store


def remembered(store: Store, *texts: str, **facts: Any) -> Sequence[UUID]:
    return store.memories.remember("main", *(Remember(text=text, **facts) for text in texts)).memory_ids


def somebody(store: Store, *, administrator: bool = False) -> Store:
    principal = store.principals.register("Ben", administrator=administrator)
    return store.acting_as(store.principals.issue_key(principal.principal_id).key)


def audit(store: Store, **wanted: Any) -> Sequence[AuditEntry]:
    items: Sequence[AuditEntry] = store.audit(AccessFilter(**wanted), limit=500).items
    return items


Ask = Callable[[Store, Sequence[UUID]], object]
BOTH, FIRST, SECOND = slice(0, 2), slice(0, 1), slice(1, 2)
# Every way in which a capability tells what a memory says, or which memories there are; and of which of two it tells.
TELLING: dict[str, tuple[slice, Ask]] = {
    "recall": (BOTH, lambda store, ids: store.recall("main", "tea")),
    "get": (FIRST, lambda store, ids: store.memories.get(ids[0])),
    "list": (BOTH, lambda store, ids: store.memories.list("main")),
    "history": (FIRST, lambda store, ids: store.memories.history(ids[0])),
    "traverse": (BOTH, lambda store, ids: store.graph.traverse("main", ids[0])),
    "path": (BOTH, lambda store, ids: store.graph.path("main", ids[0], ids[1])),
    "related": (SECOND, lambda store, ids: store.graph.related("main", ids[0])),
    "links": (BOTH, lambda store, ids: store.memories.links(ids[0])),
    "lineage": (FIRST, lambda store, ids: store.lineage(ids[0])),
    "influence": (FIRST, lambda store, ids: store.influence(ids[0])),
    "diff": (FIRST, lambda store, ids: store.time.diff(ids[0], store.log.head() - 1)),
    "blame": (FIRST, lambda store, ids: store.time.blame(ids[0])),
    "timeline": (BOTH, lambda store, ids: store.time.timeline("main")),
}


@pytest.mark.parametrize("kind", TELLING)
def test_whatever_tells_something_leaves_one_record_of_it(store: Store, kind: str) -> None:
    ids = remembered(store, TEA, DOG)
    texts = {memory_id: store.memories.get(memory_id).position - 1 for memory_id in ids}
    store.memories.link(ids[0], ids[1])
    told, ask = TELLING[kind]
    assert str(ids[told][-1]) in str(ask(store, ids))
    entry = audit(store, kinds=(kind,))[0]
    assert len(audit(store, kinds=(kind,))) == (3 if kind == "get" else 1)
    assert (entry.actor_id, entry.code) == (store.caller.principal_id, None)
    assert sorted(entry.memory_ids) == sorted(ids[told])
    expected = [0 if kind in ("links", "influence") else texts[memory_id] for memory_id in entry.memory_ids]
    assert entry.facts["text_positions"] == expected


def test_these_are_all_the_ways_to_the_text_of_a_memory(store: Store) -> None:
    """What calls the single exit, found in the source: whoever adds a way adds it above."""
    api = Path(str(open_store.__code__.co_filename)).parent
    call = re.compile(r"\bdisclose(_one|_history)?\(")
    calling = {path.stem for path in api.rglob("*.py") if call.search(path.read_text())}
    telling = {"recall", "memories", "graph", "lineage", "listing", "time_travel", "timeline", "forking"}
    assert calling == {"disclosure", *telling}
    ids = remembered(store, TEA)
    with pytest.raises(AssertionError, match="leaves no record"):
        disclose(store.parts, store.caller, ids)


def test_an_answer_that_found_nothing_is_on_record_too(store: Store) -> None:
    store.recall("main", "tea")
    (entry,) = audit(store, kinds=("recall",))
    assert (entry.memory_ids, entry.facts["considered"]) == ([], 0)


def test_only_what_was_told_is_on_record_not_what_did_not_fit(store: Store) -> None:
    remembered(store, TEA, TEA + " It has a lid, and a label, and nobody knows how old it is.")
    answer = store.recall("main", "tea", budget=12)
    (entry,) = audit(store, kinds=("recall",))
    assert entry.memory_ids == [hit.memory_id for hit in answer.hits]
    assert len(answer.hits) == 1


def test_a_page_is_on_record_without_the_memory_that_was_read_ahead(store: Store) -> None:
    ids = remembered(store, TEA, DOG, "One more.")
    store.memories.list("main", limit=2)
    (entry,) = audit(store, kinds=("list",))
    assert entry.memory_ids == list(ids[:2])
    assert "as_of" not in entry.facts


def test_an_answer_about_the_past_says_of_when(store: Store) -> None:
    ids = remembered(store, TEA)
    at = store.log.head()
    for ask in (lambda: store.recall("main", "tea", at=at), lambda: store.memories.get(ids[0], at=at)):
        ask()
        assert audit(store)[0].facts["as_of"] == at
        assert audit(store)[0].kind == "audit"


def test_what_was_refused_is_on_record_with_who_and_what_and_why(store: Store) -> None:
    (mine,) = remembered(store, TEA, visibility=Visibility.PRIVATE)
    ben = somebody(store)
    for refused in (
        lambda: ben.memories.get(mine),
        lambda: ben.memories.transition(mine, State.ARCHIVED),
        lambda: ben.recall("nowhere", "tea"),
        lambda: ben.log.page(),
        lambda: ben.principals.register("Cleo"),
    ):
        with pytest.raises((MemoryNotFound, CubeNotFound, Denied)):
            refused()
    entries = [(each.kind, each.code, each.memory_ids) for each in audit(store, refused=True)]
    assert entries == [
        ("principals.register", "denied", []),
        ("log.page", "denied", []),
        ("recall", "cube_not_found", []),
        ("transition", "memory_not_found", [mine]),
        ("get", "memory_not_found", [mine]),
    ]
    assert {each.actor_id for each in audit(store, refused=True)} == {ben.caller.principal_id}
    assert [each.kind for each in audit(store, code="cube_not_found")] == ["recall"]


def test_a_request_that_makes_no_sense_is_no_refusal_of_anything(store: Store) -> None:
    with pytest.raises(Invalid):
        store.recall("main", Question("tea", recipe="keyword"), budget=0)
    assert audit(store, refused=True) == []


def test_filters_narrow_what_is_told(store: Store) -> None:
    tea, dog = remembered(store, TEA, DOG)
    session = new_id()
    store.in_session(session).memories.get(tea)
    store.memories.get(dog)
    cube = store.cubes.get("main").cube_id
    assert [each.kind for each in audit(store, session_id=session)] == ["get"]
    assert [each.kind for each in audit(store, memory_id=dog)] == ["get", "memory.activated", "memory.generated"]
    assert {each.kind for each in audit(store, cube_id=cube)} >= {"get", "cube.founded", "memory.generated"}
    assert {each.kind for each in audit(store, kinds=("get", "cube.founded"))} == {"get", "cube.founded"}
    assert audit(store, actor_id=new_id()) == []
    assert not [each for each in audit(store, refused=False) if each.code is not None]
    head = store.log.head()
    assert {each.position for each in store.audit(since=3, until=5).items} == {4, 5}
    moment = store.parts.clock.now()
    assert all(each.position <= head for each in store.audit(until=moment - timedelta(seconds=0)).items[1:])
    assert store.audit(until=moment - timedelta(hours=1)).items == []


def test_pages_follow_each_other_and_a_cursor_fits_its_question_only(store: Store) -> None:
    remembered(store, *(f"Thing {number}." for number in range(5)))
    wanted = AccessFilter(kinds=("memory.generated",))
    whole = [each.position for each in store.audit(wanted).items]
    paged: list[int] = []
    cursor = None
    while True:
        page = store.audit(wanted, limit=2, cursor=cursor)
        paged += [each.position for each in page.items]
        if (cursor := page.next) is None:
            break
        last = cursor
    assert paged == whole == sorted(whole, reverse=True)
    assert len(whole) == 5
    with pytest.raises(InvalidCursor):
        store.audit(AccessFilter(kinds=("memory.activated",)), cursor=last)
    with pytest.raises(InvalidCursor):
        somebody(store, administrator=True).audit(wanted, cursor=last)


def test_reading_the_audit_is_on_record(store: Store) -> None:
    store.audit()
    assert [each.kind for each in audit(store, kinds=("audit",))] == ["audit"]


def test_others_than_administrators_see_what_they_did_and_who_touched_what_they_own(store: Store) -> None:
    ben = somebody(store)
    (private,) = remembered(store, DOG, visibility=Visibility.PRIVATE)
    (shared,) = remembered(store, TEA, visibility=Visibility.TENANT)
    ben.memories.get(shared)
    store.memories.get(private)
    assert {each.kind for each in audit(ben)} == {"get"}
    (own,) = audit(ben, kinds=("get",))
    assert (own.actor_id, own.memory_ids) == (ben.caller.principal_id, [shared])
    assert own.facts["text_positions"]
    assert not {"considered", "dropped"} & own.facts.keys()
    assert private not in {each for entry in audit(ben) for each in entry.memory_ids}


def test_the_owner_of_a_memory_learns_who_read_it_and_nothing_of_what_else_they_read(store: Store) -> None:
    ben = somebody(store)
    theirs = ben.cubes.found("bens").cube_id
    (bens,) = ben.memories.remember(theirs, Remember(text=TEA, visibility=Visibility.TENANT)).memory_ids
    remembered(store, "Tea is for Ada.")
    store.in_session(new_id()).recall(["bens", "main"], "tea")
    (entry,) = audit(ben, kinds=("recall",))
    assert (entry.actor_id, entry.memory_ids) == (store.caller.principal_id, [bens])
    assert (entry.session_id, entry.cube_ids, entry.facts) == (None, [], {})
    (full,) = audit(store, kinds=("recall",))
    assert len(full.memory_ids) == 2


def test_an_audit_says_nothing_of_other_tenants(store: Store) -> None:
    from mnemolog.api.credentials import ApiKey
    from mnemolog.api.principals import found_tenant

    (mine,) = remembered(store, TEA)
    key = ApiKey.new()
    found_tenant(store.parts, key, "somebody else")
    stranger = store.acting_as(key.reveal())
    with pytest.raises(MemoryNotFound):
        stranger.memories.get(mine)
    assert [each.kind for each in audit(stranger, memory_id=mine)] == ["get"]
    assert {each.code for each in audit(store, memory_id=mine)} == {None}
    assert stranger.audit.patterns([mine]) == {}


def test_patterns_tell_how_often_a_memory_was_told_to_those_who_may_know(store: Store) -> None:
    tea, dog = remembered(store, TEA, DOG, visibility=Visibility.TENANT)
    ben = somebody(store)
    for _ in range(3):
        ben.memories.get(tea)
    patterns = store.audit.patterns([tea, dog])
    assert (patterns[tea].reads, patterns[dog].reads, patterns[dog].last_read_at) == (3, 0, None)
    assert ben.audit.patterns([tea, dog]) == {}


def test_the_questions_of_a_record_are_those_that_were_asked_to_the_last_bit(store: Store) -> None:
    remembered(store, TEA, DOG, tags=("drinks",))
    wanted = parse({"field": "tag", "in": ["drinks", "food"]})
    question = Question("where is the tea?", 3, weights={"vector": 0.1 + 0.2, "terms": 1 / 3}, filter=wanted)
    session = new_id()
    answer = store.in_session(session).recall("main", question, budget=100)
    (entry,) = audit(store, kinds=("recall",))
    found = recorded_recall(store.parts.log.at([entry.position])[entry.position])
    assert (found.question, found.budget, found.rerank, found.session_id) == (question, 100, False, session)
    assert (found.position, found.exact, found.embedder) == (answer.position, answer.exact, answer.embedder)
    assert list(zip(found.memory_ids, found.scores, found.text_positions, strict=True)) == [
        (hit.memory_id, hit.score, hit.position) for hit in answer.hits
    ]
    again = store.recall(list(found.cube_ids), replace(found.question, exact=True), budget=100, at=found.position)
    assert [(hit.memory_id, hit.score) for hit in again.hits] == [(hit.memory_id, hit.score) for hit in answer.hits]


def test_what_is_no_answer_to_a_question_cannot_be_asked_again(store: Store, dsn: str) -> None:
    store.log.page()
    store.recall("main", "tea")
    entries = {each.kind: each.position for each in audit(store)}
    events = store.parts.log.at(list(entries.values()))
    with pytest.raises(Invalid):
        recorded_recall(events[entries["log.page"]])
    with pytest.raises(NotFound):
        recorded_recall(replace(events[entries["recall"]], erased=True))


def test_whoever_follows_the_log_is_not_told_of_their_own_looking_for_ever(store: Store) -> None:
    remembered(store, TEA)
    events, reached = store.log.tail(0, 0)
    assert events
    store.parts.trail.flush()
    while events:
        events, reached = store.log.tail(reached, 0)
    store.parts.trail.flush()
    assert len(audit(store, kinds=("log.tail",))) == 1


def test_rebuilding_and_verifying_views_reads_no_memory_for_anybody(store: Store) -> None:
    remembered(store, TEA)
    for view in ("terms", "catalogue", "access"):
        store.views.rebuild(view)
    store.views.verify()
    store.sweep()
    assert {each.kind for each in audit(store, refused=False)} & {*TELLING, "views.rebuild", "views.verify"} == set()
