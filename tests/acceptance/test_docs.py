"""The documentation tells the truth: its code runs, its output is what comes out, and it leaves nothing out."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from mnemolog.adapters.postgres.migrate import migrations
from mnemolog.api.cli import COMMANDS
from mnemolog.api.http import ROUTERS
from mnemolog.domain import refusals

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    language: str
    body: str


def blocks(page: Path) -> list[Block]:
    return [Block(match[1], match[2]) for match in FENCE.finditer(page.read_text(encoding="utf-8"))]


def said(expected: str, actual: str) -> None:
    assert doctest.OutputChecker().check_output(expected, actual, LOOSELY), f"expected:\n{expected}\ngot:\n{actual}"


@pytest.fixture
def documented_store(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every page starts with an empty store, found through the environment as a reader's is."""
    monkeypatch.setenv("MNEMOLOG_DSN", dsn)
    monkeypatch.setenv("MNEMOLOG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs_and_prints_what_the_page_says(page: Path, documented_store: Path) -> None:
    namespace: dict[str, object] = {}
    printed = ""
    for block in blocks(page):
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block.body, str(page), "exec"), namespace)  # noqa: S102 - our own documentation
            printed = output.getvalue()
        elif block.language == "text":
            said(block.body, printed)
        elif block.language == "console":
            run_console(block.body)


def run_console(session: str) -> None:
    """Each `$ mnemolog ...` is run as it stands; what follows it, up to the next one, is what it must print."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "mnemolog", f"only mnemolog is run, not {program}"
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
        done = subprocess.run(
            [Path(sys.executable).with_name("mnemolog"), *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        said(expected, done.stdout if done.returncode == 0 else done.stderr)


def test_every_link_inside_the_documentation_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} -> {target}"


def every_refusal(of: type[refusals.Refusal] = refusals.Refusal) -> set[type[refusals.Refusal]]:
    return {of} | {each for sub in of.__subclasses__() for each in every_refusal(sub)}


def test_every_refusal_is_documented_with_its_status_and_exit_code() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", text, re.MULTILINE))
    assert documented == {(r.code, str(r.status), str(r.exit_code)) for r in every_refusal()}


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    source = "".join(
        path.read_text(encoding="utf-8") for layer in ("adapters", "api") for path in (ROOT / layer).rglob("*.py")
    )
    for name in set(re.findall(r"\bMNEMOLOG_[A-Z_]+\b", source)):
        assert f"`{name}`" in text, name


def test_every_event_type_is_documented() -> None:
    from mnemolog.domain.events import EVENTS

    text = (ROOT / "docs/reference/log.md").read_text(encoding="utf-8")
    for topic in EVENTS:
        assert f"`{topic}`" in text, topic


def test_the_migrations_are_numbered_without_a_gap() -> None:
    assert [int(migration.name[:4]) for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    for section in COMMANDS.values():
        for name, summary in section.items():
            assert f"| `mnemolog {name}` | {summary} |" in text, name


def test_every_route_is_documented() -> None:
    text = (ROOT / "docs/reference/rest.md").read_text(encoding="utf-8")
    routes = [route for module in ROUTERS for route in module.router.routes if isinstance(route, APIRoute)]
    documented = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", text, re.MULTILINE))
    assert documented == {
        f"{method} {route.path}" for route in routes for method in (route.methods or set()) - {"HEAD"}
    }
