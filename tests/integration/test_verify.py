from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from mnemolog.adapters.postgres import verify
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.verify import Verified, leaf_of, verify_chain
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Origin
from mnemolog.domain.refusals import StoreUnreachable, VerificationFailed
from tests.appends import request
from tests.databases import superuser
from tests.factories import House, log_event

Superuser = psycopg.Connection[Row]
# Where the appends of `written` end: single events with personal content, appends of two, then one of four.
ENDS = [2, 4, 6, 7, 8, 9, 13]
HEAD = 13


@pytest.fixture
def written(application: LogApplication) -> LogApplication:
    house = House()
    for _ in range(3):
        assert application.record(house.activated(), origin=Origin(actor_id=house.owner_id))
    for _ in range(3):
        application.log_recorder.coalescer.append(request(log_event(cube_id=new_id())))
    application.log_recorder.coalescer.append(request(*(log_event() for _ in range(4))))
    return application


@pytest.fixture
def tampering(dsn: str, written: LogApplication) -> Iterator[Superuser]:
    """Somebody who may do everything, and has taken the triggers away first."""
    with superuser(dsn) as connection:
        connection.execute("DROP TRIGGER event_is_immutable ON mnemolog.event")
        connection.execute("DROP TRIGGER event_is_kept ON mnemolog.event")
        yield connection


def link_at(dsn: str, position: int) -> bytes:
    with superuser(dsn) as connection:
        query = "SELECT chain FROM mnemolog.event WHERE position = %s"
        return bytes(connection.execute(query, (position,)).fetchall()[0][0])


def test_an_untouched_log_is_verified_to_its_end(written: LogApplication, dsn: str) -> None:
    whole = Verified(HEAD, HEAD, link_at(dsn, HEAD))
    assert verify_chain(written.log_recorder) == whole
    assert verify_chain(dsn) == whole


def test_an_empty_log_is_verified(dsn: str) -> None:
    assert verify_chain(dsn) == Verified(0, 0, b"")


@pytest.mark.parametrize("page", [1, 2, 5, 13])
def test_appends_may_lie_across_pages(
    written: LogApplication, dsn: str, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "PAGE", page)
    told: list[int] = []
    assert verify_chain(dsn, progress=told.append).events == HEAD
    assert told == sorted(set(told))
    assert told[-1] == HEAD


@pytest.mark.parametrize("after", range(HEAD + 1))
def test_it_can_begin_after_any_position(written: LogApplication, dsn: str, after: int) -> None:
    begun = max(end for end in [0, *ENDS] if end <= after)
    assert verify_chain(dsn, after) == Verified(HEAD, HEAD - begun, link_at(dsn, HEAD))


@pytest.mark.parametrize("upto", range(1, HEAD + 1))
def test_it_stops_at_the_end_of_the_append_that_holds_the_last_position(
    written: LogApplication, dsn: str, upto: int
) -> None:
    end = min(end for end in ENDS if end >= upto)
    assert verify_chain(dsn, upto=upto) == Verified(end, end, link_at(dsn, end))


def edit(column: str, value: str) -> str:
    return f"UPDATE mnemolog.event SET {column} = {value} WHERE position = 3"


EDITS = {
    "payload": edit("payload", """replace(payload::text, 'user', 'tool')::json"""),
    "white space of the payload": edit("payload", "(payload::text || ' ')::json"),
    "sealed": edit("sealed", "set_byte(sealed, 20, (get_byte(sealed, 20) + 1) % 256)"),
    "sealed taken away": edit("sealed", "NULL"),
    "event_type": edit("event_type", "'memory.generated.v2'"),
    "schema_version": edit("schema_version", "2"),
    "actor": edit("actor_id", "gen_random_uuid()"),
    "actor taken away": edit("actor_id", "NULL"),
    "on_behalf_of": edit("on_behalf_of", "gen_random_uuid()"),
    "on_behalf_of nil": edit("on_behalf_of", "'00000000-0000-0000-0000-000000000000'"),
    "request_id": edit("request_id", "gen_random_uuid()"),
    "occurred_at": edit("occurred_at", "occurred_at + interval '1 microsecond'"),
    "recorded_at earlier": edit("recorded_at", "recorded_at - interval '1 day'"),
    "recorded_at never": edit("recorded_at", "'infinity'"),
    "occurred_at never": edit("occurred_at", "'-infinity'"),
    "stream": edit("stream_id", "gen_random_uuid()"),
    "version": edit("version", "9"),
    "tenant": edit("tenant_id", "gen_random_uuid()"),
    "cube": edit("cube_id", "gen_random_uuid()"),
    "memory": edit("memory_id", "gen_random_uuid()"),
    "key": edit("key_id", "gen_random_uuid()"),
    "leaf": edit("leaf", "sha256(leaf)"),
    "a link that should not be there": edit("chain", "sha256(leaf)"),
}


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS.keys())
def test_an_edit_is_found_at_its_position(
    tampering: Superuser, dsn: str, written: LogApplication, statement: str
) -> None:
    assert tampering.execute(statement).rowcount == 1
    assert first_bad_position(dsn) == 3
    assert first_bad_position(written.log_recorder) == 3


@pytest.mark.parametrize("column", ["stream_id", "version", "event_type", "schema_version", "tenant_id", "occurred_at"])
def test_an_event_that_lacks_what_every_event_has_is_found(tampering: Superuser, dsn: str, column: str) -> None:
    tampering.execute(f"ALTER TABLE mnemolog.event ALTER {column} DROP NOT NULL")
    tampering.execute(edit(column, "NULL"))
    assert first_bad_position(dsn) == 3


