"""Every macro against the same question answered in plain Python, event by event."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pytest

from benchmarks.analytic_events import END, Row, Team
from mnemolog.adapters.analytics import macros as package
from mnemolog.adapters.analytics.macros import macros
from mnemolog.adapters.analytics.schema import RENAMED, facts_of
from mnemolog.domain.events import EVENTS
from mnemolog.domain.lifecycle import TRANSITIONS, State
from mnemolog.projections.accesses import READS
from tests.unit.event_tables import asked

COUNT = 6_000
SINCE = END - timedelta(days=40)
IN_USE = {"generated", "activated", "frozen"}
BACK = {"thawed", "restored", "unmerged"}
STEPS = {name: state.value for (_, state), name in TRANSITIONS.items()} | {"generated": "generated"}


@pytest.fixture(scope="module")
def rows() -> Sequence[Row]:
    return list(Team(7).rows(COUNT))


@pytest.fixture(scope="module")
def session(rows: Sequence[Row]) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = asked(rows)
    yield connection
    connection.close()


def answers(session: duckdb.DuckDBPyConnection, question: str) -> list[tuple[Any, ...]]:
    """Ids as text, and moments in UTC."""
    table = session.sql(question).to_arrow_table()
    return [tuple(map(plain, row.values())) for row in table.to_pylist()]


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return str(value) if isinstance(value, UUID) else value


def quoted(value: Any) -> str:
    return f"'{value.isoformat() if isinstance(value, datetime) else value}'"


def at(rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    return enumerate(rows, 1)


def kind_of(row: Row) -> str:
    return row.event_type.removesuffix(".v1")


def seconds(difference: timedelta) -> float:
    return difference / timedelta(seconds=1)


def told(rows: Sequence[Row]) -> Iterator[tuple[int, Row, str]]:
    for position, row in at(rows):
        if kind_of(row) == "access.recorded" and row.payload["kind"] in READS:
            for memory_id in row.payload["memory_ids"]:
                yield position, row, str(memory_id)


def steps(rows: Sequence[Row]) -> Iterator[tuple[int, Row, str]]:
    for position, row in at(rows):
        root, _, name = kind_of(row).partition(".")
        if root == "memory" and name in STEPS:
            yield position, row, name


def lives(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Each memory as its events leave it."""
    found: dict[str, dict[str, Any]] = {}
    for _, row in at(rows):
        root, _, name = kind_of(row).partition(".")
        if root != "memory":
            continue
        life = found.setdefault(str(row.memory_id), {"generated_at": row.recorded_at, "expires_at": None})
        if name in STEPS:
            life |= {"state": STEPS[name], "since": row.recorded_at, "hold": row.payload.get("legal_hold", False)}
        if "expires_at" in row.payload:
            life["expires_at"] = row.payload["expires_at"]
    return found


