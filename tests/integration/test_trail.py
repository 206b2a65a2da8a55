"""Records of answers on their way into the log: when they are there, and what happens when they cannot be."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.adapters.postgres.presence import is_gone
from mnemolog.api.settings import Audit, Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.access import Access
from mnemolog.domain.log import Event, Selection
from mnemolog.domain.refusals import AuditUnavailable, CubeNotFound
from tests.databases import superuser

TEA = "Tea is kept in the blue tin."
AN_HOUR = 3600.0
LOCK = "BEGIN; SELECT pg_advisory_xact_lock(7105809, 1)"
GAPS = AccessFilter(kinds=("access.gap_declared",))


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", dsn=dsn)


@contextmanager
def opened(settings: Settings, **changes: Any) -> Iterator[Store]:
    with open_store(settings=replace(settings, **changes), embedder=HashingEmbedder()) as store:
        yield store


def on_record(store: Store, *kinds: type[Access.Event]) -> list[Event]:
    types = tuple(kind.TOPIC for kind in kinds)
    return list(store.parts.log.read(0, 10_000, Selection(types=types)))


def recalls(store: Store) -> list[Event]:
    return [event for event in on_record(store, Access.Recorded) if event.data["kind"] == "recall"]


@contextmanager
def appends_stopped(dsn: str) -> Iterator[None]:
    """Whoever appends waits; whoever reads does not."""
    with superuser(dsn) as connection:
        connection.execute(LOCK)
        yield
        connection.execute("COMMIT")


def test_in_strict_mode_an_answer_that_was_given_is_in_the_log(settings: Settings) -> None:
    with opened(settings, audit=Audit.STRICT, audit_seconds=AN_HOUR) as store:
        store.memories.remember("main", TEA)
        for count in range(1, 4):
            answer = store.recall("main", "tea")
            assert len(recalls(store)) == count
        event = recalls(store)[-1]
        assert event.data["memory_ids"] == [str(hit.memory_id) for hit in answer.hits]
        assert event.data["text_positions"] == [hit.position for hit in answer.hits]
        assert (event.data["position"], event.actor_id) == (answer.position, store.caller.principal_id)
    with opened(settings) as store:
        assert on_record(store, Access.Opened, Access.Closed) == []


def test_strict_answers_at_the_same_time_share_their_commits_and_are_all_on_record(settings: Settings) -> None:
    with opened(settings, audit=Audit.STRICT) as store, ThreadPoolExecutor(8) as pool:
        store.memories.remember("main", TEA)
        list(pool.map(lambda _: store.recall("main", "tea"), range(40)))
        found = recalls(store)
        assert len(found) == 40
        assert len({(event.stream_id, event.version) for event in found}) == 40
        assert len({event.stream_id for event in found}) == 1


def test_a_buffered_answer_does_not_wait_and_is_in_the_log_a_little_later(settings: Settings) -> None:
    with opened(settings, audit_seconds=AN_HOUR) as store:
        store.memories.remember("main", TEA)
        store.recall("main", "tea")  # the first one says that this process has begun
        assert len(recalls(store)) == 1
        store.recall("main", "tea")
        assert (len(recalls(store)), store.parts.trail.waiting) == (1, 1)
        store.parts.trail.flush()
        assert (len(recalls(store)), store.parts.trail.waiting) == (2, 0)
        store.recall("main", "tea")
    with opened(settings) as store:
        assert len(recalls(store)) == 3
        begun, ended = on_record(store, Access.Opened), on_record(store, Access.Closed)
        assert [event.data["process_id"] for event in begun] == [event.data["process_id"] for event in ended]
        assert ended[0].position > recalls(store)[-1].position


def test_a_tenth_of_the_room_is_written_before_its_time(settings: Settings) -> None:
    with opened(settings, audit_seconds=AN_HOUR, audit_buffer=30) as store:
        store.memories.remember("main", TEA)
        for _ in range(4):
            store.recall("main", "tea")
        while len(recalls(store)) < 4:
            time.sleep(0.01)


def test_an_answer_that_finds_no_room_for_its_record_is_not_given(settings: Settings, dsn: str) -> None:
    with opened(settings, audit_seconds=0.01, audit_buffer=5) as store:
        store.memories.remember("main", TEA)
        store.recall("main", "tea")
        with appends_stopped(dsn):
            for _ in range(5):
                assert store.recall("main", "tea").hits
            with pytest.raises(AuditUnavailable, match="5 records wait"):
                store.recall("main", "tea")
        store.parts.trail.flush()
        assert store.recall("main", "tea").hits
        store.parts.trail.flush()
        assert len(recalls(store)) == 7


def test_a_strict_answer_whose_record_cannot_be_written_is_not_given(settings: Settings, dsn: str) -> None:
    with opened(settings, audit=Audit.STRICT, wait_seconds=0.2) as store:
        store.memories.remember("main", TEA)
        with appends_stopped(dsn), pytest.raises(AuditUnavailable):
            store.recall("main", "tea")
        store.parts.trail.flush()
        assert len(recalls(store)) == 1  # there may be a record of what was not told, and never the other way about


def test_records_outlive_a_database_that_cuts_every_connection(settings: Settings, dsn: str) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    with opened(settings, audit_seconds=0.01) as store, superuser(dsn) as connection:
        store.memories.remember("main", TEA)
        for _ in range(20):
            store.recall("main", "tea")
            connection.execute(end, (connection.info.backend_pid,))
        store.parts.trail.flush()
        assert len(recalls(store)) == 20


def test_what_was_asked_and_the_scores_are_sealed_and_the_ids_are_not(settings: Settings, dsn: str) -> None:
    with opened(settings, audit=Audit.STRICT) as store:
        store.memories.remember("main", TEA)
        store.recall("main", "where is the CANARY?")
        with pytest.raises(CubeNotFound):
            store.recall("the CANARY's", "tea")
        (refused,) = on_record(store, Access.Refused)
        assert (refused.data["asked"], refused.data["code"]) == ("the CANARY's", "cube_not_found")
        (event,) = recalls(store)
        assert event.data["question"]["text"] == "where is the CANARY?"
        assert not event.erased
    with superuser(dsn) as connection:
        rows = connection.execute("SELECT payload::text FROM mnemolog.event WHERE event_type LIKE 'access%'").fetchall()
        assert rows
        assert not [row for row in rows if "CANARY" in row[0] or "score" in row[0]]


def test_a_record_whose_asker_has_been_erased_keeps_who_and_which_and_nothing_of_what_was_asked(
    settings: Settings, dsn: str
) -> None:
    with opened(settings, audit=Audit.STRICT) as store:
        store.memories.remember("main", TEA)
        store.recall("main", "tea")
        with superuser(dsn) as connection:
            connection.execute(
                "DELETE FROM mnemolog_keys.content_key WHERE key_id = %s", (recalls(store)[0].stream_id,)
            )
        (event,) = recalls(store)
        assert event.erased
        assert len(event.data["memory_ids"]) == 1
        assert not {"question", "scores"} & event.data.keys()


BUFFERING = """
import sys, time
from pathlib import Path
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api.settings import Settings
from mnemolog.api.store import open_store
settings = Settings(home=Path(sys.argv[1]), dsn=sys.argv[2], audit_seconds=3600)
with open_store(settings=settings, embedder=HashingEmbedder()) as store:
    store.memories.remember("main", "Tea is kept in the blue tin.")
    store.recall("main", "tea")
    store.recall("main", "tea")
    print(store.parts.log.head(), flush=True)
    time.sleep(3600)
