"""What is told about views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from mnemolog.projections.parking import Parked
from mnemolog.projections.runner import ViewStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOfCube:
    """A cube in a view: `memories` is None unless it is in memory, and `kept` says whether it has a file.

    `memories` is about how many there are, `idle` the seconds since the last question, and `unkept` the events since
    its file was written.
    """

    cube_id: UUID
    name: str
    kept: bool
    memories: int | None
    idle: float | None
    unkept: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewAnswer:
    """`cubes` are those of the caller that are in memory or have a file; it is None for a table in Postgres."""

    name: str
    version: int
    position: int
    lag: int
    parked: tuple[Parked, ...]
    last_error_code: str | None
    resident_cubes: int | None
    resident_memories: int | None
    cubes: list[ViewOfCube] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """`position` is that of the view when it was done, and `events` are those that were folded."""

    view: str
    cube_id: UUID | None
    position: int
    events: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """At `position`, the last that concerns it, the view was what the log says."""

    view: str
    cube_id: UUID | None
    position: int
    seconds: float


def answer(status: ViewStatus, cubes: Sequence[ViewOfCube] | None) -> ViewAnswer:
    resident = None if cubes is None else [each.memories for each in cubes if each.memories is not None]
    return ViewAnswer(
        name=status.name,
        version=status.version,
        position=status.position,
        lag=status.lag,
        parked=status.parked,
        last_error_code=status.last_error_code,
        resident_cubes=None if resident is None else len(resident),
        resident_memories=None if resident is None else sum(resident),
        cubes=None if cubes is None else [*cubes],
    )