def test_a_history_is_all_that_happened_to_a_memory(session: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
    memory_id, _ = Counter(row.memory_id for row in rows if row.memory_id).most_common(1)[0]
    expected = [(position, row.event_type) for position, row in at(rows) if row.memory_id == memory_id]
    assert answers(session, f"SELECT position, event_type FROM memory_history({quoted(memory_id)})") == expected
    assert len(expected) > 3


def test_as_of_a_position_there_is_what_had_been_recorded_by_then(session: duckdb.DuckDBPyConnection) -> None:
    assert answers(session, "SELECT count(*), max(position) FROM as_of(321)") == [(321, 321)]
    assert answers(session, "FROM as_of(0)") == []


def test_the_steps_are_those_of_the_life_cycle(session: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
    expected = [(position, name, STEPS[name]) for position, _, name in steps(rows)]
    assert answers(session, "SELECT position, step, state FROM steps() ORDER BY position") == expected


def test_the_life_cycle_has_no_step_that_the_macros_do_not_know() -> None:
    text = next(macro.statement for macro in macros() if macro.name == "steps")
    assert {state.value for state in State} | BACK == set(STEPS)
    assert all(f"'{name}'" in text for name in STEPS)
    assert {name for name, state in STEPS.items() if name != state} == BACK


def test_every_memory_is_in_the_state_that_its_last_step_led_to(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row]
) -> None:
    columns = "memory_id, generated_at, state, since, expires_at, legal_hold"
    expected = [
        (
            memory_id,
            life["generated_at"],
            life["state"],
            life["since"],
            life["expires_at"],
            life["state"] == "frozen" and life["hold"],
        )
        for memory_id, life in sorted(lives(rows).items())
    ]
    assert answers(session, f"SELECT {columns} FROM memories()") == expected
    assert {row[5] for row in expected} == {True, False}
    assert len({row[2] for row in expected}) == len(State)


def test_an_end_that_was_taken_back_is_none(session: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
    said: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if "expires_at" in row.payload:
            said[str(row.memory_id)].append(row.payload["expires_at"])
    taken_back = {memory_id for memory_id, ends in said.items() if ends[-1] is None and any(ends)}
    assert taken_back
    without = answers(session, "SELECT memory_id FROM memories() WHERE expires_at IS NULL")
    assert taken_back <= {memory_id for (memory_id,) in without}


def test_a_memory_counts_as_told_where_the_audit_counts_it_as_read(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row]
) -> None:
    expected = sorted((position, memory_id) for position, _, memory_id in told(rows))
    assert answers(session, "SELECT position, memory_id FROM told() ORDER BY ALL") == expected
    asked_for = {row.payload["kind"] for row in rows if kind_of(row) == "access.recorded"}
    assert len(asked_for & READS) > 1


def test_a_pattern_has_what_somebody_was_told_and_what_agents_were_told_for_them(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row]
) -> None:
    for who in (rows[0].actor_id, next(row.on_behalf_of for row in rows if row.on_behalf_of)):
        expected = Counter(
            (memory_id, row.payload["kind"], row.recorded_at.hour)
            for _, row, memory_id in told(rows)
            if who in (row.actor_id, row.on_behalf_of)
        )
        found = answers(session, f"SELECT memory_id, kind, hour, times FROM access_pattern({quoted(who)})")
        assert {row[:3]: row[3] for row in found} == expected
        assert len(found) == len(expected) > 10
        assert [row[3] for row in found] == sorted(expected.values(), reverse=True)


def decided(rows: Sequence[Row]) -> Iterator[tuple[int, str, Row, str | None]]:
    for position, row in at(rows):
        if kind_of(row) == "access.recorded":
            for memory_id in row.payload["memory_ids"] or [None]:
                yield position, "told", row, memory_id and str(memory_id)
        elif kind_of(row) == "access.refused":
            target = row.payload["target_id"]
            yield position, "refused", row, target and str(target)


@pytest.mark.parametrize("narrowed", ["", "who", "memory", "session", "what_for"])
def test_decisions_are_answers_and_refusals_narrowed_to_what_is_asked_for(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row], narrowed: str
) -> None:
    last = next(row for row in reversed(rows) if kind_of(row) == "access.refused" and row.payload["purpose"])
    asked_for = {
        "who": last.actor_id,
        "memory": last.payload["target_id"],
        "session": last.payload["session_id"],
        "what_for": last.payload["purpose"],
    }
    argument = f"{narrowed} := {quoted(asked_for[narrowed])}" if narrowed else ""

    def wanted(row: Row, memory_id: str | None) -> bool:
        facts = {"memory": memory_id, "session": row.payload["session_id"], "what_for": row.payload["purpose"]}
        if narrowed == "who":
            return last.actor_id in (row.actor_id, row.on_behalf_of)
        return not narrowed or str(facts[narrowed]) == str(asked_for[narrowed])

    expected = [
        (position, outcome, row.payload.get("code"), memory_id)
        for position, outcome, row, memory_id in decided(rows)
        if wanted(row, memory_id)
    ]
    found = answers(session, f"SELECT position, outcome, code, memory_id FROM decisions({argument})")
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert expected


def test_merges_are_followed_into_what_was_merged_before_and_on_to_what_came_of_it(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row]
) -> None:
    merged = [
        (position, str(row.memory_id), str(row.payload["into"]))
        for position, row in at(rows)
        if kind_of(row) == "memory.merged"
    ]

    def below(memory_id: str, before: float, depth: int) -> Iterator[tuple[int, int]]:
        for position, source, into in merged:
            if into == memory_id and position < before:
                yield depth, position
                yield from below(source, position, depth + 1)

    def above(memory_id: str, after: int, depth: int) -> Iterator[tuple[int, int]]:
        for position, source, into in merged:
            if source == memory_id and position > after:
                yield depth, position
                yield from above(into, position, depth - 1)

    depths = set()
    for _, memory_id, _ in merged[:40]:
        expected = sorted({*below(memory_id, float("inf"), 1), *above(memory_id, 0, -1)})
        assert answers(session, f"SELECT depth, position FROM merges({quoted(memory_id)})") == expected
        depths |= {depth for depth, _ in expected}
    assert {-2, -1, 1} <= depths


