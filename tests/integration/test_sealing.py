"""Sealing goes on where it stopped, and signs nothing that an earlier checkpoint contradicts."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.adapters.postgres.tree import GrowingTree
from mnemolog.adapters.postgres.verify_evidence import verify_evidence
from mnemolog.api import sealing as sealing_module
from mnemolog.api.kept_checkpoints import verify_kept
from mnemolog.api.sealer import Sealer
from mnemolog.api.settings import Settings
from mnemolog.api.signing_key import signing_seed
from mnemolog.domain.checkpoints import read_checkpoints
from mnemolog.domain.refusals import SignatureRejected, SigningKeyUnavailable, VerificationFailed
from tests.databases import superuser
from tests.sealed_logs import SEED, grow, installation, seal, sealing, unprotected, verifier

PATIENCE = 60.0
AGES = 1e9  # seconds
SEALERS = """SELECT pid FROM pg_stat_activity
             WHERE application_name = 'mnemolog-seal' AND datname = current_database()"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return installation(tmp_path)


@pytest.fixture
def anchor(settings: Settings) -> Path:
    return settings.anchor_file


def sizes(anchor: Path) -> list[int]:
    content = anchor.read_bytes()
    return [checkpoint.size for checkpoint in read_checkpoints(content, verifier(content).verifier)]


def stored_sizes(dsn: str) -> list[int]:
    with superuser(dsn) as connection:
        return [size for (size,) in connection.execute("SELECT size FROM mnemolog.checkpoint ORDER BY size")]


def test_what_is_sealed_in_parts_is_what_is_sealed_at_once(application: LogApplication, dsn: str, anchor: Path) -> None:
    for events in (4, 252, 256, 4, 512, 100):
        grow(application, events)
        seal(dsn, anchor)
    assert sizes(anchor) == stored_sizes(dsn) == [4, 256, 512, 516, 1028, 1128]
    assert verify_kept(Settings(home=anchor.parent), dsn).bound == 1128


def test_an_append_that_goes_over_pages_is_signed_at_its_end(
    application: LogApplication, dsn: str, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_module, "PAGE", 3)
    grow(application, 520)
    assert seal(dsn, anchor) == 520
    assert verify_evidence(dsn).events == 520


def test_nothing_is_signed_twice(application: LogApplication, dsn: str, anchor: Path) -> None:
    grow(application, 8)
    for _ in range(3):
        assert seal(dsn, anchor) == 8
    assert sizes(anchor) == [8]


def test_what_a_crash_left_undone_after_the_file_is_done_later(
    application: LogApplication, dsn: str, anchor: Path
) -> None:
    """The file has a checkpoint of which the database knows neither nodes nor note."""
    grow(application, 300)
    seal(dsn, anchor)
    with superuser(dsn) as connection:
        unprotected(connection)
        connection.execute("TRUNCATE mnemolog.tree_node, mnemolog.checkpoint")
    grow(application, 300)
    assert seal(dsn, anchor) == 600
    assert sizes(anchor) == [300, 600]
    assert verify_kept(Settings(home=anchor.parent), dsn).checkpoints == 2


def test_one_process_seals_at_a_time(application: LogApplication, dsn: str, anchor: Path) -> None:
    grow(application, 4)
    with sealing(dsn, anchor), closing(GrowingTree(dsn)) as other:
        assert not other.lock()
    with closing(GrowingTree(dsn)) as other:
        assert other.lock()


@pytest.mark.parametrize("position", [1, 256, 257, 299])
def test_a_log_that_was_changed_is_not_signed_again(
    application: LogApplication, dsn: str, anchor: Path, position: int
) -> None:
    grow(application, 300)
    seal(dsn, anchor)
    grow(application, 4)
    with superuser(dsn) as connection:
        unprotected(connection)
        connection.execute("UPDATE mnemolog.event SET leaf = sha256(leaf) WHERE position = %s", (position,))
        connection.execute("TRUNCATE mnemolog.tree_node")
    refused = SignatureRejected if position == 1 else VerificationFailed  # the first leaf names the log
    with pytest.raises(refused):
        seal(dsn, anchor)
    assert sizes(anchor) == [300]


def test_a_checkpoint_of_another_key_in_the_file_is_not_gone_on_from(
    application: LogApplication, dsn: str, anchor: Path
) -> None:
    grow(application, 4)
    seal(dsn, anchor)
    grow(application, 4)
    with pytest.raises(SignatureRejected):
        seal(dsn, anchor, seed=bytes(32))


# -- the thread


@pytest.fixture
def wakeups(dsn: str) -> Iterator[LogWakeups]:
    with closing(LogWakeups(dsn)) as wakeups:
        yield wakeups


Running = Callable[[Settings], Sealer]


@pytest.fixture
def running(dsn: str, wakeups: LogWakeups, application: LogApplication) -> Iterator[Running]:
    """Sealers that have been started, and are stopped at the end. In AGES one does nothing but when it is told to."""
    log = PostgresLog(application.log_recorder, application.keyring)
    with ExitStack() as stopping:

        def run(settings: Settings) -> Sealer:
            sealer = Sealer(dsn, settings, wakeups, log)
            sealer.start()
            stopping.callback(sealer.stop)
            return sealer

        yield run


