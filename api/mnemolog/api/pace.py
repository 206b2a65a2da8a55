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
    """Of one piece of work, from position `since` on: call it with each position that is reached."""

    def __init__(self, view: str, cube: str | None, upto: int, told: Told, since: int = 0) -> None:
        self._view, self._cube, self._upto, self._told, self._since = view, cube, upto, told, since
        self._began = time.monotonic()

    def __call__(self, position: int) -> None:
        rate = (position - self._since) / max(self.seconds, SHORTEST)
        left = max(0, self._upto - position)
        self._told(Pace(self._view, self._cube, position, self._upto, rate, left / rate if rate else None))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


class Stages:
    """Several pieces of work along the same log, one after another, as one: its positions are those of all of them."""

    def __init__(self, count: int, upto: int, told: Told) -> None:
        self._count, self._upto, self._told = count, upto, told
        self._began, self._first = time.monotonic(), 0
        self._moved = False

    def stage(self, number: int, view: str, cube: str | None, after: int) -> Callable[[int], None]:
        """For the stage with this number, from 0, which goes on after a position."""
        if not self._moved:
            self._first = number * self._upto + after

        def moved(position: int) -> None:
            self._moved = True
            done, every = number * self._upto + position, self._count * self._upto
            rate = (done - self._first) / max(time.monotonic() - self._began, SHORTEST)
            self._told(Pace(view, cube, done, every, rate, (every - done) / rate if rate else None))

        return moved