@pytest.mark.parametrize("hours", [24, 24 * 30])
def test_what_expires_soon_is_in_use_and_has_not_expired_yet(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row], hours: int
) -> None:
    expected = {
        memory_id: pytest.approx(seconds(life["expires_at"] - END) / 3600)
        for memory_id, life in lives(rows).items()
        if life["state"] in IN_USE and life["expires_at"] and END < life["expires_at"] <= END + timedelta(hours=hours)
    }
    found = answers(session, f"SELECT memory_id, hours_left FROM ttl_expiring({hours}, {quoted(END)})")
    assert dict(found) == expected
    assert expected


@pytest.mark.parametrize("since", [None, SINCE])
def test_activity_counts_events_and_those_who_wrote_them(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row], since: datetime | None
) -> None:
    counted, writers, daily = Counter[tuple[date, str]](), defaultdict(set), defaultdict(set)
    for row in rows:
        if since is None or row.recorded_at > since:
            bucket = row.recorded_at.date(), kind_of(row)
            counted[bucket] += 1
            writers[bucket].add(row.actor_id)
            daily[bucket[0]].add(row.actor_id)
    expected = [(*key, n, len(writers[key]), len(daily[key[0]])) for key, n in sorted(counted.items())]
    assert answers(session, f"FROM activity({argument(since)})") == expected


def argument(since: datetime | None) -> str:
    return "" if since is None else f"since := {quoted(since)}"


@pytest.mark.parametrize("since", [None, SINCE])
def test_access_counts_what_was_told_by_person_memory_and_hour(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row], since: datetime | None
) -> None:
    groups: dict[tuple[str, str], list[tuple[int, str, str]]] = defaultdict(list)
    for position, row, memory_id in told(rows):
        if since is None or row.recorded_at > since:
            person = str(row.on_behalf_of or row.actor_id)
            for group in (("person", person), ("memory", memory_id), ("hour", f"{row.recorded_at:%H}")):
                groups[group].append((position, memory_id, person))
    expected = {
        group: (len({m[0] for m in members}), len(members), len({m[1] for m in members}), len({m[2] for m in members}))
        for group, members in groups.items()
    }
    found = answers(session, f"SELECT per, which, answers, told, memories, persons FROM access({argument(since)})")
    assert {row[:2]: row[2:] for row in found} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("since", [None, SINCE])
def test_the_funnel_counts_ways_between_states_and_how_long_memories_had_waited(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row], since: datetime | None
) -> None:
    last: dict[UUID, tuple[str, datetime]] = {}
    ways: dict[tuple[str | None, str, str], list[tuple[UUID, float | None]]] = defaultdict(list)
    for _, row, name in steps(rows):
        assert row.memory_id is not None
        before, then = last.get(row.memory_id, (None, None))
        waited = None if then is None else seconds(row.recorded_at - then)
        if since is None or row.recorded_at > since:
            ways[before, name, STEPS[name]].append((row.memory_id, waited))
        last[row.memory_id] = STEPS[name], row.recorded_at
    found = {row[:3]: row[3:] for row in answers(session, f"FROM funnel({argument(since)})")}
    assert found.keys() == ways.keys()
    for way, walked in ways.items():
        waits = [waited for _, waited in walked if waited is not None]
        quantiles = [float(np.quantile(waits, q)) if waits else None for q in (0.5, 0.95)]
        assert found[way][:2] == (len(walked), len({memory_id for memory_id, _ in walked}))
        assert found[way][2:] == tuple(None if q is None else pytest.approx(q, abs=1e-6) for q in quantiles)


