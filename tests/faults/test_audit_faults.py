"""Nothing is told without a record, however a process ends; what a crash has swallowed lies in a declared gap."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.recorded import recorded_recall
from mnemolog.api.settings import Audit, Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.access import Access
from mnemolog.domain.log import Event, Selection, pages
from tests.databases import database

SCRIPT = Path(__file__).with_name("answering.py")
TYPES = (Access.Recorded.TOPIC, Access.Opened.TOPIC, Access.Closed.TOPIC, Access.GapDeclared.TOPIC)


class Answering:
    """The process under fire, started anew after each kill."""

    def __init__(self, home: Path, dsn: str, mode: Audit) -> None:
        self.journal = home / "journal"
        self.command = [sys.executable, str(SCRIPT), str(home), dsn, str(self.journal), mode]

    def killed_after(self, answers: int) -> None:
        before = len(self.given())
        with subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            while len(self.given()) < before + answers:
                assert process.poll() is None, "it has ended before it was killed"
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)

    def given(self) -> list[int]:
        return [int(line) for line in self.journal.read_text().split()] if self.journal.exists() else []


@pytest.fixture
def journeyed(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    with database(server) as dsn:
        yield tmp_path, dsn


def answered(home: Path, dsn: str, mode: Audit, kills: int) -> tuple[set[int], list[Event]]:
    """The answers that were given, and what is on record after one more start."""
    answering, chance = Answering(home, dsn, mode), random.Random(kills)
    for _ in range(kills):
        answering.killed_after(chance.randrange(3, 60))
    with open_store(settings=Settings(home=home, dsn=dsn), embedder=HashingEmbedder()) as store:
        return set(answering.given()), settled(store, gaps=kills if mode is Audit.BUFFERED else 0)


def settled(store: Store, gaps: int) -> list[Event]:
    while True:
        head = store.log.head()
        events = [event for page in pages(store.parts.log, 0, head, 2000, Selection(types=TYPES)) for event in page]
        if sum(event.type == Access.GapDeclared.TOPIC for event in events) == gaps:
            return events
        time.sleep(0.05)


def numbers(events: list[Event]) -> list[int]:
    found = [event for event in events if event.type == Access.Recorded.TOPIC and event.data["kind"] == "recall"]
    return [int(recorded_recall(event).question.text.split()[-1]) for event in found]


def missing_outside_gaps(given: set[int], events: list[Event]) -> set[int]:
    """Numbers grow with every process: those of a gap come after the last on record of the process that left it."""
    missing = given - set(numbers(events))
    lives: dict[str, list[Event]] = {}
    for event in events:
        lives.setdefault(event.data["process_id"], []).append(event)
    last_of = [max(numbers(life), default=-1) for life in lives.values() if life[-1].type == Access.GapDeclared.TOPIC]
    begun_after = sorted(min(numbers(life)) for life in lives.values() if numbers(life))
    return {number for number in missing if not any(in_gap(number, last, begun_after) for last in last_of)}


def in_gap(number: int, last: int, begun: list[int]) -> bool:
    return last < number < min((each for each in begun if each > last), default=sys.maxsize)


def strict(home: Path, dsn: str, kills: int) -> None:
    given, events = answered(home, dsn, Audit.STRICT, kills)
    assert given
    assert given <= set(numbers(events))
    assert all(event.type == Access.Recorded.TOPIC for event in events)


def buffered(home: Path, dsn: str, kills: int) -> None:
    given, events = answered(home, dsn, Audit.BUFFERED, kills)
    found = numbers(events)
    assert missing_outside_gaps(given, events) == set()
    assert given - set(found), "nothing was lost: the kills came too late to test anything"
    gaps = {event.data["process_id"]: event.data["after"] for event in events if event.type == Access.GapDeclared.TOPIC}
    last = {event.data["process_id"]: event.position for event in events if event.type == Access.Recorded.TOPIC}
    assert gaps == last


def test_of_a_killed_strict_process_every_answer_is_on_record(journeyed: tuple[Path, str]) -> None:
    strict(*journeyed, kills=3)


def test_of_a_killed_buffered_process_what_is_missing_lies_in_a_declared_gap(journeyed: tuple[Path, str]) -> None:
    buffered(*journeyed, kills=4)


@pytest.mark.long
def test_fifty_kills_of_strict_processes(journeyed: tuple[Path, str]) -> None:
    strict(*journeyed, kills=50)


@pytest.mark.long
def test_fifty_kills_of_buffered_processes(journeyed: tuple[Path, str]) -> None:
    buffered(*journeyed, kills=50)
