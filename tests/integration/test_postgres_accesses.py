"""The view of accesses is a function of the log: whatever the batches, whoever folds, and after every rebuild."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.adapters.postgres.access_log import AccessLog, Entry
from mnemolog.adapters.postgres.accesses import AccessFilter, PostgresAccesses
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.log import PostgresLog
from mnemolog.adapters.postgres.mapper import LogMapper
from mnemolog.domain.access import Access
from mnemolog.domain.log import Event, Origin
from mnemolog.domain.memory import Memory
from mnemolog.projections.runner import Lane
from tests.databases import database, superuser
from tests.factories import KEY_ENCRYPTION_KEY
from tests.histories import ANN, BEN, TENANT, History, histories

UNSAID: dict[str, object] = {
    "session_id": None,
    "purpose": None,
    "text_positions": (),
    "position": 1,
    "permitted_at": 1,
    "as_of": None,
    "clock": None,
    "considered": None,
    "dropped": {},
    "exact": None,
    "embedder": None,
    "question": {"text": "tea"},
    "scores": (),
}


class Followed:
    def __init__(self, dsn: str, application: LogApplication) -> None:
        self.dsn, self.application = dsn, application
        self.log = PostgresLog(application.log_recorder, application.keyring)
        self.access_log = AccessLog(application)
        self.view = PostgresAccesses(application.datastore)

    def append(self, events: Sequence[LogEvent]) -> None:
        if events:
            self.application.log_recorder.append(events)

    def told(self, kind: str, by: UUID, *memories: Memory) -> None:
        """One answer."""
        cubes = tuple({memory.cube_id for memory in memories})
        facts: dict[str, object] = {
            "kind": kind,
            "memory_ids": tuple(memory.id for memory in memories),
            "cube_ids": cubes,
        }
        self._record(Access.Recorded, by, UNSAID | facts)

    def refused(self, by: UUID, memory: Memory) -> None:
        facts = {"kind": "get", "code": "memory_not_found", "target_id": memory.id, "asked": None}
        self._record(Access.Refused, by, {"session_id": None, "purpose": None} | facts)

    def _record(self, kind: type[Access.Event], by: UUID, facts: dict[str, object]) -> None:
        entry = Entry(kind, TENANT, by, Origin(actor_id=by), datetime.now(UTC), facts)
        self.access_log.append(self.access_log.sealed([entry]))

    def follow(self, batch: int = 1000) -> str:
        Lane(self.view, self.log, batch, lambda: None).advance(self.log.head())
        return self.view.digest()

    def pages(self, upto: int) -> Iterator[Sequence[Event]]:
        yield self.log.read(0, 10_000, upto=upto)


@contextmanager
def followed(dsn: str) -> Iterator[Followed]:
    with closing(LogApplication(dsn, KEY_ENCRYPTION_KEY)) as application:
        yield Followed(dsn, application)


def lived(store: Followed, history: History, data: st.DataObject) -> None:
    """The history, with answers and refusals between its events."""
    mapper = store.application.mapper
    assert isinstance(mapper, LogMapper)
    stored = mapper.to_stored_events(history.recorded)
    cuts = sorted(data.draw(st.sets(st.integers(1, history.head), max_size=4)) | {history.head})
    for start, end in zip([0, *cuts], cuts, strict=False):
        store.append(stored[start:end])
        known = [each for each in history.memories if any(e.memory_id == each.id for e in history.events[:end])]
        for _ in range(data.draw(st.integers(0, 3))):
            by = data.draw(st.sampled_from((ANN, BEN)))
            told = [known[place] for place in data.draw(places(len(known)))]
            kind = data.draw(st.sampled_from(("recall", "get", "links")))
            store.told(kind, by, *told)
            if told:
                store.refused(by, told[0])


def places(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, count - 1), max_size=3) if count else st.just([])


@given(history=histories(max_steps=12), data=st.data())
@settings(max_examples=8, deadline=None)
def test_what_was_followed_is_what_is_rebuilt(server: EmbeddedPostgres, history: History, data: st.DataObject) -> None:
    with database(server) as dsn, followed(dsn) as store:
        lived(store, history, data)
        digest = store.follow(batch=data.draw(st.integers(1, 8)))
        head = store.log.head()
        assert store.view.compared(store.pages) == (head, True)
        assert store.view.digest() == digest
        assert store.view.rebuild(store.pages(head), head) == []
        assert (store.view.digest(), store.view.position) == (digest, head)
        store.view.rebuild([], 0)
        for position in range(1, head + 1):
            store.view.apply(store.log.read(store.view.position, 10, upto=position), position)
        assert store.view.digest() == digest


@given(history=histories(max_steps=8), data=st.data())
@settings(max_examples=5, deadline=None)
def test_reads_are_as_many_as_answers_that_told_of_a_memory(
    server: EmbeddedPostgres, history: History, data: st.DataObject
) -> None:
    with database(server) as dsn, followed(dsn) as store:
        lived(store, history, data)
        store.follow()
        events = [event for event in store.log.read(0, 10_000) if event.type == Access.Recorded.TOPIC]
        for memory in history.memories:
            reads = [
                event.position
                for event in events
                if event.data["kind"] != "links"
                for told in event.data["memory_ids"]
                if told == str(memory.id)
            ]
            found = store.view.patterns(TENANT, [memory.id])[memory.id]
            assert (found.reads, found.last_position) == (len(reads), max(reads, default=None))
            assert found.owner_id == memory.governance.owner_id


def test_two_that_fold_the_same_events_count_them_once(dsn: str) -> None:
    with followed(dsn) as store:
        for _ in range(3):
            store.told("recall", ANN)
        events = store.log.read(0, 10)
        other = PostgresAccesses(store.application.datastore)
        assert other.position == 0
        store.view.apply(events[:2], 2)
        other.apply(events, 3)
        store.view.apply(events, 3)
        assert store.view.compared(store.pages) == (3, True)


def test_a_row_that_was_changed_is_found(dsn: str) -> None:
    with followed(dsn) as store:
        store.told("recall", ANN)
        store.follow()
        with superuser(dsn) as connection:
            connection.execute("UPDATE mnemolog.access SET actor_id = %s", (BEN,))
        assert store.view.compared(store.pages) == (1, False)
        assert store.view.page(TENANT, AccessFilter(actor_id=BEN), None) != []
        store.view.rebuild(store.pages(1), 1)
        assert store.view.page(TENANT, AccessFilter(actor_id=BEN), None) == []
