"""Reports against the same figures counted in Python, event by event, from the log that they are about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.plots import png
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.reports import REPORTS, Report
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.refusals import Invalid, NotFound, Refusal
from mnemolog.projections.accesses import READS
from tests.databases import database

CANARY = "the CANARY of the owner"
LATE = timedelta(days=3)


@dataclass
class Told:
    """A store in which something happened; `reader` is of a user with a cube of their own and no right to another."""

    store: Store
    reader: Store
    merged: Sequence[UUID]


@pytest.fixture(scope="module")
def told(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    home: Path = tmp_path_factory.mktemp("home")
    with (
        database(server) as dsn,
        open_store(settings=Settings(home=home, dsn=dsn), embedder=HashingEmbedder()) as store,
    ):
        yield happened(store)


@pytest.fixture(scope="module")
def reports(told: Told) -> Mapping[str, Report]:
    """Each of the whole log, as it was then."""
    return {name: told.store.reports(name) for name in REPORTS}


def happened(store: Store) -> Told:
    """Something of everything that reports count."""
    now = datetime.now(UTC)
    texts = [Remember(text=f"Tea {number} is in tin {number}.") for number in range(8)]
    ids = store.memories.remember("main", *texts).memory_ids
    store.memories.remember("main", Remember(text=CANARY, occurred_at=now - LATE, ttl=timedelta(hours=5)))
    store.memories.remember("main", Remember(text="Milk is at the door.", ttl=timedelta(days=3)))
    merged = store.memories.merge(ids[:2], "Tea 0 and 1 are in tins.").memory_ids[0]
    store.memories.retract_merge(merged)
    store.memories.merge(ids[:2], "Tea 0 and 1 are in tins again.")
    store.memories.transition(ids[2], State.ARCHIVED)
    store.memories.transition(ids[3], State.FROZEN, legal_hold=True)
    store.memories.set_retention(ids[4], expires_at=now + timedelta(days=20))
    store.memories.set_retention(ids[4], expires_at=None)
    store.erasures.erase(memory=ids[5], basis="case 7")
    reader = store.acting_as(store.principals.issue_key(store.principals.register("Bob").principal_id).key)
    reader.cubes.found("bobs")
    own = reader.memories.remember("bobs", "Coffee is in the jar.").memory_ids[0]
    for question in ("tea", "milk", "tin"):
        store.recall("main", question)
    for asked in (own, ids[6], new_id(), ids[6]):
        with suppress(Refusal):
            reader.memories.get(asked)
    with suppress(Refusal):
        reader.recall("main", "tea")
    return Told(store, reader, [*ids[:2], merged])


def events(told: Told, upto: int) -> Sequence[Event]:
    return list(told.store.parts.log.read(0, 10_000, upto=upto))


def rows_of(report: Report) -> list[dict[str, Any]]:
    return [dict(zip(report.columns, row, strict=True)) for row in report.rows]


def kind_of(event: Event) -> str:
    return event.type.removesuffix(".v1")


def test_activity_is_every_event_by_day_and_kind(told: Told, reports: Mapping[str, Report]) -> None:
    report = reports["activity"]
    found = events(told, report.position)
    expected = Counter((event.recorded_at.date(), kind_of(event)) for event in found)
    assert {(row["day"], row["kind"]): row["events"] for row in rows_of(report)} == expected
    assert (report.since, report.until) == (found[0].recorded_at, found[-1].recorded_at)
    assert f"{len(found)} events" in report.notes[0]


def test_access_is_every_memory_of_every_answer_by_person_memory_and_hour(
    told: Told, reports: Mapping[str, Report]
) -> None:
    report = reports["access"]
    expected: Counter[tuple[str, str]] = Counter()
    for event in events(told, report.position):
        if kind_of(event) == "access.recorded" and event.data["kind"] in READS:
            for memory_id in event.data["memory_ids"]:
                person = str(event.on_behalf_of or event.actor_id)
                expected += Counter([("person", person), ("memory", memory_id), ("hour", f"{event.recorded_at:%H}")])
    assert {(row["per"], row["which"]): row["told"] for row in rows_of(report)} == expected
    assert len({which for per, which in expected if per == "person"}) == 2
    assert expected.total() % 3 == 0


def test_the_funnel_is_every_step_from_the_state_before(told: Told, reports: Mapping[str, Report]) -> None:
    report = reports["funnel"]
    back = {"thawed", "restored", "unmerged"}
    state: dict[UUID | None, str] = {}
    expected: Counter[tuple[str | None, str]] = Counter()
    for event in events(told, report.position):
        root, _, name = kind_of(event).partition(".")
        if root == "memory" and (name in back or name in set(State)):
            expected[state.get(event.memory_id), name] += 1
            state[event.memory_id] = "activated" if name in back else name
    assert {(row["from_state"], row["step"]): row["times"] for row in rows_of(report)} == expected
    assert expected["merged", "unmerged"] == 2
    assert all(row["median_seconds"] is None or row["median_seconds"] >= 0 for row in rows_of(report))


def test_denials_are_every_refusal_that_is_on_record(told: Told, reports: Mapping[str, Report]) -> None:
    report = reports["denials"]
    expected = Counter(
        (event.data["code"], event.data["kind"], str(event.actor_id))
        for event in events(told, report.position)
        if kind_of(event) == "access.refused"
    )
    found: Counter[tuple[str, str, str]] = Counter()
    for row in rows_of(report):
        found[row["code"], row["kind"], row["actor_id"]] += row["times"]
    assert found == expected
    assert sum(expected.values()) == 4


def test_retention_is_of_the_memories_in_use_at_one_moment(told: Told, reports: Mapping[str, Report]) -> None:
    count = {row["which"]: row["count"] for row in rows_of(reports["retention"])}
    assert (count["within 1 day"], count["in 1 to 7 days"], count["memories under legal hold"]) == (1, 1, 1)
    assert (count["memories erased"], count["erasures begun"], count["erasures completed"]) == (1, 1, 1)
    assert count["under 1 day"] == count["never"] + 2 == 8  # of 13: 2 are merged, 2 archived and 1 is erased
    with pytest.raises(Invalid, match="of one moment"):
        told.store.reports("retention", since="-1h")  # type: ignore[arg-type]


def test_the_lag_is_by_kind_and_for_memories_by_day(told: Told, reports: Mapping[str, Report]) -> None:
    report = reports["lag"]
    lags: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events(told, report.position):
        lag = (event.recorded_at - event.occurred_at) / timedelta(seconds=1)
        lags["kind", kind_of(event)].append(lag)
        if kind_of(event) == "memory.generated":
            lags["day", f"{event.recorded_at:%Y-%m-%d}"].append(lag)
    found = {(row["per"], row["which"]): row for row in rows_of(report)}
    assert found.keys() == lags.keys()
    for which, each in lags.items():
        expected = [*np.quantile(each, [0.5, 0.95]), max(each)]
        names = ("p50_seconds", "p95_seconds", "max_seconds")
        assert [found[which][name] for name in names] == pytest.approx(expected, abs=1e-5)
    assert found["kind", "memory.generated"]["late"] == 1


def test_a_report_is_of_what_was_recorded_after_one_moment_and_up_to_another(told: Told) -> None:
    head = told.store.parts.log.head()
    middle = events(told, head)[head // 2]
    upto = told.store.reports("activity", until=middle.position)
    assert (upto.position, sum(row["events"] for row in rows_of(upto))) == (middle.position, middle.position)
    assert told.store.reports("activity", until=middle.position) == upto
    for since in (middle.position, middle.recorded_at):
        after = told.store.reports("activity", since=since, until=head)
        expected = sum(event.recorded_at > middle.recorded_at for event in events(told, head))
        assert sum(row["events"] for row in rows_of(after)) == expected


def test_a_merge_that_was_undone_says_when(told: Told) -> None:
    first, second, result = told.merged
    answer = told.store.analytics.query(f"SELECT depth, memory_id, undone_at FROM merges('{result}')")
    expected = {(1, str(first)), (1, str(second))}
    assert {(depth, str(memory_id)) for depth, memory_id, _ in answer.rows} == expected
    assert all(undone_at is not None for _, _, undone_at in answer.rows)
    of_parent = told.store.analytics.query(f"SELECT depth, undone_at IS NULL FROM merges('{first}')")
    assert of_parent.rows == [(-1, False), (-1, True)]


def test_whoever_may_not_see_a_memory_gets_reports_without_it(told: Told) -> None:
    reader = str(told.reader.caller.principal_id)
    owner, hidden = str(told.store.caller.principal_id), {str(each) for each in told.merged}
    found = {name: rows_of(told.reader.reports(name)) for name in ("activity", "access", "denials", "retention")}
    assert not [each for each in (owner, *hidden) if each in str(found)]
    assert {row["actor_id"] for row in found["denials"]} == {reader}
    kept = {row["which"]: row["count"] for row in found["retention"]}
    assert (kept["under 1 day"], kept["memories erased"]) == (1, 0)


def test_no_text_is_in_any_report(reports: Mapping[str, Report]) -> None:
    assert not [name for name, report in reports.items() if "CANARY" in str(report)]


def test_a_report_leaves_one_record_of_having_been_asked(told: Told) -> None:
    position = told.store.reports("lag").position
    told.store.parts.trail.flush()
    after = [event for event in told.store.parts.log.read(position, 10) if kind_of(event) == "access.recorded"]
    assert [event.data["kind"] for event in after] == ["report"]


def test_there_is_no_other_report(told: Told) -> None:
    with pytest.raises(NotFound, match="weather"):
        told.store.reports("weather")


def test_a_time_in_which_nothing_happened_has_an_empty_report_and_a_picture_that_says_so(told: Told) -> None:
    now = told.store.parts.clock.now()
    report = told.store.reports("denials", since=now + timedelta(days=1))
    assert (list(report.rows), report.since, report.until, list(report.notes)) == ([], None, None, [])
    assert png(report).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_can_be_drawn(reports: Mapping[str, Report], name: str) -> None:
    assert png(reports[name]).startswith(b"\x89PNG")
