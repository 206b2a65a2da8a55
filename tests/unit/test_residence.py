from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import LAST, Event, Selection
from mnemolog.domain.refusals import ProjectionBehind, StoreUnreachable
from mnemolog.projections.caretaker import WORTH_KEEPING, Caretaker, Resident, leaving
from mnemolog.projections.cube_fold import AnyCubeFold
from mnemolog.projections.edges import Edges
from mnemolog.projections.labels import Labels
from mnemolog.projections.parking import Parked
from mnemolog.projections.recall import Views
from mnemolog.projections.residence import Residence
from mnemolog.projections.saved import CubeFiles
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import VectorView
from tests.histories import NOW, History
from tests.unit.asking import AS_ANN, a_kitchen, ask, remembered
from tests.unit.graph_histories import joined_histories
from tests.unit.hashed_vectors import DIMENSIONS, HashedVectors
from tests.unit.kept_copies import KeptCopies
from tests.unit.memory_log import MemoryLog

SOON = 10.0  # seconds; never reached unless something is broken


def recalled() -> tuple[AnyCubeFold, ...]:
    return Scopes(), Labels(), Terms(), Turns(), VectorView(HashedVectors(), DIMENSIONS)


@dataclass
class House:
    """A process: views that begin with what is kept, and follow the log as far as they are told."""

    log: MemoryLog
    residence: Residence
    parked: list[tuple[str, Parked]]

    @property
    def views(self) -> tuple[AnyCubeFold, ...]:
        return self.residence.views

    def follow(self, upto: int | None = None) -> None:
        upto = self.log.head() if upto is None else upto
        for view in self.views:
            view.apply(self.log.read(view.position, upto, Selection(types=view.types), upto), upto)

    def asked(self) -> Views:
        scopes, labels, terms, turns, vectors, _ = self.views
        assert isinstance(scopes, Scopes)
        assert isinstance(labels, Labels)
        assert isinstance(terms, Terms)
        assert isinstance(turns, Turns)
        assert isinstance(vectors, VectorView)
        return Views(scopes, terms, vectors, turns, labels)


@contextmanager
def house(log: MemoryLog, files: CubeFiles, wait_seconds: float = SOON) -> Iterator[House]:
    parked: list[tuple[str, Parked]] = []
    residence = Residence(
        log, (recalled(), (Edges(),)), files, lambda view, each: parked.append((view, each)), wait_seconds
    )
    residence.begin()
    try:
        yield House(log, residence, parked)
    finally:
        residence.close()


def told(events: Sequence[Event]) -> MemoryLog:
    return MemoryLog(events)


def eager(events: Sequence[Event]) -> list[AnyCubeFold]:
    views = [*recalled(), Edges()]
    for view in views:
        view.apply(events, len(events))
    return views


turns = st.tuples(st.sampled_from(("ask", "keep", "release", "restart")), st.integers(0, 6), st.integers(0, 1))


@given(history=joined_histories(10), steps=st.lists(turns, max_size=15))
def test_a_cube_that_came_and_went_is_to_the_bit_one_that_was_always_held(
    history: History, steps: list[tuple[str, int, int]]
) -> None:
    """A step is what happens to a cube in all views but one, after as many new events."""
    log, files = MemoryLog(), KeptCopies()
    pending = list(history.events)
    while steps:
        with house(log, files) as process:
            while steps and (step := steps.pop(0))[0] != "restart":
                log.append(pending[: step[1]])
                del pending[: step[1]]
                process.follow()
                for view in process.views[step[1] % 3 :]:
                    happen(process, view, step[0], history.cubes[step[2]].id)
            process.residence.reach()
    log.append(pending)
    with house(log, files) as process:
        process.follow()
        for view, always in zip(process.views, eager(history.events), strict=True):
            for cube in history.cubes:
                assert view.digest_of(cube.id)[1] == always.digest_of(cube.id)[1], view.name


