"""What memories were made from and what was made from them, as far as somebody is shown it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID


class Derivation(NamedTuple):
    """`relation` is `merged_to` or `derived_from`; `position` is that of the event that says so."""

    child_id: UUID
    parent_id: UUID
    relation: str
    position: int


Range = tuple[int, int]  # low <= position < high
Around = Callable[[Sequence[UUID]], Sequence[Derivation]]
Shown = Callable[[Sequence[UUID]], Collection[UUID]]


@dataclass(slots=True)
class Walk:
    """What was reached. `since` has the starts too; `over` has for each memory the first derivation that led to it.

    `complete` is false when there is more than was asked for.
    """

    since: dict[UUID, int]
    over: dict[UUID, Derivation] = field(default_factory=dict)
    derivations: dict[Derivation, None] = field(default_factory=dict)
    complete: bool = True

    def path(self, memory_id: UUID, near: Callable[[Derivation], UUID], starts: Collection[UUID]) -> list[Derivation]:
        """From a start to a memory that was reached."""
        found: list[Derivation] = []
        while memory_id not in starts:
            found.append(self.over[memory_id])
            memory_id = near(found[-1])
        return found[::-1]


parent_of: Callable[[Derivation], UUID] = attrgetter("parent_id")
child_of: Callable[[Derivation], UUID] = attrgetter("child_id")


def everything(memory_ids: Sequence[UUID]) -> Collection[UUID]:
    return memory_ids


def descend(
    starts: Mapping[UUID, int],
    around: Around,
    shown: Shown = everything,
    most: int | None = None,
    clean: Mapping[UUID, Sequence[Range]] = MappingProxyType({}),
) -> Walk:
    """What was made from the starts, of each from its position on: what was made before cannot contain what came then.

    In the ranges that are `clean`, a start had nothing in it either. `around` gives what was made from some memories.
    Nobody is led through what is not shown.
    """
    walk, front, without = Walk(dict(starts)), list(starts), dict(clean)
    while front and walk.complete:
        found = [each for each in around(front) if _has_something(each, walk.since, without)]
        front = _reach(walk, found, child_of, shown, most)
        again = [memory_id for memory_id in without if memory_id in walk.over]  # it has something by another way too
        front += [memory_id for memory_id in again if without.pop(memory_id) and memory_id not in front]
    return walk


def _has_something(each: Derivation, since: Mapping[UUID, int], clean: Mapping[UUID, Sequence[Range]]) -> bool:
    ranges = clean.get(each.parent_id, ())
    return each.position >= since[each.parent_id] and not any(low <= each.position < high for low, high in ranges)


def ascend(starts: Collection[UUID], around: Around, shown: Shown = everything, most: int | None = None) -> Walk:
    """What the starts were made from. `around` gives what some memories were made from."""
    walk, front = Walk(dict.fromkeys(starts, 0)), list(starts)
    while front and walk.complete:
        front = _reach(walk, around(front), parent_of, shown, most)
    return walk


def _reach(
    walk: Walk, found: Sequence[Derivation], end: Callable[[Derivation], UUID], shown: Shown, most: int | None
) -> list[UUID]:
    """Where to go on: what is new, or is reached from an earlier position than before."""
    new = [memory_id for memory_id in dict.fromkeys(map(end, found)) if memory_id not in walk.since]
    seen = {*walk.since, *shown(new)}
    front: dict[UUID, None] = {}
    for each in sorted((each for each in found if end(each) in seen), key=attrgetter("position")):
        memory_id = end(each)
        if memory_id not in walk.since and most is not None and len(walk.over) >= most:
            walk.complete = False
            continue
        walk.derivations[each] = None
        walk.over.setdefault(memory_id, each)
        if each.position < walk.since.get(memory_id, each.position + 1):
            walk.since[memory_id] = each.position
            front[memory_id] = None
    return list(front)
