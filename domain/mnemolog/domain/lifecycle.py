"""The life of a memory: the states, and the one table of the ways between them."""

from __future__ import annotations

from enum import StrEnum

from mnemolog.domain.refusals import IllegalTransition


class State(StrEnum):
    GENERATED = "generated"  # quarantine: recalled only in the session that made it
    ACTIVATED = "activated"
    MERGED = "merged"
    ARCHIVED = "archived"
    FROZEN = "frozen"
    ERASED = "erased"


class Reason(StrEnum):
    """Why a memory was archived."""

    MANUAL = "manual"
    EXPIRED = "expired"
    CAPACITY = "capacity"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    RETRACTED = "retracted"


# (from, to): the name of the event that records the step.
TRANSITIONS: dict[tuple[State, State], str] = {
    (State.GENERATED, State.ACTIVATED): "activated",
    (State.ACTIVATED, State.MERGED): "merged",
    (State.GENERATED, State.ARCHIVED): "archived",
    (State.ACTIVATED, State.ARCHIVED): "archived",
    (State.MERGED, State.ARCHIVED): "archived",
    (State.ACTIVATED, State.FROZEN): "frozen",
    (State.ARCHIVED, State.FROZEN): "frozen",
    (State.FROZEN, State.ACTIVATED): "thawed",
    (State.ARCHIVED, State.ACTIVATED): "restored",
    (State.MERGED, State.ACTIVATED): "unmerged",
    **{(state, State.ERASED): "erased" for state in State if state is not State.ERASED},
}

RECALLABLE = frozenset({State.ACTIVATED, State.FROZEN})
EDITABLE = frozenset({State.GENERATED, State.ACTIVATED})


def step(state: State, target: State) -> str:
    """The name of the event that takes a memory from `state` to `target`. Raises IllegalTransition."""
    try:
        return TRANSITIONS[state, target]
    except KeyError:
        raise IllegalTransition(state=state, target=target) from None
