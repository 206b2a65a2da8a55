"""Questions that people ask of the log again and again, by name: `FROM funnel()`, `FROM access_pattern('…')`.

All but `utc` are table macros of DuckDB, over the tables of schema.py, and know only what the session shows. Times are
UTC, and none of them reads a clock: whoever asks says which moment is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from mnemolog.adapters.postgres.sql import load
from mnemolog.projections.accesses import READS

_READS = ", ".join(f"'{kind}'" for kind in sorted(READS))
_SIGNATURE = re.compile(r"^CREATE TEMP MACRO (\w+\(.*\)) AS\b")


@dataclass(frozen=True, slots=True)
class Macro:
    """`signature` is how to call it, with what may be left out after `:=`."""

    name: str
    signature: str
    description: str
    statement: str


def macros() -> tuple[Macro, ...]:
    """In an order in which each needs only those before it."""
    text = (files(__package__) / "macros.sql").read_text(encoding="utf-8")
    return tuple(_macro(name, body) for name, body in load(text.replace("{reads}", _READS)).items())


def statements() -> tuple[str, ...]:
    return tuple(macro.statement for macro in macros())


def _macro(name: str, body: str) -> Macro:
    description, _, statement = body.partition("\n")
    (signature,) = _SIGNATURE.findall(statement)
    return Macro(name, signature, description.removeprefix("-- "), statement)