def happen(process: House, view: AnyCubeFold, step: str, cube_id: UUID) -> None:
    if step == "ask":
        view.digest_of(cube_id)
    elif step == "keep":
        process.residence.keep(view, cube_id)
    else:
        view.release(cube_id)


@given(history=joined_histories(10), data=st.data())
def test_a_state_goes_through_a_file_and_on_as_if_nothing_had_been(history: History, data: st.DataObject) -> None:
    middle = data.draw(st.integers(0, history.head))
    for view, always in zip(eager(history.events[:middle]), eager(history.events), strict=True):
        for cube in history.cubes:
            saved = view.saved(cube.id)
            if saved is None:
                continue
            files = KeptCopies()
            files.keep(view.name, view.kept_version, cube.id, saved, lambda: True)
            again = view.draft(files.read(view.name, view.kept_version, cube.id))
            assert [*again.state.content()] == [*view.draft(saved).state.content()]
            view.extend(again, [event for event in history.events if event.cube_id == cube.id])
            with always._reading(cube.id) as state:
                assert [*again.state.content()] == [*state.content()]


def test_an_answer_is_the_same_after_the_cube_was_let_go() -> None:
    history, _ = a_kitchen()
    with house(MemoryLog(), KeptCopies()) as process:
        process.log.append(history.events)
        process.follow()
        before = ask(process.asked(), history.cubes[0].id, "Where is the tea?")
        for view in process.views:
            view.release(history.cubes[0].id)
            assert not view.is_held(history.cubes[0].id)
        assert ask(process.asked(), history.cubes[0].id, "Where is the tea?") == before
        assert all(view.is_held(history.cubes[0].id) for view in process.views[:-1])


def test_the_views_of_a_group_are_woken_from_one_reading_of_the_log() -> None:
    history, _ = a_kitchen()
    with house(told(history.events), KeptCopies()) as process:
        reads = process.log.reads
        ask(process.asked(), history.cubes[0].id, "tea")
        assert process.log.reads == reads + 1


def test_without_files_nothing_is_read_before_somebody_asks() -> None:
    history, _ = a_kitchen()
    with house(told(history.events), KeptCopies()) as process:
        assert {view.position for view in process.views} == {history.head}
        assert process.log.reads == 0


def test_a_cube_is_woken_from_its_file_and_the_events_since() -> None:
    history, _ = a_kitchen()
    files, cube_id = KeptCopies(), history.cubes[0].id
    with house(told(history.events), files) as process:
        for view in process.views:
            process.residence.wake(view, cube_id)
            process.residence.keep(view, cube_id)
        process.residence.reach()
    remembered(history, "The kettle is green.")
    with house(told(history.events), files) as process:
        process.follow()
        found = ask(process.asked(), cube_id, "Which colour has the kettle?", AS_ANN, NOW)
        assert process.asked().vectors._store.asked == [1]  # type: ignore[attr-defined]  # what came since
        assert found == ask(Views(*_views(eager(history.events))), cube_id, "Which colour has the kettle?", AS_ANN, NOW)


def _views(views: Sequence[AnyCubeFold]) -> tuple[Scopes, Terms, VectorView, Turns, Labels]:
    scopes, labels, terms, turns, vectors, _ = views
    return scopes, terms, vectors, turns, labels  # type: ignore[return-value]


def test_an_erasure_takes_the_files_with_it_before_the_view_has_moved_past_it() -> None:
    history, memories = a_kitchen()
    files, cube_id = KeptCopies(), history.cubes[0].id
    with house(told(history.events), files) as process:
        for view in process.views:
            process.residence.wake(view, cube_id)
            process.residence.keep(view, cube_id)
        memories[0].transition_state(State.ERASED)
        history.save(memories[0])
        process.log.append(history.events[process.log.head() :])
        process.follow()
        assert {view for view, _ in files.copies} == {"scopes", "labels", "terms", "turns", "vectors", "edges"} - {
            view.name for view in process.views
        }


