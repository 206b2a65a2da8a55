"""What can be asked of a memory, as data: the same for Python, REST and the command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description, Governance, MemoryType, SemanticType, Sensitivity, Source, Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.domain.provenance import source_for
from mnemolog.domain.retention import expiry

DESCRIPTION = ("key", "tags", "background", "sources", "speaker")
GOVERNANCE = (
    "memory_type",
    "semantic_type",
    "priority",
    "sensitivity",
    "purposes",
    "visibility",
    "access_control",
    "context_id",
    "confidence",
    "valid_from",
    "valid_to",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """A new memory. What is None is decided by the cube, by the credential or by rule."""

    text: str
    key: str | None = None
    tags: tuple[str, ...] = ()
    background: str | None = None
    sources: tuple[str, ...] = ()
    speaker: str | None = None
    memory_type: MemoryType = MemoryType.LONG_TERM
    semantic_type: SemanticType = SemanticType.FACT
    source: Source | None = None
    priority: int = 5
    sensitivity: Sensitivity = Sensitivity.PERSONAL
    purposes: tuple[str, ...] = ()
    visibility: Visibility = Visibility.CUBE
    access_control: tuple[UUID, ...] = ()
    context_id: UUID | None = None
    confidence: float = 1.0
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    occurred_at: datetime | None = None
    ttl: timedelta | None = None
    expires_at: datetime | None = None
    subject_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revise:
    """A change of a memory: the fields named in `changed`, and no other."""

    changed: frozenset[str]
    text: str | None = None
    description: Description = Description()
    governance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CubeRules:
    """What of a cube decides about a new memory."""

    tenant_id: UUID
    cube_id: UUID
    owner_id: UUID
    subject_id: UUID
    config: CubeConfig


def remember(command: Remember, cube: CubeRules, caller: Caller, now: datetime) -> Memory:
    """The new memory, activated when the cube's gate lets it. Raises Invalid and its kin."""
    ttl = command.ttl
    if ttl is None and command.expires_at is None and cube.config.default_ttl_seconds is not None:
        ttl = timedelta(seconds=cube.config.default_ttl_seconds)
    memory = Memory.generate(
        tenant_id=cube.tenant_id,
        cube_id=cube.cube_id,
        subject_ids=(command.subject_id or cube.subject_id,),
        text=command.text,
        description=Description(**{name: getattr(command, name) for name in DESCRIPTION}),
        governance=Governance(
            owner_id=caller.principal_id,
            source=source_for(caller.kind, command.source),
            session_id=caller.session_id,
            **{name: getattr(command, name) for name in GOVERNANCE},
        ),
        occurred_at=command.occurred_at or now,
        expires_at=expiry(now, ttl, command.expires_at),
    )
    if (gate := gate_opened(cube, caller)) is not None:
        memory.activate(gate)
    return memory


def gate_opened(cube: CubeRules, caller: Caller) -> str | None:
    """What lets a memory of this writer out of quarantine at once; None when it has to wait."""
    if cube.config.gate is Gate.OPEN:
        return "open"
    if cube.config.gate is Gate.OWNER and caller.principal_id == cube.owner_id:
        return "owner"
    return None


def revise(memory: Memory, command: Revise, now: datetime) -> bool:
    """Whether anything changed."""
    described = {name: getattr(command.description, name) for name in DESCRIPTION if name in command.changed}
    return memory.revise(
        now,
        text=command.text if "text" in command.changed else None,
        description=replace(memory.description, **described),
        governance=replace(memory.governance, **command.governance),
    )


def corroborate(memory: Memory, cube: CubeRules, caller: Caller) -> None:
    """A further writer says the same; enough of them open the gate of a cube that waits for that."""
    memory.corroborate(caller.principal_id)
    enough = memory.standing.corroborations >= cube.config.corroborations
    if cube.config.gate is Gate.CORROBORATION and enough and memory.state == "generated":
        memory.activate("corroboration")
