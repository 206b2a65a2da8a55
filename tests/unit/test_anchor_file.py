from __future__ import annotations

from pathlib import Path

import pytest

from mnemolog.adapters.anchor_file import TAIL_BYTES, AnchorFile
from mnemolog.domain.refusals import MalformedNote

NOTES = [f"mnemolog/{'ab' * 16}\n{n}\nroot\n\n— mnemolog/ab signature{n}\n".encode() for n in range(1, 4)]


@pytest.fixture
def anchor(tmp_path: Path) -> AnchorFile:
    return AnchorFile(tmp_path / "checkpoints")


def test_there_is_nothing_before_the_first_note(anchor: AnchorFile) -> None:
    assert anchor.notes() == []
    assert anchor.last() is None


def test_notes_are_added_one_after_the_other(anchor: AnchorFile) -> None:
    for count, note in enumerate(NOTES, 1):
        anchor.append(note)
        assert anchor.notes() == NOTES[:count]
        assert anchor.last() == note


def test_nobody_else_can_read_it(anchor: AnchorFile) -> None:
    anchor.append(NOTES[0])
    assert anchor.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("written", range(len(NOTES[1])))
def test_what_a_crash_left_unfinished_does_not_count_and_is_cut_off(anchor: AnchorFile, written: int) -> None:
    anchor.append(NOTES[0])
    with anchor.path.open("ab") as file:
        file.write(NOTES[1][:written])
    assert anchor.last() == NOTES[0]
    assert anchor.notes() == NOTES[:1]
    anchor.append(NOTES[2])
    assert anchor.notes() == [NOTES[0], NOTES[2]]


@pytest.mark.parametrize("written", [1, 9, 30, 60])
def test_so_is_the_very_first_note(anchor: AnchorFile, written: int) -> None:
    anchor.path.write_bytes(NOTES[0][:written])
    assert anchor.last() is None
    anchor.append(NOTES[1])
    assert anchor.notes() == [NOTES[1]]


@pytest.mark.parametrize("content", [b"my diary", b"my diary\n\nday two\n\n", b"\n\n", b"a\n\n" * 40_000])
def test_a_file_that_is_something_else_is_left_alone(anchor: AnchorFile, content: bytes) -> None:
    anchor.path.write_bytes(content)
    with pytest.raises(MalformedNote):
        anchor.last()
    with pytest.raises(MalformedNote):
        anchor.append(NOTES[0])
    assert anchor.path.read_bytes() == content


def test_the_last_note_of_a_long_file_is_found_by_its_end(anchor: AnchorFile) -> None:
    many = TAIL_BYTES // len(NOTES[0]) + 10
    anchor.path.write_bytes(b"".join(note + b"\n" for note in NOTES[:2] * many))
    assert anchor.last() == NOTES[1]
    anchor.append(NOTES[2])
    assert len(anchor.notes()) == 2 * many + 1
    assert anchor.last() == NOTES[2]
