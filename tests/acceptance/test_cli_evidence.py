"""The log is taken away and verified where there is no store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from tests.command_line import CommandLine
from tests.databases import database, superuser


@dataclass(frozen=True)
class Taken:
    """A store, and what was taken from it: an export, the checkpoints of its folder, its key."""

    mnemolog: CommandLine
    home: Path
    dsn: str
    export: Path
    key: str

    @property
    def offline(self) -> tuple[str, ...]:
        return "--export", str(self.export), "--checkpoint", str(self.home / "checkpoints"), "--key", self.key


@pytest.fixture(scope="module")
def taken(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    folder: Path = tmp_path_factory.mktemp("taken")
    with database(server) as dsn:
        mnemolog = CommandLine(folder / "home", dsn)
        assert mnemolog("remember", "Tea is in the tin.").code == 0
        exported = mnemolog("export", str(folder / "log.ndjson"))
        assert (exported.code, exported.out) == (0, "")
        key = mnemolog("verify", "--key").out.strip()
        yield Taken(mnemolog, folder / "home", dsn, folder / "log.ndjson", key)


@pytest.fixture
def nowhere(tmp_path: Path) -> CommandLine:
    """Without a database, and with a home that must not come to be."""
    return CommandLine(tmp_path / "never", "postgresql://127.0.0.1:1/nothing")


def test_a_command_leaves_a_checkpoint_of_what_it_wrote(taken: Taken) -> None:
    told = taken.mnemolog("verify")
    head = orjson.loads(taken.export.read_bytes().splitlines()[0])["last"]
    assert told.out.splitlines()[0] == f"{head} events up to position {head} are as they were written."
    assert f"bind all up to position {head}." in told.out.replace("agrees, and binds", "agree, and bind")
    for name in ("checkpoints", "signing.key"):
        assert (taken.home / name).stat().st_mode & 0o777 == 0o600


def test_an_export_is_verified_where_there_is_nothing_else(taken: Taken, nowhere: CommandLine, tmp_path: Path) -> None:
    events = [orjson.loads(line) for line in taken.export.read_bytes().splitlines()]
    assert [event["position"] for event in events[1:]] == list(range(1, events[0]["last"] + 1))
    verified = nowhere("verify", *taken.offline, "--json").json
    assert verified["events"] == verified["position"] == verified["bound"] == events[0]["last"]
    assert not (tmp_path / "never").exists()


def test_personal_content_stays_sealed(taken: Taken) -> None:
    exported = taken.export.read_bytes()
    assert b'"sealed":"' in exported
    assert b"Tea" not in exported


def test_a_line_that_was_changed_is_6_with_its_position(taken: Taken, nowhere: CommandLine, tmp_path: Path) -> None:
    lines = taken.export.read_bytes().splitlines(keepends=True)
    event = orjson.loads(lines[4])
    lines[4] = orjson.dumps({**event, "occurred_at": "2026-01-01T00:00:00Z"}) + b"\n"
    changed = tmp_path / "changed.ndjson"
    changed.write_bytes(b"".join(lines))
    failed = nowhere("verify", "--export", str(changed), *taken.offline[2:], "--json")
    assert (failed.code, failed.out) == (6, "")
    error = orjson.loads(failed.err)["error"]
    assert (error["code"], error["exit_code"]) == ("verification_failed", 6)
    assert "position 4" in failed.err


def test_the_three_options_go_together(taken: Taken, nowhere: CommandLine) -> None:
    refused = nowhere("verify", *taken.offline[:4])
    assert refused.code == 2
    assert "go together" in refused.err


def test_a_log_that_was_rolled_back_is_6_and_no_longer_signed(taken: Taken) -> None:
    checkpoints = taken.home / "checkpoints"
    with superuser(taken.dsn) as connection, connection.transaction():
        connection.execute("ALTER TABLE mnemolog.event DISABLE TRIGGER event_is_immutable")
        connection.execute(
            """DELETE FROM mnemolog.event WHERE position >
               (SELECT max(position) FROM mnemolog.event WHERE chain IS NOT NULL
                AND position < (SELECT max(position) FROM mnemolog.event))"""
        )
    before = checkpoints.read_bytes()
    failed = taken.mnemolog("verify")
    assert failed.code == 6
    assert "the log ends before position" in failed.err
    assert checkpoints.read_bytes() == before