def wait_for(anchor: Path, size: int, wakeups: LogWakeups) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if anchor.exists() and sizes(anchor)[-1:] == [size]:
            return
        wakeups.listen(2**62, 0.05)
    raise AssertionError(f"{size} was not signed")


def test_the_log_is_sealed_while_it_grows_and_at_the_end(
    application: LogApplication, dsn: str, settings: Settings, wakeups: LogWakeups, running: Running
) -> None:
    sealer = running(replace(settings, checkpoint_seconds=0.01))
    for head in (8, 16):
        grow(application, 8)
        wait_for(settings.anchor_file, head, wakeups)
    grow(application, 8)
    sealer.stop()
    assert sizes(settings.anchor_file)[-1] == 24
    assert verify_kept(settings, dsn).bound == 24


def test_a_lot_is_sealed_before_its_time(
    application: LogApplication, settings: Settings, wakeups: LogWakeups, running: Running
) -> None:
    running(replace(settings, checkpoint_seconds=AGES))
    grow(application, 1000)
    wait_for(settings.anchor_file, 1000, wakeups)


def test_an_idle_process_opens_no_connection(
    application: LogApplication, dsn: str, settings: Settings, running: Running
) -> None:
    grow(application, 4)
    seal(dsn, settings.anchor_file)
    with superuser(dsn) as connection:
        while sealers := connection.execute(SEALERS).fetchall():
            assert len(sealers) == 1  # that of `seal`, which has not seen yet that it is closed
        running(replace(settings, checkpoint_seconds=AGES)).turn()
        assert connection.execute(SEALERS).fetchall() == []


def test_another_process_goes_on_when_the_first_has_stopped(
    application: LogApplication, settings: Settings, running: Running
) -> None:
    first, second = (running(replace(settings, checkpoint_seconds=AGES)) for _ in range(2))
    for head in (4, 8):
        grow(application, 4)
        first.turn()
        second.turn()
        assert sizes(settings.anchor_file)[-1] == head
    first.stop()
    grow(application, 4)
    second.turn()
    assert sizes(settings.anchor_file) == [4, 8, 12]


def test_a_process_without_a_key_makes_one_for_a_new_log_only(
    application: LogApplication, dsn: str, tmp_path: Path, running: Running
) -> None:
    grow(application, 4)
    owner, other = (Settings(home=tmp_path / name) for name in ("owner", "other"))
    for settings in (owner, other):
        running(settings).stop()
    assert (owner.home / "signing.key").stat().st_mode & 0o777 == 0o600
    assert stored_sizes(dsn) == [4]
    assert verify_kept(owner, dsn).bound == 4
    assert not other.home.exists()


def test_what_goes_wrong_is_said_once_and_gone_on_from(
    application: LogApplication, settings: Settings, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    settings.anchor_file.write_bytes(b"something else")
    sealer = running(replace(settings, checkpoint_seconds=AGES))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            grow(application, 4)
            sealer.turn()
    assert len(caplog.records) == 1
    assert "no checkpoint is signed" in caplog.text
    settings.anchor_file.unlink()
    grow(application, 4)
    sealer.turn()
    assert sizes(settings.anchor_file) == [16]


# -- the key


def test_the_key_is_made_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert signing_seed(settings) is None
    made = signing_seed(settings, may_make=True)
    assert made is not None
    assert len(made) == 32
    assert signing_seed(settings) == signing_seed(settings, may_make=True) == made


def test_the_key_of_the_environment_wins(settings: Settings) -> None:
    told = replace(settings, signing_key=base64.b64encode(bytes(32)).decode())
    assert signing_seed(told) == bytes(32)
    assert signing_seed(settings) == SEED


@pytest.mark.parametrize("key", ["not base64", "c2hvcnQ="])
def test_a_key_that_is_none_is_refused(settings: Settings, key: str) -> None:
    with pytest.raises(SigningKeyUnavailable):
        signing_seed(replace(settings, signing_key=key))


def test_a_key_that_others_can_read_is_refused(settings: Settings) -> None:
    (settings.home / "signing.key").chmod(0o644)
    with pytest.raises(SigningKeyUnavailable, match="can be read by others"):
        signing_seed(settings)


def test_checkpoints_without_their_key_cannot_be_verified(
    application: LogApplication, dsn: str, settings: Settings
) -> None:
    grow(application, 4)
    seal(dsn, settings.anchor_file)
    (settings.home / "signing.key").unlink()
    with pytest.raises(SigningKeyUnavailable):
        verify_kept(settings, dsn)


def test_a_log_whose_checkpoints_are_all_inside_the_database_is_verified_against_itself(
    application: LogApplication, dsn: str, tmp_path: Path
) -> None:
    grow(application, 300)
    seal(dsn, tmp_path / "elsewhere")
    verified = verify_kept(Settings(home=tmp_path), dsn)
    assert (verified.events, verified.checkpoints, verified.bound) == (300, 0, 0)