def test_an_erasure_that_nobody_obeyed_before_a_crash_is_obeyed_at_the_next_start() -> None:
    history, memories = a_kitchen()
    files, cube_id = KeptCopies(), history.cubes[0].id
    with house(told(history.events), files) as process:
        process.residence.reach()
        for view in process.views:
            process.residence.wake(view, cube_id)
            process.residence.keep(view, cube_id)
    memories[0].transition_state(State.ERASED)
    history.save(memories[0])
    with house(told(history.events), files) as process:
        process.follow()
        assert not files.copies


def test_what_has_been_erased_meanwhile_is_not_kept() -> None:
    history, memories = a_kitchen()
    files, cube_id = KeptCopies(), history.cubes[0].id
    with house(told(history.events), files) as process:
        view = process.views[2]
        process.residence.wake(view, cube_id)
        memories[0].transition_state(State.ERASED)
        history.save(memories[0])
        process.log.append(history.events[process.log.head() :])  # and the view has not seen it yet
        process.residence.keep(view, cube_id)
        assert not files.copies


def test_files_of_a_longer_log_are_dropped_and_so_is_one_of_another_log() -> None:
    history, _ = a_kitchen()
    files, cube_id = KeptCopies(), history.cubes[0].id
    with house(told(history.events), files) as process:
        process.residence.wake(process.views[2], cube_id)
        process.residence.keep(process.views[2], cube_id)
        process.residence.reach()
    with house(told(history.events[:-1]), files):
        assert not files.copies
    other = [replace(event, recorded_at=event.recorded_at + timedelta(hours=1)) for event in history.events]
    with house(told(history.events), files) as process:
        process.residence.wake(process.views[2], cube_id)
        process.residence.keep(process.views[2], cube_id)
    with house(told(other), files) as process:
        process.residence.wake(process.views[2], cube_id)
        assert ("terms", cube_id) not in files.copies


def test_a_file_that_makes_no_sense_is_dropped_and_the_log_is_read() -> None:
    history, _ = a_kitchen()
    files, cube_id = KeptCopies(), history.cubes[0].id
    with house(told(history.events), files) as process:
        for view in process.views:
            process.residence.wake(view, cube_id)
            process.residence.keep(view, cube_id)
            saved = files.read(view.name, view.kept_version, cube_id)
            assert saved is not None
            files.keep(view.name, view.kept_version, cube_id, replace(saved, arrays={}), lambda: True)
        before = [view.digest_of(cube_id) for view in process.views]
    with house(told(history.events), files) as process:
        assert [view.digest_of(cube_id) for view in process.views] == before
        assert not files.copies


class Held:
    """A log that does not answer until it is let."""

    def __init__(self, log: MemoryLog) -> None:
        self._log, self.let, self.failures = log, threading.Event(), list[Exception]()

    def head(self) -> int:
        return self._log.head()

    def at(self, positions: Sequence[int]) -> dict[int, Event]:
        return dict(self._log.at(positions))

    def read(self, after: int, limit: int, selection: Selection = Selection(), upto: int = LAST) -> Sequence[Event]:
        assert self.let.wait(SOON)
        if self.failures:
            raise self.failures.pop()
        return self._log.read(after, limit, selection, upto)


def test_whoever_asks_about_a_cube_that_takes_long_is_told_to_come_back_and_finds_it_then() -> None:
    history, _ = a_kitchen()
    log = Held(told(history.events))
    with house(log, KeptCopies(), wait_seconds=0.01) as process:  # type: ignore[arg-type]
        with pytest.raises(ProjectionBehind):
            process.views[0].digest_of(history.cubes[0].id)
        log.let.set()
        for _ in range(1000):
            try:
                position, _ = process.views[0].digest_of(history.cubes[0].id)
                break
            except ProjectionBehind:
                continue
        assert position > 0


