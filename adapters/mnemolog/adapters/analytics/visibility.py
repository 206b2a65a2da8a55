"""What whoever administers nothing sees of each table: the rows of memories that they may read, of cubes that they may
use, and what they did themselves or what was done for them.

A table without a rule is empty, and a column that its rule does not name is NULL, so that a new event shows nothing
before somebody has decided what it shows. Those rows are copied and everything else is let go before any SQL of theirs
runs: no condition has to hold against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from mnemolog.adapters.analytics.cache import defined, relations
from mnemolog.adapters.analytics.macros import statements as macros
from mnemolog.adapters.analytics.queries import Session
from mnemolog.adapters.analytics.schema import BULKY, ENVELOPE, EVENT, NAMES, Column
from mnemolog.adapters.analytics.session import ARRIVED, Rows, begun, up_to

READABLE, USABLE = "readable", "usable"
OWN = "(actor_id IN (FROM recent.me) OR on_behalf_of IN (FROM recent.me))"
OF_MEMORIES = f"(memory_id IN (FROM recent.{READABLE}) OR {OWN})"
OF_CUBES = f"(cube_id IN (FROM recent.{USABLE}) OR {OWN})"
OF_PERMITTED = '"position" IN (FROM recent.permitted)'


@dataclass(frozen=True, slots=True)
class Rule:
    """Which rows are shown, and of their facts which, and how; of an envelope all but its bytes."""

    rows: str
    facts: Mapping[str, str] = field(default_factory=dict)


def as_it_is(*columns: str) -> dict[str, str]:
    return {column: f'"{column}"' for column in columns}


def _if_readable(column: str) -> dict[str, str]:
    return {column: f'CASE WHEN "{column}" IN (FROM recent.{READABLE}) THEN "{column}" END'}


def _readable_of(column: str) -> dict[str, str]:
    places = f'SELECT unnest("{column}") AS id, generate_subscripts("{column}", 1) AS place'
    chosen = f"SELECT list(id ORDER BY place) FROM ({places}) WHERE id IN (FROM recent.{READABLE})"  # noqa: S608
    return {column: f"coalesce(({chosen}), [])"}


SUBJECTS = as_it_is("subject_ids")
LIVING = Rule(OF_MEMORIES, SUBJECTS)
RULES: Mapping[str, Rule] = {
    "memory_generated": Rule(
        OF_MEMORIES,
        SUBJECTS
        | as_it_is("governance", "trust", "expires_at")
        | _readable_of("parents")
        | _if_readable("copied_from"),
    ),
    "memory_revised": Rule(OF_MEMORIES, SUBJECTS | as_it_is("governance", "rewritten", "trust")),
    "memory_corroborated": Rule(OF_MEMORIES, SUBJECTS | as_it_is("by")),
    "memory_retention_set": Rule(OF_MEMORIES, SUBJECTS | as_it_is("expires_at")),
    "memory_linked": Rule(OF_MEMORIES, SUBJECTS | as_it_is("relation", "weight") | _if_readable("target_id")),
    "memory_unlinked": Rule(OF_MEMORIES, SUBJECTS | as_it_is("relation") | _if_readable("target_id")),
    "memory_activated": Rule(OF_MEMORIES, SUBJECTS | as_it_is("gate")),
    "memory_merged": Rule(OF_MEMORIES, SUBJECTS | _if_readable("into")),
    "memory_archived": Rule(OF_MEMORIES, SUBJECTS | as_it_is("reason")),
    "memory_frozen": Rule(OF_MEMORIES, SUBJECTS | as_it_is("legal_hold")),
    "memory_thawed": LIVING,
    "memory_restored": LIVING,
    "memory_unmerged": LIVING,
    "memory_erased": LIVING,
    "cube_founded": Rule(OF_CUBES, SUBJECTS | as_it_is("name", "owner_id", "config")),
    "cube_configured": Rule(OF_CUBES, SUBJECTS | as_it_is("config")),
    "grant_issued": Rule(OWN, SUBJECTS | as_it_is("terms", "granted_by")),
    "grant_revoked": Rule(OWN, SUBJECTS),
    # How much there is that somebody may not see, `considered` and `dropped`, is for administrators.
    "access_recorded": Rule(
        OWN,
        SUBJECTS
        | as_it_is("process_id", "kind", "session_id", "purpose", "cube_ids", "memory_ids", "text_positions")
        | as_it_is("answer_position", "permitted_at", "as_of", "clock", "exact", "embedder"),
    ),
    "access_refused": Rule(
        OWN, SUBJECTS | as_it_is("process_id", "kind", "session_id", "purpose", "code", "target_id")
    ),
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """`readable` are the memories and `usable` the cubes, as of now."""

    principal_id: UUID
    readable: Sequence[UUID]
    usable: Sequence[UUID]


def permitted(rows: Rows, viewer: Viewer) -> Session:
    """A session that holds the permitted rows and nothing else: the cache is detached when it has given them."""
    return Session([*_copied(rows, viewer), *macros()], {ARRIVED: rows.recent, **_lists(viewer)})


def _copied(rows: Rows, viewer: Viewer) -> Iterator[str]:
    yield from begun(rows)
    yield f"CREATE TABLE recent.me AS SELECT '{viewer.principal_id}'::UUID AS id"
    for name in (READABLE, USABLE):
        yield f"CREATE TABLE recent.{name} AS SELECT id::UUID AS id FROM {name}_ids"  # noqa: S608
    yield 'CREATE TABLE recent.permitted ("position" BIGINT)'
    for name, columns in relations():
        if name in RULES:
            yield _rows_of(rows, name, columns, RULES[name])
            yield f'INSERT INTO recent.permitted SELECT "position" FROM main."{name}"'  # noqa: S608
        elif name != EVENT:
            yield f'CREATE TABLE main."{name}" ({defined(columns)})'
    yield _rows_of(rows, EVENT, ENVELOPE, Rule(OF_PERMITTED))
    yield "DROP SCHEMA recent CASCADE"
    if rows.held is not None:
        yield "DETACH cache"


def _rows_of(rows: Rows, name: str, columns: Sequence[Column], rule: Rule) -> str:
    shown = as_it_is(*(NAMES - BULKY)) | dict(rule.facts)
    chosen = ", ".join(f'({shown.get(each.name, "NULL")})::{each.type} AS "{each.name}"' for each in columns)
    # The rule comes first and the columns after it, so that no name of a shown column stands for a stored one in it.
    source = f"SELECT * FROM ({up_to(rows, name, columns)}) WHERE {rule.rows}"  # noqa: S608
    return f'CREATE TABLE main."{name}" AS SELECT {chosen} FROM ({source}) ORDER BY "position"'  # noqa: S608


def _lists(viewer: Viewer) -> dict[str, object]:
    import pyarrow as pa

    lists = {READABLE: viewer.readable, USABLE: viewer.usable}
    return {f"{name}_ids": pa.table({"id": pa.array([*map(str, ids)], pa.string())}) for name, ids in lists.items()}
