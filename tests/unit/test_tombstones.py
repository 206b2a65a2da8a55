from __future__ import annotations

from pathlib import Path

import pytest

from mnemolog.adapters.tombstones import Tombstones, tombstones_of
from mnemolog.domain.identity import new_id
from mnemolog.domain.refusals import ErasedKeysDamaged

SECRET = bytes(range(32))


@pytest.fixture
def tombstones(tmp_path: Path) -> Tombstones:
    return Tombstones(tmp_path / "erased" / "mine", SECRET)


def test_there_are_none_at_first(tombstones: Tombstones) -> None:
    assert tombstones.all() == set()
    assert not tombstones.path.exists()


def test_each_is_kept_once_whoever_writes(tombstones: Tombstones) -> None:
    one, two, three = new_id(), new_id(), new_id()
    tombstones.add([one, two, one])
    Tombstones(tombstones.path, SECRET).add([two, three])
    assert tombstones.all() == {one, two, three}
    assert len(tombstones.path.read_text().splitlines()) == 3
    assert tombstones.path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_not_finished_is_written_over(tombstones: Tombstones) -> None:
    one, two = new_id(), new_id()
    tombstones.add([one])
    whole = tombstones.path.read_bytes()
    for cut in (1, 20, 40):
        tombstones.path.write_bytes(whole + b"0123456789abcdef0123456789abcdef 01234567"[:cut])
        assert tombstones.all() == {one}
    tombstones.add([two])
    assert tombstones.all() == {one, two}


def changed(lines: list[str]) -> dict[str, list[str]]:
    one, two, three = lines
    return {
        "another id": [new_id().hex + one[32:], two, three],
        "another mac": [one, two[:33] + "0" * 32, three],
        "left out": [one, three],
        "moved": [two, one, three],
        "added": [*lines, f"{new_id().hex} {'0' * 32}"],
        "no line": [one, "and so on", three],
        "twice": [one, one, two, three],
        "not ascii": [one, "é" * 65, three],
    }


@pytest.mark.parametrize("how", changed(["0" * 65] * 3))
def test_what_was_changed_is_not_believed(tombstones: Tombstones, how: str) -> None:
    tombstones.add([new_id(), new_id(), new_id()])
    lines = changed(tombstones.path.read_text().splitlines())[how]
    tombstones.path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(ErasedKeysDamaged):
        tombstones.all()
    with pytest.raises(ErasedKeysDamaged):
        tombstones.add([new_id()])


def test_those_of_another_store_are_in_another_file(tmp_path: Path) -> None:
    mine = tombstones_of(tmp_path, lambda purpose: purpose.rjust(32))
    theirs = tombstones_of(tmp_path, lambda purpose: purpose.ljust(32))
    mine.add([new_id()])
    assert theirs.all() == set()
    theirs.path.write_bytes(mine.path.read_bytes())
    with pytest.raises(ErasedKeysDamaged):
        theirs.all()
