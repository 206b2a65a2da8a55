"""What a principal has written is taken back: all of it, nothing else, as planned, on record, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.api import retract
from mnemolog.api.lineage_answers import RetractionAnswer
from mnemolog.api.store import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.grants import Effect, Level, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Relation
from mnemolog.domain.permissions import Action
from mnemolog.domain.refusals import Denied, Invalid, InvalidPosition, InvalidText, PrincipalNotFound
from mnemolog.domain.taking_back import take_back
from tests.databases import superuser

REASON = "incident 7"
EVERYTHING = frozenset({Action.READ, Action.WRITE, Action.MERGE, Action.ADMINISTER})


@pytest.fixture
def store(dsn: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as store:
        store.cubes.configure("main", CubeConfig(gate=Gate.OPEN))
        yield store


@pytest.fixture
def mallory(store: Store) -> Store:
    """Somebody who may do everything in the cube."""
    return somebody(store, "Mallory")


def somebody(store: Store, name: str) -> Store:
    principal_id = store.principals.register(name).principal_id
    store.grants.issue(permit(store, principal_id))
    return store.acting_as(store.principals.issue_key(principal_id).key)


def permit(store: Store, principal_id: UUID, effect: Effect = Effect.PERMIT, memory_id: UUID | None = None) -> Terms:
    cube_id = store.cubes.get("main").cube_id
    return Terms(
        effect=effect,
        subject_id=principal_id,
        level=Level.CUBE if memory_id is None else Level.MEMORY,
        resource_id=memory_id or cube_id,
        actions=EVERYTHING if effect is Effect.PERMIT else frozenset({Action.READ}),
    )


def remember(store: Store, text: str, **facts: Any) -> UUID:
    return store.memories.remember("main", Remember(text=text, **facts)).memory_ids[0]


def merge(store: Store, *memory_ids: UUID, text: str = "Both.") -> UUID:
    return store.memories.merge(memory_ids, text).memory_ids[0]


def taken_back(store: Store, whose: Store, since: int = 0, **options: Any) -> RetractionAnswer:
    """As it was planned, to the last finding."""
    planned = store.retract(whose.caller.principal_id, since, reason=REASON, dry_run=True, **options)
    before = store.log.head()
    done = store.retract(whose.caller.principal_id, since, reason=REASON, **options)
    assert (planned.findings, planned.counts, planned.after) == (done.findings, done.counts, done.after)
    assert (planned.dry_run, planned.retraction_id, done.dry_run) == (True, None, False)
    assert done.position > before
    return done


def found(answer: RetractionAnswer) -> dict[UUID, set[tuple[str, str]]]:
    findings: dict[UUID, set[tuple[str, str]]] = {}
    for each in answer.findings:
        findings.setdefault(each.id, set()).add((each.outcome, each.why))
    return findings


def recalled(store: Store) -> dict[UUID, str]:
    return {hit.memory_id: hit.text for hit in store.recall("main", "tea jam dog both poison", k=50).hits}


def states(store: Store, memory_ids: Sequence[UUID]) -> list[str]:
    return [store.memories.get(memory_id).state for memory_id in memory_ids]


def test_what_it_wrote_is_told_to_nobody_any_more(store: Store, mallory: Store) -> None:
    mine, poison = remember(store, "Tea."), remember(mallory, "Poison.")
    answer = taken_back(store, mallory)
    assert found(answer) == {poison: {("archived", "written")}}
    assert recalled(store).keys() == recalled(mallory).keys() == {mine}
    assert answer.counts == {"archived": 1}


def test_only_what_it_wrote_in_the_range_is_taken_back(store: Store, mallory: Store) -> None:
    before = remember(mallory, "Tea.")
    since = store.log.head()
    within = remember(mallory, "Poison.")
    until = store.log.head()
    after = remember(mallory, "Jam.")
    answer = taken_back(store, mallory, since, until=until)
    assert (answer.after, answer.upto) == (since, until)
    assert found(answer).keys() == {within}
    assert recalled(store).keys() == {before, after}


def test_a_moment_is_as_good_as_a_position(store: Store, mallory: Store) -> None:
    remember(mallory, "Tea.")
    moment = store.parts.clock.now()
    poison = remember(mallory, "Poison.")
    answer = store.retract(mallory.caller.principal_id, moment, reason=REASON)
    assert found(answer).keys() == {poison}


def test_whatever_anybody_made_from_it_goes_with_it_and_what_was_merged_with_it_comes_back(
    store: Store, mallory: Store
) -> None:
    tea, jam, dog, own = (remember(store, text) for text in ("Tea.", "Jam.", "Dog.", "Derived."))
    poison = remember(mallory, "Poison.")
    inner = merge(store, tea, poison)
    outer = merge(store, inner, jam)
    store.memories.link(own, outer, Relation.DERIVED_FROM)
    answer = taken_back(store, mallory)
    assert found(answer) == {
        poison: {("archived", "written")},
        **{each: {("archived", "derived")} for each in (inner, outer, own)},
        **{each: {("unmerged", "merged")} for each in (tea, jam)},
    }
    assert recalled(store).keys() == {tea, jam, dog}


def test_a_copy_in_a_fork_goes_too(store: Store, mallory: Store) -> None:
    tea, poison = remember(store, "Tea."), remember(mallory, "Poison.")
    store.cubes.fork("main", store.log.head(), "garden")
    answer = taken_back(store, mallory)
    assert sorted(each.why for each in answer.findings) == ["derived", "written"]
    assert [hit.text for hit in store.recall("garden", "tea poison").hits] == ["Tea."]
    assert found(answer).keys() >= {poison}
    assert tea not in found(answer)


def test_a_merge_that_it_made_is_undone_and_its_parents_come_back(store: Store, mallory: Store) -> None:
    tea, jam = remember(store, "Tea."), remember(store, "Jam.")
    result = merge(mallory, tea, jam, text="Poison.")
    answer = taken_back(store, mallory)
    assert found(answer) == {
        result: {("archived", "written")},
        tea: {("unmerged", "merged")},
        jam: {("unmerged", "merged")},
    }
    assert recalled(store) == {tea: "Tea.", jam: "Jam."}


def test_what_it_revised_has_its_text_and_metadata_again(store: Store, mallory: Store) -> None:
    memory_id = remember(store, "Tea.", tags=("drinks",), priority=7)
    mallory.memories.revise(memory_id, "Poison.", tags=("food",))
    mallory.memories.revise(memory_id, "More poison.", priority=1)
    answer = taken_back(store, mallory)
    assert found(answer) == {memory_id: {("returned", "revised")}}
    memory = store.memories.get(memory_id)
    assert (memory.text, memory.tags, memory.governance["priority"]) == ("Tea.", ("drinks",), 7)


def test_what_was_merged_after_it_was_revised_comes_back_as_it_was_before(store: Store, mallory: Store) -> None:
    tea, jam = remember(store, "Tea."), remember(store, "Jam.")
    mallory.memories.revise(tea, "Poison.")
    result = merge(store, tea, jam)
    answer = taken_back(store, mallory)
    assert found(answer) == {
        result: {("archived", "derived")},
        tea: {("unmerged", "merged"), ("returned", "revised")},
        jam: {("unmerged", "merged")},
    }
    assert recalled(store) == {tea: "Tea.", jam: "Jam."}


def test_what_others_have_revised_since_is_archived_and_reported(store: Store, mallory: Store) -> None:
    memory_id = remember(store, "Tea.")
    mallory.memories.revise(memory_id, "Poison.")
    store.memories.revise(memory_id, "Poison, corrected.")
    answer = taken_back(store, mallory)
    assert found(answer) == {memory_id: {("archived", "revised_since")}}
    assert recalled(store) == {}


def test_what_was_made_before_it_was_revised_stays(store: Store, mallory: Store) -> None:
    tea, jam, dog = remember(store, "Tea."), remember(store, "Jam."), remember(store, "Dog.")
    result = merge(store, tea, jam)
    store.memories.link(dog, result, Relation.DERIVED_FROM)
    mallory.memories.revise(result, "Poison.")
    assert found(taken_back(store, mallory)) == {result: {("returned", "revised")}}
    assert recalled(store) == {result: "Both.", dog: "Dog."}


def test_a_link_of_its_making_condemns_nobody_elses_memory(store: Store, mallory: Store) -> None:
    tea, poison = remember(store, "Tea."), remember(mallory, "Poison.")
    mallory.memories.link(tea, poison, Relation.DERIVED_FROM)
    answer = taken_back(store, mallory)
    assert found(answer) == {poison: {("archived", "written")}, tea: {("unlinked", "linked")}}
    assert recalled(store) == {tea: "Tea."}
    assert store.influence(poison).derived == []


def test_a_link_that_others_have_confirmed_counts(store: Store, mallory: Store) -> None:
    tea, poison = remember(store, "Tea."), remember(mallory, "Poison.")
    mallory.memories.link(tea, poison, Relation.DERIVED_FROM)
    store.memories.link(tea, poison, Relation.DERIVED_FROM, 0.5)
    assert found(taken_back(store, mallory))[tea] == {("archived", "derived")}


def test_what_is_frozen_or_held_is_as_it_was_and_listed_and_what_is_erased_is_not(store: Store, mallory: Store) -> None:
    frozen, held, erased, archived = (remember(mallory, f"Poison {n}.") for n in range(4))
    revised = remember(store, "Tea.")
    mallory.memories.revise(revised, "Poison.")
    store.memories.transition(frozen, State.FROZEN)
    store.memories.transition(held, State.FROZEN, legal_hold=True)
    store.memories.transition(revised, State.FROZEN)
    store.memories.transition(archived, State.ARCHIVED)
    store.erasures.erase(memory=erased, basis="case 1")
    answer = taken_back(store, mallory)
    assert found(answer) == {
        frozen: {("held", "written")},
        held: {("held", "written")},
        revised: {("held", "revised")},
        archived: {("left", "archived")},
    }
    assert states(store, [frozen, held, revised, archived]) == ["frozen", "frozen", "frozen", "archived"]


def test_what_it_let_out_of_quarantine_or_did_besides_is_listed(store: Store, mallory: Store) -> None:
    store.cubes.configure("main", CubeConfig(gate=Gate.CORROBORATION, corroborations=5))
    ben = somebody(store, "Ben")
    quarantined, tea = remember(ben, "Jam."), remember(ben, "Tea.")
    mallory.memories.transition(quarantined, State.ACTIVATED)
    mallory.memories.corroborate(tea)
    mallory.memories.link(tea, quarantined, Relation.SUPPORTS)
    assert found(taken_back(store, mallory)) == {
        quarantined: {("left", "memory.activated")},
        tea: {("left", "memory.corroborated"), ("left", "memory.linked")},
    }


def test_grants_that_it_issued_are_revoked_and_denies_on_what_is_archived_stay(store: Store, mallory: Store) -> None:
    ben, cleo = (store.principals.register(name).principal_id for name in ("Ben", "Cleo"))
    tea, poison = remember(store, "Tea."), remember(mallory, "Poison.")
    store.grants.issue(permit(store, cleo, Effect.DENY, poison))
    result = merge(mallory, tea, poison)
    denied = store.grants.list(subject_id=cleo, resource_id=result).items[0].grant_id
    admin = store.principals.register("Admin", administrator=True).principal_id
    evil = store.acting_as(store.principals.issue_key(admin).key)
    granted = evil.grants.issue(permit(store, ben)).grant_id
    assert found(taken_back(store, evil)) == {granted: {("revoked", "granted")}}
    assert store.grants.get(granted).state == "revoked"
    assert found(taken_back(store, mallory))[denied] == {("left", "granted")}
    assert store.grants.get(denied).state == "live"


def test_a_retraction_is_on_record_with_its_reason_and_its_request_is_answered_twice_alike(
    store: Store, mallory: Store
) -> None:
    poison = remember(mallory, "Poison.")
    key, who = uuid4(), mallory.caller.principal_id
    first = store.retract(who, 0, reason=REASON, idempotency_key=key)
    remember(mallory, "More poison.")
    assert store.retract(who, 0, reason=REASON, idempotency_key=key) == first
    (entry,) = store.audit(AccessFilter(kinds=("retraction.made",))).items
    assert (entry.actor_id, entry.facts["writer_id"]) == (store.caller.principal_id, str(who))
    assert "reason" not in entry.facts
    assert store.parts.log.at([entry.position])[entry.position].data["reason"] == REASON
    (told,) = store.audit(AccessFilter(kinds=("retract",))).items[:1]
    assert told.memory_ids == [poison]


def test_a_dry_run_changes_nothing(store: Store, mallory: Store) -> None:
    remember(mallory, "Poison.")
    before = store.log.head()
    store.retract(mallory.caller.principal_id, 0, reason=REASON, dry_run=True)
    assert {each.type.partition(".")[0] for each in store.parts.log.read(before, 100)} <= {"access"}


def test_whoever_wrote_it_can_be_believed_again(store: Store, mallory: Store) -> None:
    poison = remember(mallory, "Poison.")
    taken_back(store, mallory)
    store.memories.transition(poison, State.ACTIVATED)
    assert recalled(store).keys() == {poison}


def test_it_is_taken_back_once_and_what_was_made_since_stays(store: Store, mallory: Store) -> None:
    poison, tea, jam = remember(mallory, "Poison."), remember(store, "Tea."), remember(store, "Jam.")
    mallory.memories.revise(tea, "Poisoned tea.")
    assert found(taken_back(store, mallory))[tea] == {("returned", "revised")}
    clean = merge(store, tea, jam)
    assert found(taken_back(store, mallory)) == {poison: {("left", "archived")}, tea: {("left", "as before")}}
    assert recalled(store).keys() == {clean}


def test_what_others_revised_after_it_was_brought_back_is_theirs(store: Store, mallory: Store) -> None:
    tea = remember(store, "Tea.")
    mallory.memories.revise(tea, "Poisoned tea.")
    taken_back(store, mallory)
    store.memories.revise(tea, "Green tea.")
    assert found(taken_back(store, mallory)) == {tea: {("left", "as before")}}
    mallory.memories.revise(tea, "Poisoned green tea.")
    assert found(taken_back(store, mallory)) == {tea: {("returned", "revised")}}
    assert recalled(store) == {tea: "Green tea."}


def test_what_it_revised_again_after_a_retraction_comes_back_again(store: Store, mallory: Store) -> None:
    tea = remember(store, "Tea.")
    for text in ("Poisoned tea.", "Tea with poison."):
        mallory.memories.revise(tea, text)
        assert found(taken_back(store, mallory)) == {tea: {("returned", "revised")}}
    assert recalled(store) == {tea: "Tea."}


def test_only_administrators_take_back_and_only_from_their_own_tenant(store: Store, mallory: Store) -> None:
    who = mallory.caller.principal_id
    stranger = store.acting_as(store.tenants.found("other").key)
    for dry_run in (False, True):
        with pytest.raises(Denied):
            mallory.retract(store.caller.principal_id, 0, reason=REASON, dry_run=dry_run)
        with pytest.raises(PrincipalNotFound):
            stranger.retract(who, 0, reason=REASON, dry_run=dry_run)
    assert [each.kind for each in store.audit(AccessFilter(refused=True)).items] == ["retract", "retract"]


def test_what_cannot_be_asked_is_refused(store: Store, mallory: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    who = mallory.caller.principal_id
    with pytest.raises(InvalidText):
        store.retract(who, 0, reason=" ")
    with pytest.raises(InvalidPosition):
        store.retract(who, 10**9, reason=REASON)
    with pytest.raises(PrincipalNotFound):
        store.retract(new_id(), 0, reason=REASON)
    remember(mallory, "Poison.")
    monkeypatch.setattr(retract, "MOST_DEEDS", 1)
    with pytest.raises(Invalid, match="shorter range"):
        store.retract(who, 0, reason=REASON)


def test_a_merge_that_comes_in_between_is_decided_on_too(
    store: Store, mallory: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tea, poison = remember(store, "Tea."), remember(mallory, "Poison.")
    plan, late = take_back, list[UUID]()

    def slow(deeds: Any, situation: Any) -> Any:
        if not late:
            late.append(merge(store, tea, poison))
        return plan(deeds, situation)

    monkeypatch.setattr(retract, "take_back", slow)
    answer = store.retract(mallory.caller.principal_id, 0, reason=REASON)
    assert found(answer)[late[0]] == {("archived", "derived")}
    assert recalled(store).keys() == {tea}


def test_a_link_that_comes_in_between_is_decided_on_too(
    store: Store, mallory: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tea, poison = remember(store, "Tea."), remember(mallory, "Poison.")
    plan, late = take_back, list[int]()

    def slow(deeds: Any, situation: Any) -> Any:
        if not late:
            late.append(store.memories.link(tea, poison, Relation.DERIVED_FROM).position)
        return plan(deeds, situation)

    monkeypatch.setattr(retract, "take_back", slow)
    answer = store.retract(mallory.caller.principal_id, 0, reason=REASON)
    assert found(answer)[tea] == {("archived", "derived")}


def test_the_deeds_of_one_are_found_by_an_index(dsn: str, store: Store) -> None:
    with superuser(dsn) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT position FROM mnemolog.access WHERE actor_id = %s AND position > 0", (uuid4(),)
        ).fetchall()
    assert "access_by_actor" in str(plan)
