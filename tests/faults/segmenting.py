"""Processes that write segments and are killed at a step that is chosen beforehand.

    python segmenting.py DSN

Each line on stdin is `KILL_AT STEP FOLDER`: a child writes ranges of STEP positions and kills itself just before it
touches a file of the folder for the KILL_ATth time. The answer is `killed`, or `done` when there were fewer steps.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from mnemolog.adapters.analytics.segmenting import write_segments
from mnemolog.adapters.analytics.segments import SegmentFolder

# Whatever Python does to a file or a folder tells its audit hooks first.
TOUCHES = frozenset({"open", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir"})


def main(dsn: str) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        kill_at, step, folder = line.rstrip("\n").split(" ", 2)
        child = os.fork()
        if child == 0:
            sys.addaudithook(killing(int(kill_at), folder))
            write_segments(dsn, SegmentFolder(Path(folder)), int(step))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print({0: "done", -signal.SIGKILL: "killed"}[status], flush=True)


def killing(kill_at: int, folder: str) -> Any:
    left = kill_at

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in TOUCHES and (isinstance(arguments[0], int) or str(arguments[0]).startswith(folder)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    main(sys.argv[1])
