"""What somebody may take away of a cube: which memories, what opens them, and what a model made of their texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from mnemolog.adapters.bundle_files import MOST_EVENTS, WORDED
from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.api.accesses import audited, current
from mnemolog.api.disclosure import disclose_keys
from mnemolog.api.moments import At, moment_of
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator, reaches
from mnemolog.domain.log import Selection, pages
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import CubeNotFound, Denied, Invalid
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.vectors import wording

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """`unreadable` are memories that come along without a key. `worded` are the positions of the texts, in the order of
    `vectors`. `left_out` is None for whoever may not know how much is hidden.
    """

    cube: CubeRow
    position: int
    keys: Mapping[UUID, bytes]
    unreadable: frozenset[UUID]
    left_out: int | None
    worded: list[int]
    vectors: Vectors | None

    @property
    def memories(self) -> frozenset[UUID]:
        return self.unreadable | self.keys.keys()


@audited("bundles")
class Taking:
    """Its answer is on record before anything of it is in a file."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def dump(self, cube: str | UUID, at: At, with_keys: bool) -> Taken:
        """Raises CubeNotFound, Denied, InvalidPosition, ProjectionBehind, and Invalid for too many events."""
        if not reaches(self._caller, Action.EXPORT):
            raise Denied(action="export with this key")
        self._parts.wait(CATALOGUE)
        row = self._parts.cube(self._caller, cube)
        moment = None if at is None else moment_of(self._parts, self._caller, at)
        position = self._parts.log.head() if moment is None else moment.position
        if position < row.position:
            raise CubeNotFound(cube=cube)
        self._parts.wait(CATALOGUE, position)
        texts = dict(self._texts(row.cube_id, position))
        all_ids = list(dict.fromkeys(memory_id for memory_id, _ in texts.values()))
        keys, unreadable = disclose_keys(self._parts, self._caller, all_ids, moment)
        if not with_keys:
            keys, unreadable = {}, unreadable | keys.keys()
        worded = [position for position, (memory_id, _) in texts.items() if memory_id in keys]
        vectors = self._vectors([texts[place] for place in worded]) if with_keys else None
        current().asks([row.cube_id], moment)
        current().tell([*keys, *sorted(unreadable)], position)
        hidden = len(all_ids) - len(keys) - len(unreadable)
        left_out = hidden if is_administrator(self._caller) else None
        return Taken(row, position, keys, unreadable, left_out, worded, vectors)

    def _texts(self, cube_id: UUID, position: int) -> Iterator[tuple[int, tuple[UUID, str]]]:
        """Of erased memories too, where they are empty."""
        wanted = Selection(tenant_id=self._caller.tenant_id, cube_id=cube_id, types=WORDED)
        found = 0
        for page in pages(self._parts.log, 0, position, PAGE, wanted):
            if (found := found + len(page)) > MOST_EVENTS:
                raise Invalid(reason=f"the cube has more than the {MOST_EVENTS} events that a dump can hold")
            for event in page:
                assert event.memory_id is not None
                yield event.position, (event.memory_id, "" if event.erased else wording(event.data))

    def _vectors(self, texts: list[tuple[UUID, str]]) -> Vectors:
        embeddings = self._parts.embeddings
        parts = [embeddings.vectors(texts[start : start + PAGE]) for start in range(0, len(texts), PAGE)]
        return np.concatenate([np.empty((0, embeddings.embedder.dimensions), np.float32), *parts])