"""


@contextmanager
def another_process(settings: Settings) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """It has answered twice, and put one of its answers on record, before the position that it says."""
    command = [sys.executable, "-c", BUFFERING, str(settings.home), str(settings.dsn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGKILL)


def declared(store: Store) -> list[Event]:
    while any(thread.name == "mnemolog-gaps" for thread in threading.enumerate()):
        time.sleep(0.01)
    return on_record(store, Access.GapDeclared)


def test_after_a_crash_the_next_start_declares_what_may_be_missing(settings: Settings) -> None:
    with another_process(settings) as (process, head):
        process.send_signal(signal.SIGKILL)
        process.wait()
        with opened(settings) as store:
            (gap,) = declared(store)
            (begun,) = on_record(store, Access.Opened)
            assert gap.data["process_id"] == begun.data["process_id"]
            assert gap.data["after"] == head
            assert [entry.position for entry in store.audit(GAPS).items] == [gap.position]
        with opened(settings) as store:
            assert declared(store) == [gap]


def test_a_process_that_runs_has_left_no_gap(settings: Settings, dsn: str) -> None:
    with another_process(settings) as (process, _), opened(settings) as store:
        assert declared(store) == []
        (begun,) = store.parts.accesses.unclosed()
        with superuser(dsn) as connection:
            assert not is_gone(connection, begun.process_id)
            process.send_signal(signal.SIGKILL)
            process.wait()
            while not is_gone(connection, begun.process_id):
                time.sleep(0.01)


def test_several_that_start_at_once_declare_a_gap_once(settings: Settings) -> None:
    with another_process(settings) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: open_store(settings=settings, embedder=HashingEmbedder()), range(4)))
        assert len(declared(stores[0])) == 1
        list(pool.map(Store.close, stores))


def test_a_process_that_was_wrongly_taken_for_gone_still_says_that_all_is_on_record(
    settings: Settings, dsn: str
) -> None:
    with opened(settings, audit_seconds=AN_HOUR) as store:
        store.memories.remember("main", TEA)
        store.recall("main", "tea")
        with superuser(dsn) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mnemolog-audit'"
                " AND datname = current_database()"
            )
        with opened(settings) as other:
            (gap,) = declared(other)
        store.recall("main", "tea")
    with opened(settings) as store:
        assert len(recalls(store)) == 2
        (ended,) = [event for event in on_record(store, Access.Closed) if event.stream_id == gap.stream_id]
        assert (gap.version, ended.version) == (2, 3)
