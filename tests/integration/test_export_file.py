"""What a verifier makes of an export, whole, in part, and damaged."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters.anchor_file import AnchorFile
from mnemolog.adapters.export_file import FIELDS
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.exporting import exported
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Origin
from mnemolog.domain.refusals import MalformedNote, SignatureRejected, VerificationFailed
from tests.databases import database
from tests.factories import House
from tests.sealed_logs import APPEND, export_of, grow, opened_application, seal, verify_offline

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=8))
PERSONAL, HEAD = 2, 302  # two events with a sealed part come first


@pytest.fixture(scope="module")
def application(server: EmbeddedPostgres) -> Iterator[LogApplication]:
    with database(server) as dsn, opened_application(dsn) as application:
        yield application


@pytest.fixture(scope="module")
def notes(application: LogApplication, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """One checkpoint in the middle and one at the end."""
    anchor = tmp_path_factory.mktemp("home") / "checkpoints"
    dsn = str(application.datastore.pool.conninfo)
    house = House()
    assert application.record(house.activated(), origin=Origin(actor_id=house.owner_id, request_id=new_id()))
    grow(application, 200)
    assert seal(dsn, anchor) == 202
    grow(application, 100)
    assert seal(dsn, anchor) == HEAD
    return AnchorFile(anchor).notes()


class Lines(list[bytes]):
    def __repr__(self) -> str:
        return f"{len(self)} lines"


@pytest.fixture(scope="module")
def lines(application: LogApplication, notes: list[bytes]) -> Lines:
    return Lines(export_of(application.log_recorder))


def test_every_event_is_exported_as_it_is_stored(lines: Lines) -> None:
    header, *events = map(orjson.loads, lines)
    assert (header["first"], header["last"], len(events)) == (1, HEAD, HEAD)
    assert all(tuple(event) == FIELDS for event in events)
    assert all(event["sealed"] is not None for event in events[:1])
    assert orjson.loads(events[-1]["payload"]) == {"n": 1}


@pytest.mark.parametrize("which", [0, 1])
def test_either_checkpoint_is_enough(lines: Lines, notes: list[bytes], which: int) -> None:
    verified = verify_offline(lines, notes[which])
    assert (verified.events, verified.checkpoints, verified.bound) == (HEAD, 1, [202, HEAD][which])


@pytest.mark.parametrize("first", [1, 2, 3, 6, 7, 150, 203, 204, HEAD])
def test_a_part_is_verified_with_the_peaks_that_come_before_it(
    application: LogApplication, notes: list[bytes], first: int
) -> None:
    part = list(export_of(application.log_recorder, first))
    begun = orjson.loads(part[0])["first"]
    assert begun == (1 if first <= PERSONAL else (first - PERSONAL - 1) // APPEND * APPEND + PERSONAL + 1)
    assert verify_offline(part, notes[1]).events == HEAD - begun + 1
    header = orjson.loads(part[0])
    for name in ("chain", "peaks"):
        if header[name]:
            forged = {**header, name: flipped(header[name])}
            with pytest.raises(VerificationFailed):
                verify_offline([orjson.dumps(forged), *part[1:]], notes[1])


def flipped(text: str | list[str]) -> str | list[str]:
    if isinstance(text, list):
        return [str(flipped(text[0])), *text[1:]]
    return ("A" if text[0] != "A" else "B") + text[1:]


def test_a_checkpoint_from_before_a_part_says_nothing_about_it(application: LogApplication, notes: list[bytes]) -> None:
    with pytest.raises(VerificationFailed, match="no checkpoint binds"):
        verify_offline(export_of(application.log_recorder, 203), notes[0])


def test_the_end_of_a_part_is_the_end_of_an_append(application: LogApplication, notes: list[bytes]) -> None:
    part = list(exported(application.log_recorder.rows, 1, 200))
    assert orjson.loads(part[0])["last"] == 202
    assert verify_offline(part, notes[0]).bound == 202
    with pytest.raises(VerificationFailed, match="position 203: the log ends before position 302"):
        verify_offline(part, notes[1])


@given(place=st.integers(1, HEAD), field=st.sampled_from(FIELDS), value=VALUES)
def test_any_field_of_any_event_that_says_something_else_is_found(
    place: int, field: str, value: str | int | None, lines: Lines, notes: list[bytes]
) -> None:
    event = orjson.loads(lines[place])
    if value == event[field] and type(value) is type(event[field]):
        return
    changed = [*lines[:place], orjson.dumps({**event, field: value}) + b"\n", *lines[place + 1 :]]
    with pytest.raises(VerificationFailed) as failed:
        verify_offline(changed, notes[1])
    if field == "position":  # then that position is told
        return
    first = 1 if place <= PERSONAL else (place - PERSONAL - 1) // APPEND * APPEND + PERSONAL + 1
    assert first <= failed.value.facts["position"] <= place + 1


@given(at=st.integers(0, HEAD), junk=st.binary(max_size=20))
def test_a_line_that_is_none_is_found(at: int, junk: bytes, lines: Lines, notes: list[bytes]) -> None:
    with pytest.raises(VerificationFailed):
        verify_offline([*lines[:at], junk, *lines[at + 1 :]], notes[1])


@pytest.mark.parametrize("left", [0, 1, 2, 100, HEAD])
def test_a_file_that_was_cut_is_found(left: int, lines: Lines, notes: list[bytes]) -> None:
    with pytest.raises(VerificationFailed):
        verify_offline(lines[:left], notes[0] if left > 202 else notes[1])


def test_more_lines_than_events_are_found(lines: Lines, notes: list[bytes]) -> None:
    with pytest.raises(VerificationFailed):
        verify_offline([*lines, lines[-1]], notes[1])


def test_a_note_that_was_changed_is_not_believed(lines: Lines, notes: list[bytes]) -> None:
    with pytest.raises(SignatureRejected):
        verify_offline(lines, notes[1].replace(b"\n302\n", b"\n202\n"))
    with pytest.raises(MalformedNote):
        verify_offline(lines, b"mnemolog/none\n")


def test_an_export_of_another_log_is_found(notes: list[bytes], server: EmbeddedPostgres) -> None:
    with database(server) as dsn, opened_application(dsn) as other:
        grow(other, HEAD + 2)
        with pytest.raises(VerificationFailed, match="position 1: this is an export of"):
            verify_offline(export_of(other.log_recorder), notes[1])


def test_an_empty_log_has_an_export_that_proves_nothing(dsn: str, notes: list[bytes]) -> None:
    source: str | LogRecorder = dsn
    with pytest.raises(VerificationFailed):
        verify_offline(export_of(source), notes[0])
