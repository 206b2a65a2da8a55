"""`permissions.decide` over the memories of a cube at once; tests hold the two against each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import (
    NEVER_IMPLIED,
    OWN,
    Action,
    Caller,
    Code,
    CubeLabel,
    Reach,
    Reaches,
    Reading,
    may_use_cube,
)
from mnemolog.projections.cube_scopes import STATES, VISIBILITIES, Chosen, CubeScopes
from mnemolog.projections.wordings import Mask

States = NDArray[np.int32]
CODES = list(Code)
Codes = NDArray[np.int8]  # numbers of CODES
TENANT, SESSION = VISIBILITIES.index(Visibility.TENANT), VISIBILITIES.index(Visibility.SESSION)
CUBE, QUARANTINE = VISIBILITIES.index(Visibility.CUBE), STATES.index(State.GENERATED)


def may_read(cube: CubeScopes, reading: Reading, labels: Chosen, state: States) -> Mask:
    """(n,) what all of those may read who must be allowed to. `labels` are of now, `state` is of then."""
    if cube.cube is None:
        return np.zeros(len(labels.rows), np.bool_)
    mask = _of_tenant(cube, cube.cube, labels)
    for caller, reach in reading.callers:
        if _shut_out(cube.cube, caller, Reaches(reach, reach), Action.READ) is not None:
            return np.zeros(len(labels.rows), np.bool_)
        mask &= _permits_read(cube, caller, reach, labels, state) & _suits(cube, caller, labels)
        mask &= ~_denied(cube, reach, labels)
    return mask


def decided(
    cube: CubeScopes, asked: Sequence[tuple[Caller, Reaches]], action: Action, labels: Chosen, state: States
) -> Codes:
    """(n,) the code for each memory. `asked` are all who must be allowed, the caller first; the first who is not
    allowed says why.
    """
    codes: Codes = np.full(len(labels.rows), CODES.index(Code.ALLOWED), np.int8)
    if cube.cube is None:
        codes[:] = CODES.index(Code.TENANT)
        return codes
    same = _of_tenant(cube, cube.cube, labels)
    for caller, reaches in asked:
        one = _decided(cube, cube.cube, caller, reaches, action, labels, state)
        one[~same] = CODES.index(Code.TENANT)
        codes = np.where(codes == CODES.index(Code.ALLOWED), one, codes)
    return codes


def _decided(
    cube: CubeScopes,
    label: CubeLabel,
    caller: Caller,
    reaches: Reaches,
    action: Action,
    labels: Chosen,
    state: States,
) -> Codes:
    """In the opposite order: what is asked first has the last word."""
    codes: Codes = np.full(len(labels.rows), CODES.index(Code.ALLOWED), np.int8)
    if (code := _shut_out(label, caller, reaches, action)) is not None:
        codes[:] = CODES.index(code)
        return codes
    if action is not Action.READ:
        codes[~_permits(cube, label, caller, action, reaches.action, labels)] = CODES.index(Code.NO_PERMIT)
    bound = (labels["visibility"] == SESSION) & ~_same_session(cube, caller, labels)
    bound &= _reads_cube(label, caller, reaches.read, labels)
    reads = _permits_read(cube, caller, reaches.read, labels, state)
    codes[~reads] = CODES.index(Code.NO_PERMIT)
    codes[~reads & bound] = CODES.index(Code.SESSION)
    codes[~_suits(cube, caller, labels)] = CODES.index(Code.PURPOSE)
    for reach in (reaches.read,) if action is Action.READ else (reaches.read, reaches.action):
        codes[_denied(cube, reach, labels)] = CODES.index(Code.DENIED)
    return codes


def _shut_out(label: CubeLabel, caller: Caller, reaches: Reaches, action: Action) -> Code | None:
    """What is the same for all memories of a cube."""
    if caller.tenant_id != label.tenant_id:
        return Code.TENANT
    if reaches.read.inactive or reaches.action.inactive:
        return Code.INACTIVE
    if caller.scopes is not None and action not in caller.scopes:
        return Code.KEY_SCOPE
    return Code.DENIED if reaches.read.denies_cube or reaches.action.denies_cube else None


def _of_tenant(cube: CubeScopes, label: CubeLabel, labels: Chosen) -> Mask:
    mask: Mask = labels["tenant"] == cube.tenants.find(label.tenant_id)
    return mask


def _permits(cube: CubeScopes, label: CubeLabel, caller: Caller, action: Action, reach: Reach, labels: Chosen) -> Mask:
    mask = (reach.cube >= labels["sensitivity"]) | _permitted_ones(cube, reach, labels)
    if action in NEVER_IMPLIED:
        return mask
    if may_use_cube(caller, label):
        return np.ones(len(labels.rows), np.bool_)
    return mask | _own(cube, caller, labels) if action in OWN else mask


def _permits_read(cube: CubeScopes, caller: Caller, reach: Reach, labels: Chosen, state: States) -> Mask:
    assert cube.cube is not None
    mask = _own(cube, caller, labels) | _listed(cube, caller, labels) | _permitted_ones(cube, reach, labels)
    visibility = labels["visibility"]
    tenant_wide = visibility == TENANT
    mask |= tenant_wide & (state != QUARANTINE)
    open_to_cube = tenant_wide | (visibility == CUBE)
    open_to_cube |= (visibility == SESSION) & _same_session(cube, caller, labels)
    mask |= open_to_cube & _reads_cube(cube.cube, caller, reach, labels)
    return mask


def _reads_cube(label: CubeLabel, caller: Caller, reach: Reach, labels: Chosen) -> Mask:
    if may_use_cube(caller, label):
        return np.ones(len(labels.rows), np.bool_)
    mask: Mask = labels["sensitivity"] <= reach.cube
    return mask


def _same_session(cube: CubeScopes, caller: Caller, labels: Chosen) -> Mask:
    mask: Mask = labels["session"] == cube.sessions.find(caller.session_id)
    return mask


def _own(cube: CubeScopes, caller: Caller, labels: Chosen) -> Mask:
    mask: Mask = labels["owner"] == cube.principals.find(caller.principal_id)
    return mask


def _listed(cube: CubeScopes, caller: Caller, labels: Chosen) -> Mask:
    numbers = cube.lists.get(caller.principal_id)
    if not numbers:
        return np.zeros(len(labels.rows), np.bool_)
    listed = np.zeros(len(cube.readers), np.bool_)
    listed[numbers] = True
    mask: Mask = listed[labels["readers"]]
    return mask


def _permitted_ones(cube: CubeScopes, reach: Reach, labels: Chosen) -> Mask:
    if not reach.memories:
        return np.zeros(len(labels.rows), np.bool_)
    permitted = np.full(len(cube.ids), -1, np.int8)
    for memory_id, sensitivity in reach.memories.items():
        if (memory := cube.ids.find(memory_id)) is not None:
            permitted[memory] = sensitivity
    mask: Mask = permitted[labels["memory"]] >= labels["sensitivity"]
    return mask


def _denied(cube: CubeScopes, reach: Reach, labels: Chosen) -> Mask:
    if not reach.denied:
        return np.zeros(len(labels.rows), np.bool_)
    denied = np.zeros(len(cube.ids), np.bool_)
    for memory_id in reach.denied:
        if (memory := cube.ids.find(memory_id)) is not None:
            denied[memory] = True
    mask: Mask = denied[labels["memory"]]
    return mask


def _suits(cube: CubeScopes, caller: Caller, labels: Chosen) -> Mask:
    suits = np.array([not purposes or caller.purpose in purposes for purposes in cube.purposes], np.bool_)
    if suits.all():
        return np.ones(len(labels.rows), np.bool_)
    mask: Mask = suits[labels["purposes"]] | _own(cube, caller, labels)
    return mask
