"""Who may do what: the triple check of a principal, a memory and a context. Default deny; a deny beats every permit.

What is written here holds for every tenant: who owns, who administers, what visibility, purpose and session mean. What
people grant each other comes on top of it as a `Reach`, which is made of grants (`mnemolog.domain.policy`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.retention import has_expired


class Action(StrEnum):
    READ = "read"
    WRITE = "write"
    MERGE = "merge"
    SHARE = "share"
    ADMINISTER = "administer"
    TRAIN_ON = "train_on"
    CACHE = "cache"
    EXPORT = "export"
    ERASE = "erase"


OWN = frozenset({Action.SHARE, Action.EXPORT, Action.ERASE})  # what the owner of a memory may do, wherever it is
USES = frozenset({Action.READ, Action.MERGE, Action.TRAIN_ON, Action.CACHE, Action.EXPORT})  # of what is in a memory
NEVER_IMPLIED = frozenset({Action.TRAIN_ON, Action.CACHE})  # by no role and by no other action


class Code(StrEnum):
    """Why a decision is what it is, in the order in which it is asked."""

    ALLOWED = "allowed"
    TENANT = "tenant"
    INACTIVE = "inactive"
    KEY_SCOPE = "key_scope"
    DENIED = "denied"
    PURPOSE = "purpose"
    SESSION = "session"
    NO_PERMIT = "no_permit"
    ERASED = "erased"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal in its context. Who it is comes from the credential, never from a request's body.

    `on_behalf_of` is the user for whom an agent acts: both must be allowed. `scopes` None is a key without limits.
    """

    principal_id: UUID
    tenant_id: UUID
    subject_id: UUID
    kind: PrincipalKind = PrincipalKind.USER
    administrator: bool = False
    session_id: UUID | None = None
    request_id: UUID | None = None
    on_behalf_of: UUID | None = None
    scopes: frozenset[Action] | None = None
    purpose: str | None = None
    app: str | None = None
    address: str | None = None
    key_id: UUID | None = field(default=None, compare=False)  # with which it was authenticated; decides nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """In which a question about permissions is asked: what a request would have said."""

    purpose: str | None = None
    session_id: UUID | None = None
    address: str | None = None
    app: str | None = None
    on_behalf_of: UUID | None = None

    @classmethod
    def of(cls, caller: Caller) -> Context:
        return cls(
            purpose=caller.purpose,
            session_id=caller.session_id,
            address=caller.address,
            app=caller.app,
            on_behalf_of=caller.on_behalf_of,
        )

    def around(self, caller: Caller) -> Caller:
        return replace(
            caller,
            purpose=self.purpose,
            session_id=self.session_id,
            address=self.address,
            app=self.app,
            on_behalf_of=self.on_behalf_of,
        )


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
    sensitivity: Sensitivity = Sensitivity.PERSONAL
    purposes: tuple[str, ...] = ()
    memory_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How far grants reach for one principal, action and cube, in one context.

    `cube` is up to which sensitivity a grant on the cube or the tenant permits, -1 for not at all, and `memories` the
    same for single ones; `denied` are single memories, `denies_cube` all.
    """

    cube: int = -1
    memories: Mapping[UUID, int] = field(default_factory=dict)
    denies_cube: bool = False
    denied: frozenset[UUID] = frozenset()
    inactive: bool = False
    valid_until: datetime | None = None

    def permits(self, memory: MemoryLabel) -> bool:
        return self.cube >= memory.sensitivity or self.permits_one(memory)

    def permits_one(self, memory: MemoryLabel) -> bool:
        return memory.memory_id is not None and self.memories.get(memory.memory_id, -1) >= memory.sensitivity

    def denies(self, memory: MemoryLabel) -> bool:
        return self.denies_cube or memory.memory_id in self.denied

    @property
    def denials(self) -> Reach:
        """Only what it forbids: what is left of it for somebody to whom nothing was granted."""
        return replace(self, cube=-1, memories={})


NOTHING = Reach()


@dataclass(frozen=True, slots=True)
class Reaches:
    """Of the action that is asked, and of reading, which every other action needs too."""

    action: Reach = NOTHING
    read: Reach = NOTHING

    @property
    def denials(self) -> Reaches:
        return Reaches(self.action.denials, self.read.denials)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Everybody who must be allowed to read, the caller first, each with how far grants reach for it. `epoch` is the
    position of the last change of those grants.
    """

    callers: tuple[tuple[Caller, Reach], ...]
    epoch: int = 0

    @classmethod
    def of(cls, caller: Caller | Reading) -> Reading:
        return caller if isinstance(caller, Reading) else cls(((caller, NOTHING),))

    @property
    def caller(self) -> Caller:
        return self.callers[0][0]

    @property
    def key(self) -> Hashable:
        """Equal for those who are shown the same, as long as no time limit passes."""
        return self.epoch, tuple(replace(caller, request_id=None) for caller, _ in self.callers)

    @property
    def until(self) -> datetime | None:
        """When the next time limit of a grant passes."""
        return min((reach.valid_until for _, reach in self.callers if reach.valid_until is not None), default=None)


