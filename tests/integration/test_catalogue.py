from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.log import PostgresLog
from mnemolog.adapters.postgres.mapper import LogMapper
from mnemolog.domain.aggregate import Root
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Origin
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Description
from mnemolog.domain.principal import Key
from mnemolog.projections.runner import Lane
from tests.databases import database, superuser
from tests.factories import KEY_ENCRYPTION_KEY, House
from tests.histories import History, histories
from tests.lives import lives

ORIGIN = Origin()
WAITING = """SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
             WHERE NOT granted AND datname = current_database()"""


@dataclass
class Store:
    dsn: str
    application: LogApplication
    log: PostgresLog
    catalogue: PostgresCatalogue

    def append(self, events: Sequence[Root.Event]) -> None:
        mapper = self.application.mapper
        assert isinstance(mapper, LogMapper)
        if events:
            self.application.log_recorder.append(mapper.to_stored_events(events))

    def follow(self, batch: int = 1000) -> str:
        """The digest after applying what is new, `batch` events at a time."""
        Lane(self.catalogue, self.log, batch, lambda: None).advance(self.log.head())
        assert self.catalogue.position == self.log.head()
        return self.catalogue.digest()

    def ask(self, question: str, *values: object) -> list[Row]:
        with superuser(self.dsn) as connection:
            return connection.execute(question, values).fetchall()


@contextmanager
def opened(dsn: str) -> Iterator[Store]:
    with closing(LogApplication(dsn, KEY_ENCRYPTION_KEY)) as application:
        catalogue = PostgresCatalogue(application.datastore, application.keyring.token)
        yield Store(dsn, application, PostgresLog(application.log_recorder, application.keyring), catalogue)


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with opened(dsn) as store:
        yield store


@contextmanager
def fresh(server: EmbeddedPostgres) -> Iterator[Store]:
    with database(server) as dsn, opened(dsn) as store:
        yield store


@given(history=histories(), data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_was_followed_equals_what_is_rebuilt_at_every_position(
    server: EmbeddedPostgres, history: History, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, history.head))) | {history.head})
    with fresh(server) as store:
        followed = []
        for start, end in zip([0, *cuts], cuts, strict=False):
            store.append(history.recorded[start:end])
            followed.append(store.follow(batch=data.draw(st.integers(1, 8))))
        store.catalogue.rebuild([], 0)
        rebuilt = []
        for position in cuts:
            events = store.log.read(store.catalogue.position, 1000, upto=position)
            store.catalogue.apply(events, position)
            rebuilt.append(store.catalogue.digest())
        assert rebuilt == followed


@given(history=histories())
@settings(max_examples=15, deadline=None)
def test_what_was_followed_equals_what_is_rebuilt_after_the_keys_of_the_erased_are_gone(
    server: EmbeddedPostgres, history: History
) -> None:
    with fresh(server) as store:
        store.append(history.recorded)
        followed = store.follow()
        for memory in history.memories:
            if memory.state is State.ERASED:
                store.ask("DELETE FROM mnemolog_keys.content_key WHERE key_id = %s RETURNING 1", memory.id)
        store.catalogue.rebuild([], 0)
        assert store.follow() == followed


AS_OF = """SELECT memory_id, version, state, governance, trust, corroborations, legal_hold, expires_at, text_position,
                  merged_into FROM mnemolog.memory
           WHERE from_position <= %s AND (to_position IS NULL OR to_position > %s)"""


@given(history=histories())
@settings(max_examples=15, deadline=None)
def test_at_any_position_a_memory_has_one_row_and_that_says_what_it_was(
    server: EmbeddedPostgres, history: History
) -> None:
    with fresh(server) as store:
        store.append(history.recorded)
        store.follow(batch=5)
        for position in range(1, history.head + 1):
            then = [history.memory_at(memory.id, position) for memory in history.memories]
            expected = [row_of(memory, history, position) for memory in then if memory is not None]
            assert sorted(store.ask(AS_OF, position, position)) == sorted(expected)


