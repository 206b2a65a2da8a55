"""Cubes brought into memory by whoever has the patience to wait for it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from mnemolog.domain.refusals import ProjectionBehind
from mnemolog.projections.cube_fold import AnyCubeFold
from mnemolog.projections.residence import Residence


def wake(residence: Residence, view: AnyCubeFold, cube_id: UUID, moved: Callable[[int], None]) -> None:
    """However long it takes, as long as it moves. Raises ProjectionBehind."""
    reached = -1
    while not view.is_held(cube_id):
        try:
            residence.wake(view, cube_id)
        except ProjectionBehind as behind:
            if behind.facts["position"] <= reached:
                raise
            reached = behind.facts["position"]
            moved(reached)
