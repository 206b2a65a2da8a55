"""Waiting for views: a process folds the log from its beginning, and an answer before it has done so would be wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mnemolog.api.parts import Parts
from mnemolog.domain.refusals import ProjectionBehind, Unavailable

PATIENCE = 0.1


def catch_up(
    parts: Parts, views: Sequence[str], position: int | None = None, moved: Callable[[int], None] | None = None
) -> int:
    """Until `views` have applied `position`, by default the log's last; `moved` is told where the slowest is.

    As long as it takes, unless a view is stopped by something. Raises Unavailable.
    """
    wanted = parts.log.head() if position is None else position
    while not _arrived(parts, views, wanted):
        slowest = _slowest(parts, views)
        if moved is not None:
            moved(slowest)
    return wanted


def _arrived(parts: Parts, views: Sequence[str], wanted: int) -> bool:
    try:
        parts.runner.wait(views, wanted, PATIENCE)
    except ProjectionBehind:
        return False
    return True


def _slowest(parts: Parts, views: Sequence[str]) -> int:
    found = [view for view in parts.runner.status() if view.name in views]
    for view in found:
        if view.last_error_code is not None:
            raise Unavailable(reason=f"the view of {view.name} is stopped by {view.last_error_code}")
    return min(view.position for view in found)