def row_of(memory: Memory, history: History, position: int) -> Row:
    into = [target for target, relation in memory.links if relation is Relation.MERGED_TO]
    return (
        memory.id,
        memory.version,
        memory.state.value,
        memory.governance.to_json(),
        memory.standing.trust,
        memory.standing.corroborations,
        memory.legal_hold,
        memory.expires_at,
        history.text_position(memory.id, position),
        into[0] if into else None,
    )


@given(history=histories())
@settings(max_examples=15, deadline=None)
def test_the_rows_of_a_memory_follow_each_other_without_gap_or_overlap(
    server: EmbeddedPostgres, history: History
) -> None:
    with fresh(server) as store:
        store.append(history.recorded)
        store.follow(batch=3)
        for memory in history.memories:
            question = "SELECT from_position, to_position FROM mnemolog.memory WHERE memory_id = %s ORDER BY 1"
            rows = store.ask(question, memory.id)
            starts = [event.position for event in history.events if event.memory_id == memory.id]
            assert rows == list(zip(starts, [*starts[1:], None], strict=True))


def test_applying_the_same_events_again_changes_nothing(store: Store) -> None:
    store.application.record(*lives(House()), origin=ORIGIN)
    events, head = store.log.read(0, 1000), store.log.head()
    digest = store.follow()
    for again in (events, events[5:], events[:5], []):
        store.catalogue.apply(again, again[-1].position if again else head)
        assert (store.catalogue.position, store.catalogue.digest()) == (head, digest)


def test_a_batch_that_overlaps_the_last_one_adds_only_what_is_new(store: Store) -> None:
    store.application.record(*lives(House()), origin=ORIGIN)
    digest = store.follow()
    events, head = store.log.read(0, 1000), store.log.head()
    store.catalogue.rebuild([], 0)
    store.catalogue.apply(events[:9], 9)
    store.catalogue.apply(events[4:], head)
    assert store.catalogue.digest() == digest


def test_events_that_do_not_join_on_are_left_until_those_between_have_come(store: Store) -> None:
    """As when another process empties the view while this one holds events that it has read."""
    store.application.record(*lives(House()), origin=ORIGIN)
    digest, events, head = store.follow(), store.log.read(0, 1000), store.log.head()
    with opened(store.dsn) as other:
        other.catalogue.rebuild([], 0)
    store.catalogue.apply(events[5:], head)
    assert store.catalogue.position == 0
    assert store.ask("SELECT count(*) FROM mnemolog.memory") == [(0,)]
    assert store.follow() == digest


def test_two_processes_that_follow_at_once_apply_each_event_once(store: Store) -> None:
    for _ in range(5):
        store.application.record(*lives(House()), origin=ORIGIN)
    with opened(store.dsn) as other, ThreadPoolExecutor(2) as processes:
        digests = list(processes.map(Store.follow, (store, other), (3, 5)))
    store.catalogue.rebuild([], 0)
    assert digests == [store.follow()] * 2


def test_two_processes_that_apply_the_same_events_take_turns(store: Store) -> None:
    store.application.record(*lives(House()), origin=ORIGIN)
    events, head = store.log.read(0, 1000), store.log.head()
    store.catalogue.apply(events[:1], 1)
    with opened(store.dsn) as other, ThreadPoolExecutor(2) as processes, superuser(store.dsn) as holder:
        with holder.transaction():
            holder.execute("SELECT FROM mnemolog.view_position FOR UPDATE")
            applied = [processes.submit(each.catalogue.apply, events, head) for each in (store, other)]
            while holder.execute(WAITING).fetchall() != [(2,)]:
                time.sleep(0.001)
        assert [each.result() for each in applied] == [None, None]
    digest = store.catalogue.digest()
    store.catalogue.rebuild([], 0)
    assert store.follow() == digest


class NewerCatalogue(PostgresCatalogue):
    version = PostgresCatalogue.version + 1


def test_a_newer_fold_begins_anew_and_keeps_no_row_of_the_older_one(store: Store) -> None:
    store.application.record(*lives(House()), origin=ORIGIN)
    digest = store.follow()
    store.ask("UPDATE mnemolog.memory SET state = 'older', legal_hold = true RETURNING 1")
    newer = NewerCatalogue(store.application.datastore, store.application.keyring.token)
    assert newer.position == 0
    newer.apply(store.log.read(0, 1000), store.log.head())
    assert newer.digest() == digest
    assert store.ask("SELECT version, position FROM mnemolog.view_position") == [(newer.version, newer.position)]


