from __future__ import annotations

import os
from pathlib import Path

import pytest

from mnemolog.adapters.postgres import sockets
from mnemolog.adapters.postgres.account import Account
from mnemolog.adapters.postgres.sockets import LONGEST_PATH, make_socket_folder, socket_folder
from mnemolog.domain.refusals import EmbeddedStartFailed

SELF = Account("whoever runs this")


def home_of_length(socket_path_bytes: int) -> Path:
    rest = len("/s/.s.PGSQL.5432")
    return Path("/" + "h" * (socket_path_bytes - rest - 1))


def test_the_longest_path_that_fits_is_used_and_one_byte_more_is_not() -> None:
    fits, too_long = home_of_length(LONGEST_PATH), home_of_length(LONGEST_PATH + 1)
    assert socket_folder(fits) == fits / "s"
    assert socket_folder(too_long).parent == Path(f"/tmp/mnemolog-{os.geteuid()}")


def test_bytes_count_and_not_letters() -> None:
    home = Path("/" + "é" * 50)
    assert socket_folder(home).parent != home


@pytest.mark.parametrize("name", ["a,b", 'a"b'])
def test_a_name_that_would_be_read_as_a_list_is_not_used(name: str) -> None:
    home = Path("/") / name
    assert socket_folder(home).parent != home


def test_two_homes_have_two_fallbacks() -> None:
    assert socket_folder(home_of_length(200)) != socket_folder(home_of_length(201))


def test_only_the_owner_can_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SHORT", tmp_path)
    folder = make_socket_folder(home_of_length(200), SELF)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("squatted", ["", "key"])
def test_a_link_that_waits_in_the_fallback_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, squatted: str
) -> None:
    monkeypatch.setattr(sockets, "SHORT", tmp_path)
    home = home_of_length(200)
    folder = socket_folder(home)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    if squatted:
        folder.parent.mkdir(mode=0o700)
        folder.symlink_to(elsewhere)
    else:
        folder.parent.symlink_to(elsewhere)
    with pytest.raises(EmbeddedStartFailed, match="belongs to someone else"):
        make_socket_folder(home, SELF)
    assert elsewhere.stat().st_mode & 0o777 == 0o755


if os.geteuid() == 0:

    def test_a_fallback_that_another_user_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sockets, "SHORT", tmp_path)
        home = home_of_length(200)
        squatted = socket_folder(home).parent
        squatted.mkdir()
        os.chown(squatted, 4711, 4711)
        with pytest.raises(EmbeddedStartFailed, match="belongs to someone else"):
            make_socket_folder(home, SELF)
