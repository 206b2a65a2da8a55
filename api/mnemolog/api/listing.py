"""Which memories of a cube a list shows, one after the other.

What is said of memories in the clear is looked up with their rows, personal labels are asked of the view that has them,
and both count as of one position. The scopes are not asked: they leave out what recall leaves out, such as archived
memories, which a list shows. A memory that the caller may not read takes no place, so that neither a short page nor a
cursor tells of it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from mnemolog.adapters.postgres.directory import ListedRow, MemoryFilter
from mnemolog.api.disclosure import Disclosed, disclose
from mnemolog.api.moments import Moment
from mnemolog.api.parts import CATALOGUE, Parts
from mnemolog.domain.permissions import Caller
from mnemolog.projections.filters import PERSONAL, AllOf, AnyOf, Condition, Filter, Not, Operator, mask
from mnemolog.projections.wordings import Mask

LABELLED = (*CATALOGUE, "labels")
MOST_AT_ONCE = 1000
_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
}


@dataclass(frozen=True, slots=True)
class Listing:
    cube_id: UUID
    wanted: MemoryFilter
    filter: Filter | None
    moment: Moment

    def question(self, *, past: bool) -> str:
        """What a cursor belongs to. `repr` tells `and` from `or`, which look the same in JSON."""
        position = self.moment.position if past else ""
        return f"{self.cube_id}:{position}:{orjson.dumps(asdict(self.wanted)).decode()}:{self.filter!r}"


def views_for(wanted: Filter | None) -> tuple[str, ...]:
    """The views that a list needs: what is asked in the clear needs no view of personal labels."""
    return CATALOGUE if wanted is None or not _fields(wanted) & PERSONAL else LABELLED


def reached(parts: Parts, views: Sequence[str]) -> int:
    """The position that all of these views have come to."""
    catalogue = parts.catalogue.position
    return min(catalogue, parts.views.labels.position) if views == LABELLED else catalogue


def listed(parts: Parts, caller: Caller, asked: Listing, after: int, at_first: int) -> Iterator[Disclosed]:
    """In the order they were made. `at_first` rows are read to begin with, and more at once the longer it takes."""
    size, moment = at_first, asked.moment
    while True:
        position = moment.position
        rows = parts.directory.memory_page(asked.cube_id, asked.wanted, moment.clock, after, size, position)
        chosen = [row.memory_id for row in _chosen(parts, asked, rows)]
        disclosed = disclose(parts, caller, chosen, moment) if chosen else {}
        yield from (disclosed[memory_id] for memory_id in chosen if memory_id in disclosed)
        if len(rows) < size:
            return
        after, size = rows[-1].created_position, min(2 * size, MOST_AT_ONCE)


def _chosen(parts: Parts, asked: Listing, rows: Sequence[ListedRow]) -> Sequence[ListedRow]:
    if asked.filter is None:
        return rows

    def holds(condition: Condition) -> Mask:
        if condition.field in PERSONAL:
            positions = np.array([row.text_position for row in rows], np.int64)
            return parts.views.labels.holds(asked.cube_id, condition, positions, asked.moment.position)
        return np.array([_fulfils(getattr(row, condition.field), condition) for row in rows], np.bool_)

    return [*compress(rows, mask(asked.filter, holds))]


def _fulfils(value: Any, condition: Condition) -> bool:
    compare = _COMPARE.get(condition.operator)
    return value in condition.values if compare is None else compare(value, condition.values[0])


def _fields(wanted: Filter) -> frozenset[str]:
    match wanted:
        case Condition(field):
            return frozenset({field})
        case Not(part):
            return _fields(part)
        case AllOf(parts) | AnyOf(parts):
            return frozenset().union(*map(_fields, parts))
