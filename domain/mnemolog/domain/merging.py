"""Many memories into one, and back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mnemolog.domain.lifecycle import Reason, State, step
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import MAX_SOURCES, MAX_TAGS, Description, Source, join
from mnemolog.domain.refusals import CannotMerge, MemoryExpired
from mnemolog.domain.retention import has_expired


def merge(
    parents: tuple[Memory, ...], text: str, owner_id: UUID, now: datetime, description: Description | None = None
) -> Memory:
    """One activated memory in place of several, which stay as its parents: save them all together, or none.

    Labels join: never less sensitive, more visible, longer lived or more trusted than any parent.
    Raises CannotMerge, IllegalTransition, MemoryExpired, InvalidMetadata, InvalidText; then no parent has changed.
    """
    _check_mergeable(parents, now)
    expiries = [parent.expires_at for parent in parents if parent.expires_at is not None]
    result = Memory.generate(
        tenant_id=parents[0].tenant_id,
        cube_id=_cube_of(parents[0]),
        subject_ids=tuple(sorted({subject for parent in parents for subject in parent.subject_ids})),
        text=text,
        governance=join([parent.governance for parent in parents], owner_id),
        description=description or _joined_description(parents),
        occurred_at=max(parent.occurred_at for parent in parents),
        expires_at=min(expiries, default=None),
        parents=parents,
    )
    result.activate(gate="merge")
    for parent in parents:
        parent.merge_into(result)
    return result


def retract_merge(result: Memory, parents: tuple[Memory, ...]) -> None:
    """Undo a merge: the parents that are still merged come back, the result is archived.

    Raises CannotMerge, IllegalTransition; then nothing has changed.
    """
    if result.governance.source is not Source.MERGE:
        raise CannotMerge(reason="the memory to retract is not the result of a merge")
    if result.state is State.MERGED:
        raise CannotMerge(reason="the result was itself merged; retract that merge first")
    result.archive(Reason.RETRACTED)
    for parent in parents:
        if parent.state is State.MERGED and (result.id, Relation.MERGED_TO) in parent.links:
            parent.transition_state(State.ACTIVATED)


def _check_mergeable(parents: tuple[Memory, ...], now: datetime) -> None:
    if len({parent.id for parent in parents}) < max(2, len(parents)):
        raise CannotMerge(reason="at least two different memories are needed")
    if len({(parent.tenant_id, parent.cube_id) for parent in parents}) > 1:
        raise CannotMerge(reason="they belong to different cubes")
    for parent in parents:
        if has_expired(parent.expires_at, now):
            raise MemoryExpired(memory_id=parent.id, expires_at=parent.expires_at)
        step(parent.state, State.MERGED)


def _joined_description(parents: tuple[Memory, ...]) -> Description:
    tags = dict.fromkeys(tag for parent in parents for tag in parent.description.tags)
    sources = dict.fromkeys(source for parent in parents for source in parent.description.sources)
    return Description(tags=tuple(tags)[:MAX_TAGS], sources=tuple(sources)[:MAX_SOURCES])


def _cube_of(memory: Memory) -> UUID:
    if memory.cube_id is None:  # pragma: no cover - a memory is never made without one
        raise CannotMerge(reason="they belong to no cube")
    return memory.cube_id
