"""Whoever may do everything in the database changes the log. One checkpoint outside of it is enough to see that.

Each change is made twice: crudely, and by somebody who makes every hash in the database fit again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.verify_evidence import verify_evidence
from mnemolog.api.kept_checkpoints import verify_kept
from mnemolog.api.settings import Settings
from mnemolog.domain.checkpoints import split_notes
from mnemolog.domain.refusals import VerificationFailed
from tests.databases import database, superuser
from tests.sealed_logs import (
    APPEND,
    Superuser,
    export_of,
    grow,
    installation,
    made_consistent,
    opened_application,
    renumber,
    seal,
    unprotected,
    verify_offline,
)

OLDER, SIGNED, HEAD = 300, 600, 620
OVER = 5  # so that the two are of different appends
FIRST, MIDDLE, LAST = 1, 421, SIGNED
PLACES = {"first": FIRST, "in the older part": 201, "middle": MIDDLE, "last that is signed": LAST}
Change = Callable[[Superuser, int], None]


@dataclass(frozen=True)
class History:
    """A log of 620 events, its backup with 300, and the checkpoints of both that were kept outside."""

    database: str
    backup: str
    settings: Settings
    newest: bytes


@pytest.fixture(scope="module")
def history(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    home: Path = tmp_path_factory.mktemp("home")
    settings = installation(home)
    with database(server) as backup:
        with opened_application(backup) as application:
            grow(application, OLDER)
        assert seal(backup, settings.anchor_file) == OLDER
        with database(server, name_of(backup)) as dsn:
            with opened_application(dsn) as application:
                grow(application, SIGNED - OLDER)
                assert seal(dsn, settings.anchor_file) == SIGNED
                grow(application, HEAD - SIGNED)
            yield History(name_of(dsn), name_of(backup), settings, split_notes(settings.anchor_file.read_bytes())[-1])


def name_of(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["dbname"])


def edit(log: Superuser, position: int) -> None:
    log.execute("""UPDATE mnemolog.event SET payload = '{"n":2}' WHERE position = %s""", (position,))


def edit_actor(log: Superuser, position: int) -> None:
    log.execute("UPDATE mnemolog.event SET actor_id = gen_random_uuid() WHERE position = %s", (position,))


def delete(log: Superuser, position: int) -> None:
    log.execute("DELETE FROM mnemolog.event WHERE position = %s", (position,))


def delete_and_close_the_gap(log: Superuser, position: int) -> None:
    delete(log, position)
    renumber(log, position, -1)


def insert(log: Superuser, position: int) -> None:
    renumber(log, position - 1, 1)
    log.execute(
        """INSERT INTO mnemolog.event SELECT (e).* FROM
           (SELECT jsonb_populate_record(
                e, jsonb_build_object('position', %s::bigint, 'stream_id', gen_random_uuid())) AS e
            FROM mnemolog.event e WHERE position = %s) copy""",
        (position, position + 1),
    )


def swap(log: Superuser, position: int) -> None:
    other = position + OVER if position < LAST else position - OVER
    for to, at in ((-1, position), (position, other), (other, -1)):
        log.execute("UPDATE mnemolog.event SET position = %s WHERE position = %s", (to, at))


def backdate(log: Superuser, position: int) -> None:
    """The whole append: no leaf says when it was recorded, so only the link that was signed tells."""
    first = append_of(position) * APPEND + 1
    log.execute(
        """UPDATE mnemolog.event SET recorded_at = recorded_at + interval '1 microsecond'
           WHERE position BETWEEN %s AND %s""",
        (first, first + APPEND - 1),
    )


CHANGES: dict[str, Change] = {
    "edit": edit,
    "edit who did it": edit_actor,
    "delete": delete,
    "delete and close the gap": delete_and_close_the_gap,
    "insert": insert,
    "swap": swap,
    "backdate": backdate,
}


@pytest.mark.parametrize("position", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_found_offline_and_online(
    server: EmbeddedPostgres, history: History, change: Change, position: int
) -> None:
    with database(server, history.database) as dsn:
        with superuser(dsn) as log:
            unprotected(log)
            change(log, position)
        changed = first_changed(change, position)
        assert append_of(first_bad_position_offline(dsn, history)) == append_of(changed)
        assert append_of(first_bad_position_online(dsn, history)) == append_of(changed)


@pytest.mark.parametrize("position", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_whose_hashes_all_fit_is_found_by_a_checkpoint_from_outside(
    server: EmbeddedPostgres, history: History, change: Change, position: int
) -> None:
    if change is delete:
        change = delete_and_close_the_gap
    with database(server, history.database) as dsn:
        with superuser(dsn) as log:
            unprotected(log)
            change(log, position)
            made_consistent(log)
        assert verify_evidence(dsn).events in (HEAD - 1, HEAD, HEAD + 1)
        assert first_bad_position_offline(dsn, history) == 1
        changed = first_changed(change, position)
        assert first_bad_position_online(dsn, history) == (1 if changed <= OLDER else OLDER + 1)


@pytest.mark.parametrize("fits", [False, True], ids=["crudely", "so that all fits"])
@pytest.mark.parametrize("left", [0, 1, 301, SIGNED - APPEND, SIGNED - 1])
def test_a_tail_that_was_cut_off_is_found(server: EmbeddedPostgres, history: History, left: int, fits: bool) -> None:
    with database(server, history.database) as dsn:
        with superuser(dsn) as log:
            unprotected(log)
            log.execute("DELETE FROM mnemolog.event WHERE position > %s", (left,))
            if fits and left:
                made_consistent(log)
        found = {left + 1, left // APPEND * APPEND + 1, OLDER + 1, 1}
        assert first_bad_position_offline(dsn, history) in found
        assert first_bad_position_online(dsn, history) in found


@pytest.mark.parametrize("grown", [0, 4, HEAD - OLDER], ids=["as it was", "used for a while", "as long as it had been"])
def test_a_log_that_was_rolled_back_to_a_backup_is_found(
    server: EmbeddedPostgres, history: History, grown: int
) -> None:
    with database(server, history.backup) as dsn:
        with opened_application(dsn) as application:
            grow(application, grown)
        assert verify_evidence(dsn).events == OLDER + grown
        expected = OLDER + grown + 1 if OLDER + grown < SIGNED else OLDER + 1
        assert first_bad_position_online(dsn, history) == expected
        assert first_bad_position_offline(dsn, history) == (expected if OLDER + grown < SIGNED else 1)
        with pytest.raises(VerificationFailed):  # and nothing is signed that would make it look right
            seal(dsn, history.settings.anchor_file)


def test_another_log_in_its_place_is_found(server: EmbeddedPostgres, history: History) -> None:
    with database(server) as dsn:
        with opened_application(dsn) as application:
            grow(application, HEAD)
        assert first_bad_position_online(dsn, history) == 1
        assert first_bad_position_offline(dsn, history) == 1


@pytest.mark.parametrize("position", [FIRST, MIDDLE, LAST])
def test_a_change_of_an_export_is_found(server: EmbeddedPostgres, history: History, position: int) -> None:
    with database(server, history.database) as dsn:
        lines = export_of(dsn)
    assert verify_offline(lines, history.newest).bound == SIGNED
    line = lines[position]
    for changed in (line.replace(b'"n\\":1', b'"n\\":2'), line.replace(b'"version":1', b'"version":2'), b"", b"{}\n"):
        assert changed != line
        with pytest.raises(VerificationFailed) as failed:
            verify_offline([*lines[:position], changed, *lines[position + 1 :]], history.newest)
        assert failed.value.facts["position"] == position


def test_what_was_not_changed_is_verified(server: EmbeddedPostgres, history: History) -> None:
    with database(server, history.database) as dsn:
        online = verify_kept(history.settings, dsn)
        offline = verify_offline(export_of(dsn), history.newest)
    assert (online.position, online.events, online.checkpoints, online.bound) == (HEAD, HEAD, 2, SIGNED)
    assert (offline.position, offline.events, offline.checkpoints, offline.bound) == (HEAD, HEAD, 1, SIGNED)
    assert offline.chain == online.chain


def first_changed(change: Change, position: int) -> int:
    return position - OVER if change is swap and position == LAST else position


def append_of(position: int) -> int:
    return (position - 1) // APPEND


def first_bad_position_offline(dsn: str, history: History) -> int:
    """With an export of the log as it is now, and one checkpoint that somebody else has kept."""
    with pytest.raises(VerificationFailed) as failed:
        verify_offline(export_of(dsn), history.newest)
    position: int = failed.value.facts["position"]
    return position


def first_bad_position_online(dsn: str, history: History) -> int:
    with pytest.raises(VerificationFailed) as failed:
        verify_kept(history.settings, dsn)
    position: int = failed.value.facts["position"]
    return position