def may_use_cube(caller: Caller, cube: CubeLabel) -> bool:
    """The owner of a cube and the administrators of its tenant read and write it."""
    return caller.tenant_id == cube.tenant_id and (caller.administrator or caller.principal_id == cube.owner_id)


def may(caller: Caller, action: Action, memory: MemoryLabel, cube: CubeLabel, reaches: Reaches = Reaches()) -> bool:
    return decide(caller, action, memory, cube, reaches) is Code.ALLOWED


def decide(caller: Caller, action: Action, memory: MemoryLabel, cube: CubeLabel, reaches: Reaches = Reaches()) -> Code:
    """For the caller alone: whoever acts on behalf of another is allowed if both are."""
    if caller.tenant_id != memory.tenant_id or memory.tenant_id != cube.tenant_id:
        return Code.TENANT
    if reaches.read.inactive or reaches.action.inactive:
        return Code.INACTIVE
    if caller.scopes is not None and action not in caller.scopes:
        return Code.KEY_SCOPE
    if reaches.read.denies(memory) or reaches.action.denies(memory):
        return Code.DENIED
    if not suits_purpose(caller, memory):
        return Code.PURPOSE
    if not _permits_read(caller, memory, cube, reaches.read):
        return Code.SESSION if _is_of_another_session(caller, memory, cube, reaches.read) else Code.NO_PERMIT
    if action is Action.READ or _permits(caller, action, memory, cube, reaches.action):
        return Code.ALLOWED
    return Code.NO_PERMIT


def outlived(code: Code, action: Action, state: State, expires_at: datetime | None, now: datetime) -> Code:
    """What is left of a decision about a memory that is erased, or whose time has passed."""
    if code is Code.ALLOWED and state is State.ERASED:
        return Code.ERASED
    if code is Code.ALLOWED and action in USES and has_expired(expires_at, now):
        return Code.EXPIRED
    return code


def suits_purpose(caller: Caller, memory: MemoryLabel) -> bool:
    """A memory with purposes is used for those alone, except by its owner."""
    return not memory.purposes or caller.principal_id == memory.owner_id or caller.purpose in memory.purposes


def _permits(caller: Caller, action: Action, memory: MemoryLabel, cube: CubeLabel, reach: Reach) -> bool:
    if reach.permits(memory):
        return True
    if action in NEVER_IMPLIED:
        return False
    return may_use_cube(caller, cube) or (action in OWN and caller.principal_id == memory.owner_id)


def _permits_read(caller: Caller, memory: MemoryLabel, cube: CubeLabel, reach: Reach) -> bool:
    if caller.principal_id == memory.owner_id or caller.principal_id in memory.access_control:
        return True
    if reach.permits_one(memory):
        return True
    if memory.visibility is Visibility.TENANT and memory.state is not State.GENERATED:
        return True
    if memory.visibility in (Visibility.TENANT, Visibility.CUBE):  # quarantine is looked into by its cube alone
        return _reads_cube(caller, memory, cube, reach)
    return (
        memory.visibility is Visibility.SESSION
        and _same_session(caller, memory)
        and _reads_cube(caller, memory, cube, reach)
    )


def _reads_cube(caller: Caller, memory: MemoryLabel, cube: CubeLabel, reach: Reach) -> bool:
    return may_use_cube(caller, cube) or reach.cube >= memory.sensitivity


def _is_of_another_session(caller: Caller, memory: MemoryLabel, cube: CubeLabel, reach: Reach) -> bool:
    bound = memory.visibility is Visibility.SESSION and not _same_session(caller, memory)
    return bound and _reads_cube(caller, memory, cube, reach)


def _same_session(caller: Caller, memory: MemoryLabel) -> bool:
    return caller.session_id is not None and caller.session_id == memory.session_id
