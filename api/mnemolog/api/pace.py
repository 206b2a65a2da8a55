"""How far long work along the log has come, how fast it goes, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

SHORTEST = 0.001  # seconds; nothing is measured more finely


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate` is in positions of the log per second, `eta` in seconds; None before anything is known about it."""

    view: str
    cube: str | None
    position: int
    upto: int
    rate: float
    eta: float | None


Told = Callable[[Pace], None]


def untold(pace: Pace) -> None:
    """For whoever does not watch."""


class Watch:
    """Of one piece of work: call it with each position that is reached."""

    def __init__(self, view: str, cube: str | None, upto: int, told: Told) -> None:
        self._view, self._cube, self._upto, self._told = view, cube, upto, told
        self._began = time.monotonic()

    def __call__(self, position: int) -> None:
        rate = position / max(self.seconds, SHORTEST)
        left = max(0, self._upto - position)
        self._told(Pace(self._view, self._cube, position, self._upto, rate, left / rate if rate else None))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began
