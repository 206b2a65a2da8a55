"""The command line as its users have it: a process of its own, with an environment and two streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-c", "from mnemolog.api.cli import main; main()"]
FOREIGN = ("MNEMOLOG_", "PG")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        assert self.code == 0, self.err
        return [line.split("\t") for line in self.out.splitlines()]


class CommandLine:
    def __init__(self, home: Path, dsn: str | None = None, **environment: str) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        told = {"MNEMOLOG_HOME": str(home), "MNEMOLOG_EMBEDDER": "hashing", **environment}
        self.environment = own | told | ({} if dsn is None else {"MNEMOLOG_DSN": dsn})

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Said:
        done = subprocess.run(
            [*PROGRAM, *arguments], env=self.environment, input=stdin, capture_output=True, check=False
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
