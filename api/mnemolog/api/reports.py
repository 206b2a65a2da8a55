"""Reports: the questions that are asked of a log again and again, each with a title and what stands out in its answer.

A report is asked as any other SQL is, so it is of what whoever asks may see, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from mnemolog.api.accesses import audited
from mnemolog.api.analytics import Analytics
from mnemolog.api.moments import At
from mnemolog.api.parts import Parts
from mnemolog.domain.log import LAST
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, NotFound

MOST_ROWS = 10_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` have a value for each of `columns`. `since` and `until` are when the first and the last event that it is
    about was recorded, or twice the moment that it is of; None for no event. `notes` are sentences.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    position: int
    since: datetime | None
    until: datetime | None
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Definition:
    """`question` is SQL with `{since}` for a moment, or `{until}` for a report on how things are at one."""

    title: str
    question: str
    notes: Callable[[Sequence[Row]], Sequence[str]]

    @property
    def is_of_one_moment(self) -> bool:
        return "{until}" in self.question


@audited("report")
class Reports:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def __call__(self, name: str, *, since: At = None, until: At = None) -> Report:
        """On what was recorded after `since` and up to `until`, each a position or a time.

        Raises NotFound for another name, Invalid, InvalidPosition, and what `Analytics.query` raises.
        """
        definition = REPORTS.get(name)
        if definition is None:
            raise NotFound(kind=f"report among {', '.join(REPORTS)}", id=name)
        if since is not None and definition.is_of_one_moment:
            raise Invalid(reason=f"the report on {name} is of one moment: name it with until")
        begin = "NULL" if since is None else _moment(since)
        question = definition.question.format(since=begin, until=self._end(until))
        told = Analytics(self._parts, self._caller).query(
            SPANNED.format(since=begin, until=self._end(until), question=question), at=until, limit=MOST_ROWS
        )
        _, first, last, moment = (_utc(each) for each in told.rows[0][:SPAN])
        columns = told.columns[SPAN:]
        rows = [row[SPAN:] for row in told.rows if row[0] is not None]
        if definition.is_of_one_moment and last is not None:
            first = last = moment
        notes = definition.notes([dict(zip(columns, row, strict=True)) for row in rows]) if rows and last else []
        cut = [f"Only the first {MOST_ROWS:,} rows are counted and shown."] if told.truncated else []
        return Report(name, definition.title, columns, rows, told.position, first, last, [*notes, *cut])

    def _end(self, until: At) -> str:
        """The moment that a report on how things are is of."""
        if until is None:
            return _moment(self._parts.clock.now())
        return _moment(until) if isinstance(until, datetime) else _moment(LAST)


def _moment(at: int | datetime) -> str:
    """As SQL. Of a position, it is when the last event up to there was recorded."""
    if isinstance(at, datetime):
        return f"TIMESTAMPTZ '{at.astimezone(UTC).isoformat()}'"
    return f"(SELECT coalesce(max(recorded_at), TIMESTAMPTZ 'epoch') FROM event WHERE position <= {int(at)})"  # noqa: S608


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _of_activity(rows: Sequence[Row]) -> Sequence[str]:
    by_day: dict[date, int] = {}
    for row in rows:
        by_day[row["day"]] = by_day.get(row["day"], 0) + row["events"]
    busiest = max(by_day, key=lambda day: (by_day[day], day))
    total = f"{_many(sum(by_day.values()), 'event')} on {_many(len(by_day), 'day')}"
    return [f"{total}; the busiest was {busiest} with {by_day[busiest]:,}."]


def _of_access(rows: Sequence[Row]) -> Sequence[str]:
    told = sum(row["told"] for row in rows if row["per"] == "hour")
    persons = [row for row in rows if row["per"] == "person"]
    notes = [f"A memory was told {_many(told, 'time')}."]
    if persons:
        most = max(persons, key=lambda row: (row["told"], row["which"] or ""))
        notes.append(f"{most['told'] / told:.0%} of that to {most['which'] or 'nobody in particular'}.")
    return notes


def _of_funnel(rows: Sequence[Row]) -> Sequence[str]:
    stored = sum(row["memories"] for row in rows if row["step"] == "generated")
    ways = [row for row in rows if (row["from_state"], row["step"]) == ("generated", "activated")]
    activated = sum(row["memories"] for row in ways)
    if not stored:
        return [f"Memories changed their state {_many(sum(row['times'] for row in rows), 'time')}; none was stored."]
    return [f"{_many(stored, 'memory', 'memories')} stored, {activated:,} let out of quarantine."]


def _of_denials(rows: Sequence[Row]) -> Sequence[str]:
    total = sum(row["times"] for row in rows)
    by_actor: dict[Any, int] = {}
    for row in rows:
        by_actor[row["actor_id"]] = by_actor.get(row["actor_id"], 0) + row["times"]
    most = max(by_actor, key=lambda actor: (by_actor[actor], str(actor)))
    return [f"{_many(total, 'refusal')}, {by_actor[most] / total:.0%} of them to {most or 'nobody with a key'}."]


def _of_retention(rows: Sequence[Row]) -> Sequence[str]:
    count = {row["which"]: row["count"] for row in rows}
    soon = count["within 1 day"] + count["in 1 to 7 days"]
    in_use = sum(row["count"] for row in rows if row["per"] == "age")
    notes = [f"{_many(in_use, 'memory', 'memories')} in use, of which {soon:,} expire within 7 days."]
    if overdue := count["overdue"]:
        notes.append(f"{overdue:,} overdue: told to nobody, and archived with the next sweep.")
    if open_erasures := count["erasures begun"] - count["erasures completed"]:
        notes.append(f"{_many(open_erasures, 'erasure')} not completed.")
    return notes


def _of_lag(rows: Sequence[Row]) -> Sequence[str]:
    kinds = [row for row in rows if row["per"] == "kind"]
    events, late = sum(row["events"] for row in kinds), sum(row["late"] for row in kinds)
    return [
        f"{late:,} of {_many(events, 'event')} recorded more than a day after what they tell of.",
        "By day, these are memories that were stored: only they can be of another time.",
    ]


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


SPAN = 4  # columns before those of the report
# The first row says when, also where the report has none.
SPANNED = """
WITH span AS (
    SELECT min(recorded_at) AS first_of_all, max(recorded_at) AS last_of_all, {until} AS as_of
    FROM event WHERE {since} IS NULL OR recorded_at > {since}),