# What is done, and the first position that is not as it was written.
CHANGES = {
    "delete an event": ("DELETE FROM mnemolog.event WHERE position = 8", 8),
    "delete the first events": ("DELETE FROM mnemolog.event WHERE position <= 2", 1),
    "delete a whole append": ("DELETE FROM mnemolog.event WHERE position IN (5, 6)", 5),
    "delete the end of the last append": ("DELETE FROM mnemolog.event WHERE position = 13", 10),
    "move an event": ("UPDATE mnemolog.event SET position = 99 WHERE position = 8", 8),
    "recorded_at of a whole append": ("UPDATE mnemolog.event SET recorded_at = now() WHERE position >= 10", 10),
    "recorded_at within an append": (
        "UPDATE mnemolog.event SET recorded_at = recorded_at + interval '1 us' WHERE position = 12",
        12,
    ),
    "recorded_at of an append of one": (
        "UPDATE mnemolog.event SET recorded_at = recorded_at + interval '1 us' WHERE position = 9",
        9,
    ),
    "the link of an append of one": ("UPDATE mnemolog.event SET chain = sha256(chain) WHERE position = 8", 8),
    "the link of an append of two": ("UPDATE mnemolog.event SET chain = sha256(chain) WHERE position = 6", 5),
    "take a link away": ("UPDATE mnemolog.event SET chain = NULL WHERE position = 8", 9),
    "take the last link away": ("UPDATE mnemolog.event SET chain = NULL WHERE position = 13", 10),
}


@pytest.mark.parametrize(("statement", "position"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_the_order_is_found(tampering: Superuser, dsn: str, statement: str, position: int) -> None:
    assert tampering.execute(statement).rowcount > 0
    assert first_bad_position(dsn) == position


@pytest.mark.parametrize(("one", "other", "found"), [(7, 8, 7), (7, 9, 7), (10, 11, 10), (12, 13, 10), (4, 8, 4)])
def test_two_events_that_change_places_are_found(
    tampering: Superuser, dsn: str, one: int, other: int, found: int
) -> None:
    move = "UPDATE mnemolog.event SET position = %s WHERE position = %s"
    for to, at in ((1000, one), (one, other), (other, 1000)):
        tampering.execute(move, (to, at))
    assert first_bad_position(dsn) == found


def test_contents_that_change_places_are_found(tampering: Superuser, dsn: str) -> None:
    tampering.execute(
        """UPDATE mnemolog.event a SET leaf = b.leaf, payload = b.payload, sealed = b.sealed FROM mnemolog.event b
           WHERE (a.position, b.position) IN ((1, 3), (3, 1))"""
    )
    assert first_bad_position(dsn) == 1


COPY = """INSERT INTO mnemolog.event SELECT (e).* FROM
    (SELECT jsonb_populate_record(e, jsonb_build_object('position', %s::bigint, 'version', 99)) AS e
     FROM mnemolog.event e WHERE position = 7) copy"""


@pytest.mark.parametrize("position", [-5, 0, HEAD + 1])
def test_an_insertion_is_found(tampering: Superuser, dsn: str, position: int) -> None:
    tampering.execute(COPY, (position,))
    assert first_bad_position(dsn) == position


def test_an_insertion_with_a_leaf_of_its_own_is_found_by_the_links(tampering: Superuser, dsn: str) -> None:
    tampering.execute("UPDATE mnemolog.event SET position = position + 1000 WHERE position > 7")
    tampering.execute("UPDATE mnemolog.event SET position = position - 999 WHERE position > 7")
    tampering.execute(COPY, (8,))
    forged = leaf_of(tampering.execute(QUERIES["hashes"], {"after": 7, "limit": 1}).fetchall()[0])
    tampering.execute("UPDATE mnemolog.event SET leaf = %s WHERE position = 8", (forged,))
    assert first_bad_position(dsn) == 8


def test_a_cut_tail_looks_like_a_shorter_log_until_its_length_is_known_from_elsewhere(
    tampering: Superuser, dsn: str
) -> None:
    kept = verify_chain(dsn)
    tampering.execute("DELETE FROM mnemolog.event WHERE position > 9")
    assert verify_chain(dsn).position == 9
    with pytest.raises(VerificationFailed, match="position 10: the log ends before position 13"):
        verify_chain(dsn, upto=kept.position)


def test_a_log_that_was_made_anew_shows_against_a_link_that_was_kept_elsewhere(
    tampering: Superuser, dsn: str, written: LogApplication
) -> None:
    kept = verify_chain(dsn)
    tampering.execute("DELETE FROM mnemolog.event WHERE position > 9")
    written.log_recorder.coalescer.append(request(*(log_event() for _ in range(4))))
    again = verify_chain(dsn, upto=kept.position)
    assert again.position == kept.position
    assert again.chain != kept.chain


def test_a_store_that_does_not_answer_is_not_a_log_that_fails() -> None:
    with pytest.raises(StoreUnreachable):
        verify_chain("host=/nowhere")


def first_bad_position(source: str | LogRecorder) -> int:
    with pytest.raises(VerificationFailed) as failed:
        verify_chain(source)
    position: int = failed.value.facts["position"]
    return position