def test_erasing_takes_the_labels_out_of_the_past_too(store: Store) -> None:
    memory = House().activated(description=Description(key="tea", tags=("tin", "blue")))
    store.application.record(memory, origin=ORIGIN)
    store.follow()
    labels = "SELECT count(key_token), sum(cardinality(tag_tokens)) FROM mnemolog.memory"
    assert store.ask(labels) == [(2, 4)]
    memory.transition_state(State.ERASED)
    store.application.record(memory, origin=ORIGIN)
    store.follow()
    assert store.ask(labels) == [(0, 0)]


def test_labels_are_found_by_their_tokens_only(store: Store) -> None:
    memory = House().generated(description=Description(key="tea", tags=("tin", "blue")))
    store.application.record(memory, origin=ORIGIN)
    store.follow()
    token = store.application.keyring.token
    tokens = [(token("key:tea"), [token("tag:tin"), token("tag:blue")])]
    assert store.ask("SELECT key_token, tag_tokens FROM mnemolog.memory") == tokens


def test_cubes_principals_keys_and_subjects_have_rows_of_their_own(store: Store) -> None:
    house = House()
    aggregates: list[Any] = lives(house)
    kinds = ("cube", "principal", "principal", "subject", "tenant")
    cube, agent, group, person, tenant = (each for each in aggregates if each.KIND in kinds)
    store.application.record(*aggregates, origin=ORIGIN)
    store.follow()
    owner = house.tenant_id, house.owner_id
    cubes = store.ask("SELECT cube_id, tenant_id, owner_id, name, subject_id, config, version FROM mnemolog.cube")
    assert cubes == [(cube.id, *owner, "kitchen", house.owner_id, cube.config.to_json(), 2)]
    principals = store.ask("SELECT principal_id, tenant_id, subject_id, kind, administrator FROM mnemolog.principal")
    assert principals == [(agent.id, *owner, "agent", False), (group.id, *owner, "group", False)]
    keys = store.ask(
        "SELECT key_id, principal_id, tenant_id, digest, expires_at, revoked, scopes, on_behalf_of"
        " FROM mnemolog.credential ORDER BY position"
    )
    expected = [(key_id, agent.id, house.tenant_id, *key_row(key)) for key_id, key in agent.keys.items()]
    assert keys == expected
    members = store.ask("SELECT group_id, member_id, tenant_id FROM mnemolog.group_member WHERE to_position IS NULL")
    assert members == [(group.id, member, house.tenant_id) for member in group.members]
    assert store.ask("SELECT count(*) FROM mnemolog.group_member") == [(2,)]
    spells = store.ask("SELECT principal_id, tenant_id, to_position - from_position FROM mnemolog.inactivity")
    assert spells == [(group.id, house.tenant_id, 1)]
    identities = store.ask("SELECT tenant_id, principal_id, issuer, subject FROM mnemolog.identity")
    assert identities == [(house.tenant_id, agent.id, *identity) for identity in agent.identities]
    assert store.ask("SELECT tenant_id, limits FROM mnemolog.tenant") == [(tenant.id, tenant.limits.to_json())]
    assert store.ask("SELECT subject_id, tenant_id FROM mnemolog.subject") == [(person.id, house.tenant_id)]


def key_row(key: Key) -> Row:
    scopes = None if key.scopes is None else list(key.scopes)
    return key.digest, key.expires_at, key.revoked, scopes, key.on_behalf_of


def test_an_event_that_cannot_be_applied_leaves_the_view_as_it_was(store: Store) -> None:
    house = House()
    store.application.record(house.cube("kitchen"), house.cube("kitchen"), origin=ORIGIN)
    with pytest.raises(IntegrityError):
        store.catalogue.apply(store.log.read(0, 10), 2)
    assert store.catalogue.position == 0
    assert store.ask("SELECT count(*) FROM mnemolog.cube") == [(0,)]