report AS (SELECT row_number() OVER () AS place, * FROM ({question}))
SELECT place, span.*, report.* EXCLUDE (place) FROM span LEFT JOIN report ON true ORDER BY place"""
TOLD = """
SELECT * FROM access(since := {since})
QUALIFY row_number() OVER (PARTITION BY per ORDER BY told DESC, which) <= 50
ORDER BY per, CASE WHEN per = 'hour' THEN 0 ELSE -told END, which"""
REPORTS: Mapping[str, Definition] = {
    "activity": Definition("What happened, day by day", "FROM activity(since := {since})", _of_activity),
    "access": Definition(
        "Who was told what, and when",
        TOLD,
        _of_access,
    ),
    "funnel": Definition("What became of memories", "FROM funnel(since := {since})", _of_funnel),
    "denials": Definition("What was refused", "FROM denials(since := {since})", _of_denials),
    "retention": Definition("How long memories are kept", "FROM retention({until})", _of_retention),
    "lag": Definition(
        "How long after the fact it was recorded",
        "SELECT 'kind' AS per, * FROM lag('kind', since := {since})"
        " UNION ALL SELECT 'day', * FROM lag('day', since := {since}, of_kind := 'memory.generated')"
        " ORDER BY per DESC, which",
        _of_lag,
    ),
}
