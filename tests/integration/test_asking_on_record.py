"""Questions about permissions, grants, erasures, keys and principals leave records too: one each, with counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.api.audit import AuditEntry
from mnemolog.api.store import Store, open_store
from mnemolog.domain.identity import new_id
from mnemolog.domain.permissions import Action
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import Denied, MemoryNotFound, NotFound, PrincipalNotFound, Refusal


@pytest.fixture
def store(dsn: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as store:
        yield store


def entries(store: Store, *kinds: str, refused: bool = False) -> Sequence[AuditEntry]:
    found: Sequence[AuditEntry] = store.audit(AccessFilter(kinds=kinds or None, refused=refused), limit=500).items
    return found


def somebody(store: Store) -> Store:
    return store.acting_as(store.principals.issue_key(store.principals.register("Ben").principal_id).key)


Ask = Callable[[Store, Sequence[UUID]], object]
READ = Action.READ
# By the kind of its record: how it is asked, which memories are named, how many are counted.
ASKED: dict[str, tuple[Ask, int, int | None]] = {
    "permissions.check": (lambda store, ids: store.permissions.check(None, READ, ids[0]), 1, 1),
    "permissions.check_many": (lambda store, ids: store.permissions.check_many(None, READ, "main", ids), 0, 3),
    "permissions.list_permitted": (lambda store, ids: store.permissions.list_permitted(None, READ, "main"), 2, None),
    "permissions.explain": (lambda store, ids: store.permissions.explain(None, READ, ids[0]), 1, 1),
    "permissions.expand": (lambda store, ids: store.permissions.expand(READ, cube="main"), 0, 1),
    "grants.list": (lambda store, ids: store.grants.list(), 0, 0),
    "erasures.list": (lambda store, ids: store.erasures.list(), 0, 0),
    "erasures.erase": (lambda store, ids: store.erasures.erase(memory=ids[0], basis="case 1", dry_run=True), 0, 1),
    "principals.get": (lambda store, ids: store.principals.get(store.caller.principal_id), 0, 1),
    "principals.list": (lambda store, ids: store.principals.list(), 0, 1),
    "principals.keys": (lambda store, ids: store.principals.keys(), 0, 1),
    "tenants.list": (lambda store, ids: store.tenants.list(), 0, 1),
    "audit.patterns": (lambda store, ids: store.audit.patterns(ids), 2, None),
    "evidence.export": (lambda store, ids: next(store.evidence.export(1, 1)), 0, 1),
}


@pytest.mark.parametrize("kind", ASKED)
def test_a_question_leaves_one_record_of_how_much_was_told(store: Store, kind: str) -> None:
    ids = [*store.memories.remember("main", "Tea.", "Jam.").memory_ids, new_id()]
    ask, named, counted = ASKED[kind]
    ask(store, ids)
    (entry,) = entries(store, kind)
    assert (len(entry.memory_ids), entry.facts.get("considered")) == (named, counted)
    assert entry.actor_id == store.caller.principal_id


def test_what_was_not_allowed_is_counted_by_why(store: Store) -> None:
    ids = [*store.memories.remember("main", "Tea.").memory_ids, new_id(), new_id()]
    store.permissions.check_many(None, READ, "main", ids)
    ben = store.principals.register("Ben").principal_id
    store.permissions.check(ben, READ, ids[0])
    assert entries(store, "permissions.check_many")[0].facts["dropped"] == {"not_found": 2}
    assert entries(store, "permissions.check")[0].facts["dropped"] == {"no_permit": 1}


def test_a_change_is_on_record_by_its_event_alone(store: Store) -> None:
    ben = store.principals.register("Ben").principal_id
    group = store.principals.register("all", PrincipalKind.GROUP).principal_id
    store.groups.add(group, ben)
    key = store.principals.issue_key(ben)
    store.principals.revoke_key(ben, key.key_id)
    store.principals.deactivate(ben)
    (memory_id,) = store.memories.remember("main", "Tea.").memory_ids
    store.erasures.erase(memory=memory_id, basis="case 1")
    told = {"access", "audit", "erasure", "grant", "memory", "principal", "subject", "cube", "tenant"}
    assert {each.kind.partition(".")[0] for each in entries(store)} <= told
    assert not [each.kind for each in entries(store) if each.kind.startswith(("principals.", "erasures.", "groups."))]


REFUSED: dict[str, tuple[type[Refusal], Ask]] = {
    "permissions.check": (MemoryNotFound, lambda store, ids: store.permissions.check(None, READ, ids[0])),
    "permissions.expand": (Denied, lambda store, ids: store.permissions.expand(READ, cube="main")),
    "grants.get": (NotFound, lambda store, ids: store.grants.get(new_id())),
    "erasures.list": (Denied, lambda store, ids: store.erasures.list()),
    "erasures.get": (NotFound, lambda store, ids: store.erasures.get(new_id())),
    "principals.get": (PrincipalNotFound, lambda store, ids: store.principals.get(new_id())),
    "principals.issue_key": (PrincipalNotFound, lambda store, ids: store.principals.issue_key(new_id())),
    "principals.holder_of": (NotFound, lambda store, ids: store.principals.holder_of(new_id())),
    "tenants.list": (Denied, lambda store, ids: store.tenants.list()),
    "evidence.export": (Denied, lambda store, ids: next(store.evidence.export())),
    "retract": (Denied, lambda store, ids: store.retract(ids[0], 0, reason="none")),
    "influence": (MemoryNotFound, lambda store, ids: store.influence(ids[0])),
    "lineage": (MemoryNotFound, lambda store, ids: store.lineage(ids[0])),
}


def test_the_log_of_all_tenants_is_exported_by_nobody_but_the_founding_one(store: Store) -> None:
    another = store.acting_as(store.tenants.found("another").key)
    with pytest.raises(Denied):
        next(another.evidence.export())


@pytest.mark.parametrize("kind", REFUSED)
def test_what_was_refused_is_on_record(store: Store, kind: str) -> None:
    ids = store.memories.remember("main", "Tea.").memory_ids
    ben = somebody(store)
    refusal, ask = REFUSED[kind]
    with pytest.raises(refusal):
        ask(ben, ids)
    (entry,) = entries(store, kind, refused=True)
    assert (entry.actor_id, entry.code) == (ben.caller.principal_id, refusal.code)
