"""Where a memory comes from and what was made of it: sources, merges, derived forms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from mnemolog.adapters.postgres.lineage import Lineages
from mnemolog.api.accesses import audited, current
from mnemolog.api.disclosure import disclose, disclose_one, readable
from mnemolog.api.lineage_answers import DerivationAnswer, LineageAnswer, LineageNode
from mnemolog.api.parts import CATALOGUE, Parts
from mnemolog.domain.lineage import Walk, ascend, child_of, descend, parent_of
from mnemolog.domain.permissions import Caller

MOST = 1000  # memories in either direction


@audited("lineage")
class Lineage:
    """Nobody is led through a memory that they may not read, and nothing tells that there is one."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def __call__(self, memory_id: UUID, *, at_least: int | None = None) -> LineageAnswer:
        """Raises MemoryNotFound, MemoryErased, MemoryExpired, InvalidPosition, ProjectionBehind."""
        self._parts.wait(CATALOGUE, at_least)
        position = self._parts.catalogue.position
        asked = disclose_one(self._parts, self._caller, memory_id)
        above, below = self._walks(memory_id)
        steps = _steps(memory_id, above, below)
        disclosed = {memory_id: asked, **disclose(self._parts, self._caller, [*steps])}
        nodes = [LineageNode.of(disclosed[each], steps[each]) for each in steps if each in disclosed]
        derivations = sorted({*above.derivations, *below.derivations}, key=lambda each: (each.position, *each))
        current().tell([node.memory_id for node in nodes], position)
        return LineageAnswer(
            nodes=nodes,
            derivations=[DerivationAnswer.of(each) for each in derivations if {*each[:2]} <= disclosed.keys()],
            complete=above.complete and below.complete,
            position=position,
        )

    def _walks(self, memory_id: UUID) -> tuple[Walk, Walk]:
        lineages = Lineages(self._parts.application.datastore, self._caller.tenant_id)

        def shown(memory_ids: Sequence[UUID]) -> Collection[UUID]:
            return readable(self._parts, self._caller, memory_ids)

        above = ascend([memory_id], lineages.origins, shown, MOST)
        return above, descend({memory_id: 0}, lineages.derived, shown, MOST)


def _steps(memory_id: UUID, above: Walk, below: Walk) -> dict[UUID, int]:
    """The memory, then from the nearest to the furthest."""
    up = {each: -len(above.path(each, child_of, {memory_id})) for each in above.over}
    down = {each: len(below.path(each, parent_of, {memory_id})) for each in below.over}
    found = {**down, **up, memory_id: 0}
    return dict(sorted(found.items(), key=lambda each: abs(each[1])))
