"""A measured figure, the bar that it has to clear, and how a run of them is shown and kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

Measure = Callable[[str], Iterable["Figure"]]  # takes the connection string of an empty, durable server
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """`bar` reads like ">= 6"; a figure that is only told has neither bar nor `ok`."""

    name: str
    value: float
    unit: str
    bar: str | None = None
    ok: bool | None = None

    @classmethod
    def at_least(cls, bar: float, name: str, value: float, unit: str) -> Figure:
        return cls(name, value, unit, f">= {bar:g}", value >= bar)

    @classmethod
    def at_most(cls, bar: float, name: str, value: float, unit: str) -> Figure:
        return cls(name, value, unit, f"<= {bar:g}", value <= bar)


@dataclass(frozen=True, slots=True)
class Report:
    """Figures with all that is needed to read them: the machine they were taken on and what ran there."""

    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]
    figures: Sequence[Figure]

    @property
    def ok(self) -> bool:
        return all(figure.ok is not False for figure in self.figures)

    def write(self, name: str, folder: Path = RESULTS) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        return path


def table(title: str, figures: Sequence[Figure]) -> Table:
    shown = Table(Column("figure"), Column("value", justify="right"), "unit", "bar", "ok", title=title)
    for figure in figures:
        verdict = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[figure.ok]
        shown.add_row(figure.name, f"{figure.value:.4g}", figure.unit, figure.bar or "", verdict)
    return shown


def show(title: str, report: Report) -> None:
    console = Console()
    console.print(table(title, report.figures))
    for facts in (report.machine, report.versions):
        console.print(", ".join(f"{name} {fact}" for name, fact in facts.items()), style="dim", highlight=False)


def machine() -> dict[str, str | int | float]:
    return {
        "cpu": next(_cpu_models(), platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "os": f"{platform.system()} {platform.release()}",
    }


def versions(postgres: str, packages: Sequence[str]) -> dict[str, str]:
    return {"python": platform.python_version(), "postgres": postgres} | {name: version(name) for name in packages}


def _cpu_models() -> Iterator[str]:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            yield line.partition(":")[2].strip()
