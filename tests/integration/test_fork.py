"""A fork has what a cube had at a moment, as far as the forker may read it now, and answers as the cube did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.adapters.postgres.lineage import Lineages
from mnemolog.api import Store, forking
from mnemolog.api.answers import MemoryAnswer, RecallAnswer
from mnemolog.domain.commands import Remember
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.grants import Effect, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Relation
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import Action
from mnemolog.domain.refusals import (
    AlreadyExists,
    CannotUndo,
    ConditionFailed,
    CubeNotFound,
    Denied,
    Invalid,
    InvalidPosition,
    LegalHold,
    MemoryErased,
    MemoryNotFound,
)
from mnemolog.projections.recall import Question
from tests.integration.conftest import HandClock

QUESTIONS = ("Where is the tea?", "What did Ada say about the tin?", "When does the train leave?", "Ada")


@pytest.fixture
def store(tenant: Store) -> Store:
    return tenant


def grant(
    store: Store, who: UUID, *actions: Action, effect: Effect = Effect.PERMIT, memory: UUID | None = None
) -> None:
    level, resource = store.grants.about(cube="main") if memory is None else store.grants.about(memory_id=memory)
    store.grants.issue(
        Terms(effect=effect, subject_id=who, level=level, resource_id=resource, actions=frozenset(actions))
    )


def lived(store: Store) -> list[UUID]:
    """Memories of every state, with links, merges, corroborations and revisions."""
    context = new_id()
    told = [
        Remember(text="Tea is in the blue tin.", speaker="Ada", context_id=context, tags=("tea",)),
        Remember(text="Which tin?", speaker="Ben", context_id=context),
        Remember(text="The train leaves at nine.", speaker="Ben", occurred_at=datetime(2023, 5, 8, tzinfo=UTC)),
        Remember(text="Jam is in the jar."),
        Remember(text="Jam is sweet.", ttl=timedelta(days=9)),
        Remember(text="The tin is blue.", speaker="Ada", context_id=context),
        Remember(text="The tin is round.", speaker="Ada", context_id=context),
        Remember(text="Old news."),
    ]
    ids = list(store.memories.remember("main", *told).memory_ids)
    store.memories.revise(ids[0], "Tea is in the red tin.", priority=9)
    store.memories.link(ids[3], ids[4], Relation.SUPPORTS, 0.5)
    store.memories.link(ids[0], ids[3])
    store.memories.unlink(ids[0], ids[3], Relation.RELATES_TO)
    ids += store.memories.merge(ids[5:7], "The tin is blue and round.").memory_ids[:1]
    store.memories.transition(ids[7], State.ARCHIVED)
    store.memories.transition(ids[4], State.FROZEN, legal_hold=True)
    ids += store.memories.remember("main", "Tea again.", "Tea again.").memory_ids
    return ids


def said(answer: RecallAnswer) -> list[tuple[object, ...]]:
    return [(hit.text, hit.score, hit.signals, hit.speaker, hit.trust) for hit in answer.hits]


def content(memory: MemoryAnswer) -> dict[str, Any]:
    names = ("text", "key", "tags", "speaker", "governance", "state", "trust", "corroborations", "occurred_at")
    return {name: getattr(memory, name) for name in (*names, "expires_at", "subject_ids")}


def originals(store: Store, cube: UUID) -> dict[UUID, UUID]:
    """Copy to original, as the view of derivations has it."""
    copies = [memory.memory_id for memory in store.memories.list(cube, limit=500).items]
    found = Lineages(store.parts.application.datastore, store.caller.tenant_id).origins(copies)
    return {each.child_id: each.parent_id for each in found if each.relation == "copied_from"}


def test_a_fork_answers_as_the_cube_did_then_and_nothing_is_embedded_again(store: Store, other: Store) -> None:
    ids = lived(store)
    grant(store, other.caller.principal_id, Action.READ)
    other.memories.corroborate(ids[2])
    then = store.log.head()
    before = [store.recall("main", Question(text, k=20), at=then) for text in QUESTIONS]
    store.memories.revise(ids[2], "The train leaves at ten.")
    store.memories.remember("main", "Tea is out.")
    store.recall("main", "Tea")  # waits for the vectors of what was written last
    computed = store.parts.embeddings.computed
    fork = store.cubes.fork("main", then, "what-if")
    assert (fork.cube.forked_at, fork.memories, fork.left_out) == (then, len(ids), {})
    assert fork.cube.forked_from == store.cubes.get("main").cube_id
    assert [said(store.recall("what-if", Question(text, k=20))) for text in QUESTIONS] == [
        said(each) for each in before
    ]
    assert store.parts.embeddings.computed == computed
    (taken,) = store.audit(AccessFilter(kinds=("cubes.fork",))).items
    assert sorted(taken.memory_ids) == sorted(ids)
    store.log.verify()


def test_a_copy_is_what_its_original_was_and_says_so(store: Store) -> None:
    ids = lived(store)
    then = store.log.head()
    fork = store.cubes.fork("main", then, "what-if")
    copies = store.memories.list("what-if", limit=500).items
    former = [store.memories.get(each, at=then) for each in ids]
    assert [content(copy) for copy in copies] == [content(each) for each in former]
    came_from = originals(store, fork.cube.cube_id)
    assert [came_from[copy.memory_id] for copy in copies] == ids
    to_copy = {original: copy for copy, original in came_from.items()}
    assert [to_copy.get(each.merged_into) if each.merged_into else None for each in former] == [
        copy.merged_into for copy in copies
    ]
    assert copies[8].parents == (to_copy[ids[5]], to_copy[ids[6]])
    assert store.memories.links(to_copy[ids[3]]) == [(to_copy[ids[4]], Relation.SUPPORTS, 0.5)]
    assert store.memories.links(to_copy[ids[0]]) == []
    assert not store.memories.get(to_copy[ids[4]]).legal_hold  # a hold is about the evidence, and that is the original
    assert store.time.blame(to_copy[ids[0]]).copied_from == ids[0]
    assert [store.memories.history(copy.memory_id)[0].data["copied_from"] for copy in copies] == list(map(str, ids))


def test_a_fork_goes_its_own_way(store: Store) -> None:
    ids = lived(store)
    head = store.log.head()
    fork = store.cubes.fork("main", head, "what-if")
    to_copy = {original: copy for copy, original in originals(store, fork.cube.cube_id).items()}
    store.memories.revise(to_copy[ids[0]], "Tea is out.")
    retracted = store.memories.retract_merge(to_copy[ids[8]])
    assert store.memories.get(to_copy[ids[5]]).state == "activated"
    store.time.undo(retracted.position)
    assert store.memories.get(to_copy[ids[5]]).state == "merged"
    assert store.memories.get(ids[0]).text == "Tea is in the red tin."
    again = store.cubes.fork("what-if", store.log.head(), "what-else")
    assert again.cube.forked_from == fork.cube.cube_id
    assert set(originals(store, again.cube.cube_id).values()) == set(to_copy.values())


def test_the_rules_of_a_fork_are_those_of_then(store: Store) -> None:
    store.cubes.configure("main", CubeConfig(gate=Gate.OPEN))
    then = store.log.head()
    store.cubes.configure("main", CubeConfig(gate=Gate.CORROBORATION))
    assert store.cubes.fork("main", then, "what-if").cube.config["gate"] == "open"
    assert store.cubes.fork("main", store.log.head(), "as-is").cube.config["gate"] == "corroboration"


def test_what_the_forker_may_not_read_or_is_gone_by_now_stays_behind(
    store: Store, other: Store, hand_clock: HandClock
) -> None:
    texts = ("Shared.", "Denied.", "Erased.")
    ids = list(store.memories.remember("main", *texts).memory_ids)
    private = Remember(text="Private.", visibility=Visibility.PRIVATE)
    short = Remember(text="Short.", ttl=timedelta(hours=1))
    ids += store.memories.remember("main", private, short).memory_ids
    store.memories.merge([ids[0], store.memories.remember("main", "Alike.").memory_ids[0]], "Both.")
    who = other.caller.principal_id
    grant(store, who, Action.ADMINISTER, Action.WRITE)
    grant(store, who, Action.READ, effect=Effect.DENY, memory=ids[1])
    then = store.log.head()
    store.erasures.erase(memory=ids[2], basis="case 1")
    hand_clock.ahead = timedelta(hours=2)
    fork = other.cubes.fork("main", then, "theirs")
    assert fork.left_out == {"erased": 1, "expired": 1}
    copies = {memory.text for memory in other.memories.list("theirs", limit=500).items}
    assert copies == {"Shared.", "Alike.", "Both."}
    everything = store.cubes.fork("main", then, "mine")
    assert (everything.memories, everything.left_out) == (5, {"erased": 1, "expired": 1})


def test_what_was_merged_into_something_hidden_is_archived(store: Store, other: Store) -> None:
    parents = store.memories.remember("main", "Tea.", "Jam.").memory_ids
    (result,) = store.memories.merge(parents, "Tea and jam.").memory_ids[:1]
    who = other.caller.principal_id
    grant(store, who, Action.ADMINISTER)
    grant(store, who, Action.READ, effect=Effect.DENY, memory=result)
    other.cubes.fork("main", store.log.head(), "theirs")
    copies = other.memories.list("theirs").items
    assert {(copy.text, copy.state) for copy in copies} == {("Tea.", "archived"), ("Jam.", "archived")}


def test_whoever_is_denied_an_original_is_denied_its_copy(store: Store, other: Store) -> None:
    shown, hidden = store.memories.remember(
        "main",
        Remember(text="Shown.", visibility=Visibility.TENANT),
        Remember(text="Hidden.", visibility=Visibility.TENANT),
    ).memory_ids
    grant(store, other.caller.principal_id, Action.READ, effect=Effect.DENY, memory=hidden)
    fork = store.cubes.fork("main", store.log.head(), "what-if")
    to_copy = {original: copy for copy, original in originals(store, fork.cube.cube_id).items()}
    assert other.memories.get(to_copy[shown]).text == "Shown."
    with pytest.raises(MemoryNotFound):
        other.memories.get(to_copy[hidden])


def test_who_administers_a_cube_may_fork_it_and_nobody_else(store: Store, other: Store) -> None:
    store.memories.remember("main", "Tea.")
    with pytest.raises(CubeNotFound):
        other.cubes.fork("main", None, "theirs")
    grant(store, other.caller.principal_id, Action.READ, Action.WRITE, Action.EXPORT)
    with pytest.raises(Denied):
        other.cubes.fork("main", None, "theirs")
    own = other.cubes.found("own")
    assert other.cubes.fork(own.cube_id, None, "theirs").cube.owner_id == other.caller.principal_id
    scoped = store.principals.issue_key(other.caller.principal_id, scopes=frozenset({Action.READ, Action.ADMINISTER}))
    with pytest.raises(Denied):
        store.acting_as(scoped.key).cubes.fork(own.cube_id, None, "more")


def test_what_cannot_be_forked_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    founded = store.cubes.get("main").position
    store.memories.remember("main", "Tea.", "Jam.")
    head = store.log.head()
    for at in (founded - 1, head + 100, -1):
        with pytest.raises(InvalidPosition):
            store.cubes.fork("main", at, "what-if")
    with pytest.raises(AlreadyExists):
        store.cubes.fork("main", head, "main")
    with pytest.raises(Invalid):
        store.cubes.fork("main", head, "What if?")
    monkeypatch.setattr(forking, "MOST_MEMORIES", 1)
    with pytest.raises(Invalid, match="up to 1 memories"):
        store.cubes.fork("main", head, "what-if")


def test_a_retried_fork_is_answered_and_not_made_again(store: Store) -> None:
    lived(store)
    then, key = store.log.head(), new_id()
    first = store.cubes.fork("main", then, "what-if", idempotency_key=key)
    again = store.cubes.fork("main", then, "what-if", idempotency_key=key)
    assert again.replayed
    assert (again.cube, again.memories, again.left_out, again.position) == (
        first.cube,
        first.memories,
        first.left_out,
        first.position,
    )


def test_a_fork_cannot_be_undone_and_a_copy_can_be_changed_back(store: Store) -> None:
    (tea,) = store.memories.remember("main", "Tea.").memory_ids
    fork = store.cubes.fork("main", None, "what-if")
    with pytest.raises(CannotUndo, match="founded"):
        store.time.undo(fork.position)
    ((copy, original),) = originals(store, fork.cube.cube_id).items()
    assert original == tea
    revised = store.memories.revise(copy, "Jam.")
    store.time.undo(revised.position)
    assert store.memories.get(copy).text == "Tea."


def test_erasing_a_memory_erases_its_copies_and_the_copies_of_these(store: Store, other: Store) -> None:
    tea, jam = store.memories.remember("main", "Tea is in the tin.", "Jam is in the jar.").memory_ids
    grant(store, other.caller.principal_id, Action.ADMINISTER, Action.WRITE)
    first = other.cubes.fork("main", None, "theirs")
    second = other.cubes.fork("theirs", None, "theirs-too")
    copies = [
        copy
        for cube in (first, second)
        for copy in originals(store, cube.cube.cube_id)
        if store.memories.get(copy).text == "Tea is in the tin."
    ]
    assert store.erasures.erase(memory=tea, basis="case 1", dry_run=True).memories == 3
    assert store.erasures.erase(memory=tea, basis="case 1").completed
    for each in (tea, *copies):
        with pytest.raises(MemoryErased):
            store.memories.get(each)
    assert [hit.text for hit in other.recall("theirs", "Where is the tea?").hits] == ["Jam is in the jar."]
    assert [each.completed for each in store.erasures.list().items] == [True] * 3
    assert store.memories.get(jam).text == "Jam is in the jar."
    again = store.erasures.erase(memory=tea, basis="case 1")
    assert again.completed


def test_a_copy_under_hold_keeps_its_original_from_being_erased(store: Store) -> None:
    (tea,) = store.memories.remember("main", "Tea is in the tin.").memory_ids
    fork = store.cubes.fork("main", None, "what-if")
    (copy,) = originals(store, fork.cube.cube_id)
    store.memories.transition(copy, State.FROZEN, legal_hold=True)
    with pytest.raises(LegalHold):
        store.erasures.erase(memory=tea, basis="case 1")
    assert store.memories.get(tea).state == "activated"


def test_erasing_a_person_reaches_the_copies(store: Store) -> None:
    ada = store.principals.register_subject("Ada").subject_id
    store.memories.remember("main", Remember(text="Ada likes tea.", subject_id=ada), "Jam.")
    store.cubes.fork("main", None, "what-if")
    assert store.erasures.erase(subject=ada, basis="case 1", dry_run=True).memories == 2
    store.erasures.erase(subject=ada, basis="case 1")
    assert [memory.text for memory in store.memories.list("what-if").items] == ["Jam."]
    assert store.cubes.fork("main", store.log.head(), "later").left_out == {"erased": 1}


def test_an_erasure_at_the_same_moment_reaches_every_fork(store: Store) -> None:
    (tea,) = store.memories.remember("main", "Tea is in the tin.").memory_ids

    def fork(number: int) -> None:
        with suppress(ConditionFailed):  # others were faster each time: then there is no fork
            store.cubes.fork("main", None, f"fork-{number}")

    def erase() -> None:
        with suppress(ConditionFailed):
            store.erasures.erase(memory=tea, basis="case 1")

    with ThreadPoolExecutor(4) as pool:
        forks = [pool.submit(fork, number) for number in range(3)]
        erased = pool.submit(erase)
        forks += [pool.submit(fork, number) for number in range(3, 6)]
        for each in (*forks, erased):
            each.result()
    store.erasures.erase(memory=tea, basis="case 1")
    cubes = [cube.name for cube in store.cubes.list().items]
    assert [memory.text for cube in cubes for memory in store.memories.list(cube).items] == []
