"""A cube is carried in a folder from one store to another, by somebody at a keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from tests.command_line import CommandLine
from tests.databases import database


@dataclass(frozen=True)
class Carried:
    here: CommandLine
    there: CommandLine
    folder: Path
    key: str


@pytest.fixture(scope="module")
def carried(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    place: Path = tmp_path_factory.mktemp("carried")
    with database(server) as dsn, database(server) as other:
        here, there = CommandLine(place / "here", dsn), CommandLine(place / "there", other)
        assert here("remember", "Tea is in the tin.").code == 0
        dumped = here("dump", "main", str(place / "main.dump"))
        assert (dumped.code, dumped.out) == (0, f"{place / 'main.dump'}\n")
        assert "1 memories, 3 events" in dumped.err
        assert "Whoever has this folder can read it" in dumped.err
        key = orjson.loads((place / "main.dump" / "manifest.json").read_bytes())["verifier_key"]
        assert key in dumped.err
        yield Carried(here, there, place / "main.dump", key)


def test_a_cube_lives_again_in_another_store(carried: Carried) -> None:
    loaded = carried.there("load", str(carried.folder), "--name", "again", "--key", carried.key)
    assert (loaded.code, "WARNING" in loaded.err, "quarantine" in loaded.err) == (0, False, False)
    assert "Tea is in the tin." in carried.there("recall", "--cube", "again", "Where is the tea?").out


def test_without_a_key_it_is_said_aloud_that_nothing_is_proven(carried: Carried) -> None:
    loaded = carried.there("load", str(carried.folder), "--name", "doubted", "--json")
    assert "WARNING: verified with the key that the dump itself names" in loaded.err
    assert (loaded.json["quarantined"], loaded.json["name"], len(loaded.json["memory_ids"])) == (True, "doubted", 1)


def test_a_dump_is_verified_where_there_is_nothing_else(carried: Carried, tmp_path: Path) -> None:
    nowhere = CommandLine(tmp_path / "never", "postgresql://127.0.0.1:1/nothing")
    verified = nowhere("verify", "--bundle", str(carried.folder), "--key", carried.key, "--json").json
    assert (verified["events"], verified["readable"], verified["verifier_key"]) == (3, 1, carried.key)
    assert nowhere("verify", "--bundle", str(carried.folder)).code == 2
    changed = shutil.copytree(carried.folder, tmp_path / "changed")
    content = bytearray((changed / "events.ndjson").read_bytes())
    content[700] ^= 1
    (changed / "events.ndjson").write_bytes(content)
    failed = nowhere("verify", "--bundle", str(changed), "--key", carried.key, "--json")
    assert (failed.code, failed.out) == (6, "")
    assert orjson.loads(failed.err)["error"]["code"] == "bundle_corrupted"
    assert "events.ndjson" in failed.err
    assert not (tmp_path / "never").exists()


def test_what_cannot_be_done_has_the_exit_code_of_its_reason(carried: Carried, tmp_path: Path) -> None:
    assert carried.here("dump", "main", str(carried.folder)).code == 5
    assert carried.there("load", str(tmp_path / "none")).code == 3
    assert list(tmp_path.iterdir()) == []


def test_without_keys_nothing_can_be_read(carried: Carried, tmp_path: Path) -> None:
    dumped = carried.here("dump", "main", str(tmp_path / "bare"), "--without-keys", "--json").json
    assert (dumped["memories"], dumped["readable"]) == (1, 0)
    assert not (tmp_path / "bare" / "keys.ndjson").exists()
    refused = carried.here("load", str(tmp_path / "bare"), "--name", "bare", "--key", carried.key)
    assert refused.code == 2
    assert "without its keys" in refused.err