@pytest.mark.parametrize("since", [None, SINCE])
def test_denials_are_counted_by_day_code_kind_and_who_asked(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row], since: datetime | None
) -> None:
    expected = Counter(
        (row.recorded_at.date(), row.payload["code"], row.payload["kind"], str(row.actor_id))
        for row in rows
        if kind_of(row) == "access.refused" and (since is None or row.recorded_at > since)
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for row in answers(session, f"FROM denials({argument(since)})"):
        found[row[:4]] += row[5]
    assert found == expected


@pytest.mark.parametrize(
    ("per", "bucket"),
    [
        ("kind", kind_of),
        ("day", lambda row: f"{row.recorded_at:%Y-%m-%d}"),
        ("cube", lambda row: row.cube_id and str(row.cube_id)),
        ("actor", lambda row: str(row.actor_id)),
    ],
)
def test_the_lag_is_the_time_between_what_happened_and_its_record(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row], per: str, bucket: Any
) -> None:
    lags: dict[str | None, list[float]] = defaultdict(list)
    for row in rows:
        lags[bucket(row)].append(seconds(row.recorded_at - row.occurred_at))
    found = {row[0]: row[1:] for row in answers(session, f"FROM lag({quoted(per)})")}
    assert found.keys() == lags.keys()
    for which, each in lags.items():
        late = sum(lag > 86_400 for lag in each)
        values = (*np.quantile(each, [0.5, 0.95]), max(each))
        assert found[which][:2] == (len(each), late)
        assert found[which][2:] == pytest.approx(values, abs=1e-6)
    with pytest.raises(duckdb.Error, match="per kind, day, cube or actor"):
        answers(session, "FROM lag('month')")


def test_retention_counts_each_memory_in_use_once_by_age_and_once_by_its_end(
    session: duckdb.DuckDBPyConnection, rows: Sequence[Row]
) -> None:
    live = [life for life in lives(rows).values() if life["state"] in IN_USE]
    moment = max(life["expires_at"] for life in live if life["expires_at"] and life["expires_at"] < END)
    found = answers(session, f"FROM retention({quoted(moment)})")
    ages = [(moment - life["generated_at"]) / timedelta(days=1) for life in live]
    left = [life["expires_at"] and (life["expires_at"] - moment) / timedelta(days=1) for life in live]
    edges = [float("-inf"), 1, 7, 30, 90, 365, float("inf")]
    expected = [sum(a <= age < b for age in ages) for a, b in pairwise(edges)]
    ends = [float("-inf"), 0, 1, 7, 30, float("inf")]
    expected += [sum(each is not None and a < each <= b for each in left) for a, b in pairwise(ends)]
    expected += [left.count(None)]
    expected += [sum(life["state"] == "frozen" and life["hold"] for life in live)]
    expected += [sum(life["state"] == "erased" for life in lives(rows).values())]
    expected += [sum(kind_of(row) == kind for row in rows) for kind in ("erasure.begun", "erasure.completed")]
    assert [row[2] for row in found] == expected
    assert [row[0] for row in found].count("age") == 6
    assert sum(row[2] for row in found if row[0] == "age") == sum(row[2] for row in found if row[0] == "expires")


def test_on_an_empty_log_every_macro_answers() -> None:
    session = asked([])
    nobody = quoted(UUID(int=0))
    for call in (
        f"memory_history({nobody})",
        "as_of(1)",
        "memories()",
        "told()",
        f"access_pattern({nobody})",
        "decisions()",
        f"merges({nobody})",
        f"ttl_expiring(1, {quoted(END)})",
        "activity()",
        "access()",
        "funnel()",
        "denials()",
        "lag('kind')",
    ):
        assert answers(session, f"FROM {call}") == [], call
    assert {row[2] for row in answers(session, f"FROM retention({quoted(END)})")} == {0}


def test_every_macro_says_what_it_is_for_and_how_it_is_called() -> None:
    for macro in macros():
        assert macro.description.endswith("."), macro.name
        assert "\n" not in macro.description
        assert macro.signature.startswith(f"{macro.name}(")
    assert len({macro.name for macro in macros()}) == len(macros())


def test_every_macro_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/howto/report.md").read_text(encoding="utf-8")
    for macro in macros():
        assert f"| `{macro.signature}` | {macro.description} |" in page, macro.name


def test_no_macro_reads_a_clock() -> None:
    text = (Path(package.__file__).parent / "macros.sql").read_text(encoding="utf-8").lower()
    assert not [word for word in ("now()", "current_", "today()", "get_current") if word in text]


def test_the_events_of_this_log_have_the_facts_of_their_classes(rows: Sequence[Row]) -> None:
    for row in rows:
        event_class = EVENTS[row.event_type]
        columns = {column.name for column in facts_of(event_class)}
        said = {RENAMED.get(name, name) for name in row.payload} - {"occurred_at"}
        assert said <= columns, row.event_type
        assert [name for name in columns - said if not hasattr(event_class, name)] == []  # all others are required
