"""Who may do what. Default deny; every rule that permits is written here.

This is the floor of the triple check (principal, memory, context): tenant, ownership and visibility.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.principal import PrincipalKind


class Action(StrEnum):
    READ = "read"
    WRITE = "write"
    MERGE = "merge"
    ADMINISTER = "administer"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal in its context. Made from a credential, never from a request's body."""

    principal_id: UUID
    tenant_id: UUID
    subject_id: UUID
    kind: PrincipalKind = PrincipalKind.USER
    administrator: bool = False
    session_id: UUID | None = None
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CubeLabel:
    tenant_id: UUID
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class MemoryLabel:
    """What a permission decision needs to know about a memory, besides its cube."""

    tenant_id: UUID
    owner_id: UUID
    state: State
    visibility: Visibility
    session_id: UUID | None = None
    access_control: tuple[UUID, ...] = ()


def may_use_cube(caller: Caller, cube: CubeLabel) -> bool:
    """The owner of a cube and the administrators of its tenant read and write it."""
    return caller.tenant_id == cube.tenant_id and (caller.administrator or caller.principal_id == cube.owner_id)


def may(caller: Caller, action: Action, memory: MemoryLabel, cube: CubeLabel) -> bool:
    if caller.tenant_id != memory.tenant_id or memory.tenant_id != cube.tenant_id:
        return False
    if action is Action.READ:
        return _may_read(caller, memory, cube)
    return may_use_cube(caller, cube) and _may_read(caller, memory, cube)


def _may_read(caller: Caller, memory: MemoryLabel, cube: CubeLabel) -> bool:
    if caller.principal_id == memory.owner_id or caller.principal_id in memory.access_control:
        return True
    if memory.visibility is Visibility.TENANT and memory.state is not State.GENERATED:
        return True
    if memory.visibility in (Visibility.TENANT, Visibility.CUBE):  # quarantine is looked into by its cube alone
        return may_use_cube(caller, cube)
    return memory.visibility is Visibility.SESSION and _same_session(caller, memory) and may_use_cube(caller, cube)


def _same_session(caller: Caller, memory: MemoryLabel) -> bool:
    return caller.session_id is not None and caller.session_id == memory.session_id
