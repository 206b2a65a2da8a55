"""The SQL of mnemolog: one file of named blocks, each `-- name --`, a line that says what for, and the statement."""

from __future__ import annotations

import re
from importlib.resources import files

_BLOCK = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def load(text: str) -> dict[str, str]:
    parts = _BLOCK.split(text)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


QUERIES = load((files(__package__) / "queries.sql").read_text(encoding="utf-8"))
