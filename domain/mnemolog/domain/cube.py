"""A cube: a space of memories with one owner, one set of rules and one index of its own."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_label
from mnemolog.domain.identity import new_id
from mnemolog.domain.metadata import MemoryType
from mnemolog.domain.refusals import Invalid, InvalidMetadata

# A name is an address, not a description: it is stored in the clear and must say nothing about a person.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
DEFAULT_CAPACITIES = {MemoryType.WORKING: 20, MemoryType.LONG_TERM: 1500, MemoryType.USER: 480}
MAX_CAPACITY = 1_000_000_000
MAX_CORROBORATIONS = 1_000


class Gate(StrEnum):
    """What lets a new memory out of quarantine."""

    OWNER = "owner"  # at once, when the owner of the cube writes it; otherwise a reviewer
    OPEN = "open"  # at once, whoever may write
    CORROBORATION = "corroboration"  # when `corroborations` independent writers have said it


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeConfig:
    """`capacities` are how many live memories of a type a cube should hold. Raises InvalidMetadata or InvalidText."""

    gate: Gate = Gate.OWNER
    corroborations: int = 2
    capacities: dict[MemoryType, int] = field(default_factory=lambda: dict(DEFAULT_CAPACITIES))
    default_ttl_seconds: float | None = None
    models: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.corroborations <= MAX_CORROBORATIONS:
            raise InvalidMetadata(field="corroborations", reason=f"it is not between 1 and {MAX_CORROBORATIONS}")
        if not all(1 <= capacity <= MAX_CAPACITY for capacity in self.capacities.values()):
            raise InvalidMetadata(field="capacities", reason=f"a capacity is between 1 and {MAX_CAPACITY}")
        for label in (*self.models, *self.models.values()):
            check_label("models", label)
        if self.default_ttl_seconds is not None and not 0 < self.default_ttl_seconds < 1e11:
            raise InvalidMetadata(field="default_ttl_seconds", reason="it must be positive and finite")

    def to_json(self) -> dict[str, Any]:
        capacities = {memory_type.value: size for memory_type, size in self.capacities.items()}
        return asdict(self) | {"gate": self.gate.value, "capacities": capacities}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        capacities = {MemoryType(name): size for name, size in data.get("capacities", {}).items()}
        return cls(**{**data, "gate": Gate(data.get("gate", Gate.OWNER)), "capacities": capacities})


def check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise Invalid(
            reason="a name has 1 to 63 of the characters a-z, 0-9, - and _, and starts with a letter or digit"
        )
    if ID.fullmatch(name):
        raise Invalid(reason="A name that looks like an id could not be told from one.")
    return name


class Cube(Root):
    KIND = "cube"

    class Founded(Root.Created):
        """`loaded_from` says of which dump the cube was made.

        `forked_from` is the cube that it was copied from, as that was at position `forked_at`; `left_out` counts what
        was not copied, by why.
        """

        TOPIC = "cube.founded.v1"
        name: str
        owner_id: UUID
        config: dict[str, Any]
        loaded_from: dict[str, Any] | None
        forked_from: UUID | None
        forked_at: int | None
        left_out: dict[str, int] | None

    class Configured(Root.Event):
        TOPIC = "cube.configured.v1"
        config: dict[str, Any]

        def apply(self, cube: Cube) -> None:
            cube.config = CubeConfig.from_json(self.config)

    @event(Founded)
    def __init__(
        self,
        tenant_id: UUID,
        cube_id: UUID | None,
        subject_ids: tuple[UUID, ...],
        name: str,
        owner_id: UUID,
        config: dict[str, Any],
        loaded_from: dict[str, Any] | None = None,
        forked_from: UUID | None = None,
        forked_at: int | None = None,
        left_out: dict[str, int] | None = None,
    ) -> None:
        self.tenant_id, self.cube_id, self.subject_ids = tenant_id, cube_id, tuple(subject_ids)
        self.name, self.owner_id = name, owner_id
        self.config = CubeConfig.from_json(config)
        self.loaded_from = loaded_from
        self.forked_from, self.forked_at, self.left_out = forked_from, forked_at, left_out

    @classmethod
    def found(
        cls,
        *,
        tenant_id: UUID,
        name: str,
        owner_id: UUID,
        subject_id: UUID,
        config: CubeConfig = CubeConfig(),
        loaded_from: dict[str, Any] | None = None,
        cube_id: UUID | None = None,
        forked_from: UUID | None = None,
        forked_at: int | None = None,
        left_out: dict[str, int] | None = None,
    ) -> Self:
        """`subject_id` is whose data the cube holds when a memory does not say otherwise. Its id is a new one, or
        `cube_id`, which nothing has yet.
        """
        cube_id = cube_id or new_id()
        return cls._create(
            cls.Founded,
            id=cube_id,
            tenant_id=tenant_id,
            cube_id=cube_id,
            subject_ids=(subject_id,),
            name=check_name(name),
            owner_id=owner_id,
            config=config.to_json(),
            loaded_from=loaded_from,
            forked_from=forked_from,
            forked_at=forked_at,
            left_out=left_out,
        )

    def configure(self, config: CubeConfig) -> None:
        if config != self.config:
            self.record(Cube.Configured, config=config.to_json())


EVENTS = topics(Cube, Cube.Founded, Cube.Configured)