def test_an_outage_while_a_cube_is_woken_is_told_and_the_next_question_tries_again() -> None:
    history, _ = a_kitchen()
    log = Held(told(history.events))
    log.let.set()
    log.failures = [StoreUnreachable(reason="it is down")]
    with house(log, KeptCopies()) as process:  # type: ignore[arg-type]
        with pytest.raises(StoreUnreachable):
            process.views[0].digest_of(history.cubes[0].id)
        assert process.views[0].digest_of(history.cubes[0].id)[0] > 0


def test_an_event_that_goes_by_while_a_cube_is_woken_is_not_lost() -> None:
    history, _ = a_kitchen()
    with house(told(history.events), KeptCopies()) as process:
        terms, cube_id, read = process.views[2], history.cubes[0].id, history.head
        draft = terms.draft(None)
        terms.extend(draft, [event for event in history.events if event.cube_id == cube_id])
        remembered(history, "The kettle is green.")
        process.log.append(history.events[read:])
        process.follow()
        assert not terms.admit(cube_id, draft, read)
        assert terms.digest_of(cube_id)[1] == eager(history.events)[2].digest_of(cube_id)[1]


def test_an_event_that_cannot_be_folded_is_parked_when_its_cube_is_woken() -> None:
    history, _ = a_kitchen()
    generated = next(event for event in history.events if event.type == "memory.generated.v1")
    events = [replace(event, data={}) if event == generated else event for event in history.events]
    with house(told(events), KeptCopies()) as process:
        process.views[2].digest_of(history.cubes[0].id)
        assert ("terms", Parked(generated.position, "KeyError")) in process.parked


def test_a_rebuild_makes_the_same_state_and_verify_finds_one_that_is_wrong() -> None:
    history, _ = a_kitchen()
    cube_id = history.cubes[0].id
    with house(told(history.events), KeptCopies()) as process:
        terms = process.views[2]
        before = terms.digest_of(cube_id)
        assert process.residence.verify(terms, cube_id) == (before[0], True)
        with terms._reading(cube_id) as state:
            state._lengths.rows[0] += 1
        assert process.residence.verify(terms, cube_id) == (before[0], False)
        process.residence.rebuild(terms, cube_id)
        assert process.residence.verify(terms, cube_id) == (before[0], True)
        assert terms.digest_of(cube_id) == before


def test_a_caretaker_keeps_what_is_worth_it_and_lets_go_what_is_idle() -> None:
    history, _ = a_kitchen()
    for number in range(WORTH_KEEPING):
        remembered(history, f"Cup {number} is blue.")
    files, cube_id = KeptCopies(), history.cubes[0].id
    with house(told(history.events), files) as process:
        for view in process.views:
            view.digest_of(cube_id)
        caretaker = Caretaker(process.residence, idle_seconds=60, most_memories=10**9)
        caretaker.tend(now=0)
        assert {view for view, cube in files.copies if cube == cube_id} == {view.name for view in process.views}
        assert files.position == history.head
        assert all(view.is_held(cube_id) for view in process.views)
        caretaker.tend(now=float("inf"))
        assert not any(view.is_held(cube_id) for view in process.views)
        files.failures = [OSError()] * 100
        process.views[0].digest_of(cube_id)
        caretaker.tend(now=0)  # and goes on without files


def test_the_cubes_that_wait_longest_leave_first_when_there_is_too_much() -> None:
    ids = [cube.id for cube in a_kitchen()[0].cubes] * 2
    old, older, asked_now = Resident(ids[0], 5, 50), Resident(ids[1], 5, 70), Resident(ids[0], 90, 1)
    assert list(leaving([old, older, asked_now], 100, 95)) == [ids[1]]
    assert list(leaving([old, older, asked_now], 100, 1)) == [ids[1], ids[0]]  # but none that is in use
    assert list(leaving([old, older], 60, 1000)) == [ids[1]]
