"""What holds for the source itself: which way imports run, how modules are called, how long they may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("domain", "projections", "adapters", "api")
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer / "mnemolog").rglob("*.py"))
VAGUE = re.compile(r"(?:^|_)(?:util|helper|common|manager|base|core|service|handler|engine)s?(?:_|$)")
BROAD = {"Exception", "BaseException"}
REASONED = re.compile(r"# noqa: BLE001\W+\w+")
LONGEST = 400

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def foreign_to_the_domain(source: str) -> list[str]:
    own = ("mnemolog.domain", "eventsourcing.domain", "eventsourcing.utils")
    return [
        name
        for name in imported(source)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(name == allowed or name.startswith(allowed + ".") for allowed in own)
    ]


def broad_without_reason(source: str) -> list[int]:
    """The lines of the handlers that swallow every exception and do not say why."""
    lines = source.splitlines()
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or BROAD & {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)})
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        and not REASONED.search(lines[node.lineno - 1])
    ]


def test_there_is_source_to_look_at() -> None:
    assert len(MODULES) > 20


def test_imports_run_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", [path for path in MODULES if ROOT / "domain" in path.parents], ids=lambda p: p.name)
def test_the_domain_needs_the_standard_library_and_the_vocabulary_of_eventsourcing_only(path: Path) -> None:
    assert foreign_to_the_domain(path.read_text()) == []


@every_module
def test_a_module_is_called_by_what_it_holds(path: Path) -> None:
    words = path.relative_to(ROOT).with_suffix("").parts
    assert not [word for word in words if VAGUE.search(word)]


@every_module
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


@every_module
def test_an_exception_is_caught_by_name_or_with_a_reason(path: Path) -> None:
    assert broad_without_reason(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy", ["numpy"]),
        ("def f():\n    from mnemolog.adapters import hnsw", ["mnemolog.adapters"]),
        ("from eventsourcing.persistence import Mapper", ["eventsourcing.persistence"]),
        ("from . import memory", ["."]),
        ("import json\nfrom eventsourcing.domain import event\nfrom mnemolog.domain.memory import Memory", []),
    ],
)
def test_a_foreign_import_would_be_found_wherever_it_stands(source: str, found: list[str]) -> None:
    assert foreign_to_the_domain(source) == found


@pytest.mark.parametrize(
    ("handler", "found"),
    [
        ("except:\n    pass", [3]),
        ("except Exception:\n    pass", [3]),
        ("except (ValueError, BaseException) as error:\n    print(error)", [3]),
        ("except Exception:  # noqa: BLE001\n    pass", [3]),
        ("except Exception:  # noqa: BLE001 - the edge of the process\n    pass", []),
        ("except BaseException:\n    raise", []),
        ("except ValueError:\n    pass", []),
    ],
)
def test_a_silent_broad_handler_would_be_found(handler: str, found: list[int]) -> None:
    assert broad_without_reason(f"try:\n    pass\n{handler}\n") == found


@pytest.mark.parametrize("name", ["utils", "helpers", "text_utils", "base", "core", "handlers", "cache_manager"])
def test_a_vague_name_would_be_found(name: str) -> None:
    assert VAGUE.search(name)


@pytest.mark.parametrize("name", ["database", "score", "handle"])
def test_a_word_that_only_contains_one_is_fine(name: str) -> None:
    assert not VAGUE.search(name)
