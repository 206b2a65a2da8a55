from __future__ import annotations

import base64
import logging
import sys
from pathlib import Path

import pytest

from mnemolog.adapters.key_sources import KeyChoice, KeyCommand, KeyFile, KeyText, source_of
from mnemolog.domain.refusals import KeyUnavailable

KEY, NEXT = bytes(range(32)), bytes(range(1, 33))
TEXT = base64.b64encode(KEY).decode()


def says(program: str) -> KeyCommand:
    return KeyCommand("THE_COMMAND", f'{sys.executable} -c "{program}"', seconds=20)


def test_a_variable_says_a_key_in_base64() -> None:
    assert KeyText("THE_KEY", f"{TEXT}\n").keys() == [KEY]
    with pytest.raises(KeyUnavailable, match="THE_KEY is not base64"):
        KeyText("THE_KEY", "*" + TEXT).keys()


def test_a_command_says_a_key_in_base64() -> None:
    assert says(f"print('{TEXT}')").keys() == [KEY]


def test_a_command_is_split_and_sees_no_shell(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    with pytest.raises(KeyUnavailable):
        KeyCommand("THE_COMMAND", f"echo 'a b' ; touch {touched}").keys()
    assert not touched.exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("false", "ended with 1"),
        ("echo no key", "not base64"),
        ("/nonexistent/program", "cannot be run"),
        ("", "cannot be run"),
        ("'unfinished", "cannot be run"),
    ],
)
def test_a_command_that_gives_no_key_is_refused_with_the_reason(command: str, reason: str) -> None:
    with pytest.raises(KeyUnavailable, match=reason):
        KeyCommand("THE_COMMAND", command).keys()


def test_a_command_that_hangs_is_given_up() -> None:
    with pytest.raises(KeyUnavailable, match="took longer"):
        KeyCommand("THE_COMMAND", "sleep 60", seconds=0.1).keys()


def test_nothing_that_a_command_says_is_told_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(KeyUnavailable) as refusal:
        says(f"import sys; print('{TEXT}'); sys.stderr.write('{TEXT}'); sys.exit(3)").keys()
    assert TEXT not in str(refusal.value) + caplog.text + repr(refusal.value.facts)


def test_a_file_is_made_once(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "home" / "the.key")
    (key,) = source.keys()
    assert len(key) == 32
    assert source.keys() == [key]


def test_the_next_key_of_a_file_takes_its_place_when_the_store_has_taken_it(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "the.key")
    (key,) = source.keys()
    following = source.make_next()
    assert source.make_next() == following != key
    assert source.keys() == [key, following]
    source.settled(key)  # it may be about to be used
    assert source.keys() == [key, following]
    source.settled(following)
    source.settled(following)
    assert source.keys() == [following]
    assert (tmp_path / "the.key").stat().st_mode & 0o777 == 0o600


def test_a_variable_wins_over_a_command() -> None:
    assert source_of("THE_KEY", None, None) is None
    for text, command in ((TEXT, "false"), (None, f"echo {TEXT}")):
        source = source_of("THE_KEY", text, command)
        assert source is not None
        assert source.keys() == [KEY]


def test_while_keys_are_rotated_both_are_tried() -> None:
    following = KeyText("THE_NEXT_KEY", base64.b64encode(NEXT).decode())
    assert KeyChoice(KeyText("THE_KEY", TEXT), following).keys() == [KEY, NEXT]
