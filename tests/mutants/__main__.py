"""Plant each bug in a copy of the tree and run the tests that must find it. Ends with 1 if one is not found.

`python -m tests.mutants [PART OF A NAME]` runs those whose name has that part.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tests.mutants.seeds import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("domain", "projections", "adapters", "api", "tests", "migrations", "pyproject.toml", "benchmarks", "docs")
SOURCES = ("domain", "projections", "adapters", "api")
OTHER = ("README.md", "CHANGELOG.md", "Makefile")


@click.command()
@click.argument("part", default="")
def main(part: str) -> None:
    chosen = [mutant for mutant in MUTANTS if part in mutant.name]
    lived = [mutant.name for mutant in chosen if not is_found(mutant)]
    click.echo(f"{len(chosen) - len(lived)} of {len(chosen)} planted bugs were found")
    sys.exit(1 if lived or not chosen else 0)


def is_found(mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory(prefix="mnemolog-mutant-") as folder:
        tree = Path(folder)
        tree.chmod(0o711)
        copy_to(tree)
        path = tree / mutant.path
        path.write_text(path.read_text(encoding="utf-8").replace(mutant.old, mutant.new), encoding="utf-8")
        done = tested(tree, mutant.tests)
    verdict = {0: "LIVES", 1: "found"}.get(done.returncode, f"NOT TESTED ({done.returncode})")
    click.echo(f"{verdict:6} {mutant.name}")
    if done.returncode not in (0, 1):
        click.echo(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode == 1


def copy_to(tree: Path) -> None:
    for name in (*COPIED, *OTHER):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)


def tested(tree: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """The copy comes before what is installed. Nothing is shrunk: that it fails is all that counts."""
    paths = ":".join(str(tree / name) for name in SOURCES)
    code = "import sys; sys.path[:0] = sys.argv[1].split(':'); import pytest; sys.exit(pytest.main(sys.argv[2:]))"
    arguments = [paths, "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=unshrunk", *tests]
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tree, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    main()
