"""What is answered of where memories come from and what was made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mnemolog.api.disclosure import Disclosed
from mnemolog.domain.lineage import Derivation
from mnemolog.domain.log import Event
from mnemolog.domain.retraction import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageNode:
    """`steps` is how far it is from the memory that was asked for: less than 0 for what that was made from."""

    memory_id: UUID
    cube_id: UUID
    steps: int
    state: str
    text: str
    source: str
    sources: tuple[str, ...]
    trust: float
    owner_id: UUID
    occurred_at: datetime
    position: int

    @classmethod
    def of(cls, disclosed: Disclosed, steps: int) -> LineageNode:
        row = disclosed.row
        governance = row.governance
        return cls(
            memory_id=row.memory_id,
            cube_id=row.cube_id,
            steps=steps,
            state=row.state.value,
            text=disclosed.text,
            source=governance.source.value,
            sources=disclosed.description.sources,
            trust=row.standing.trust,
            owner_id=governance.owner_id,
            occurred_at=row.occurred_at,
            position=row.from_position,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivationAnswer:
    """The child contains the parent, `merged_to`; is its copy in a fork, `copied_from`; or is linked `derived_from`."""

    child_id: UUID
    parent_id: UUID
    relation: str
    position: int

    @classmethod
    def of(cls, derivation: Derivation) -> DerivationAnswer:
        return cls(**derivation._asdict())


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageAnswer:
    """The memory that was asked for comes first. `complete` is false when there is more than is told."""

    nodes: Sequence[LineageNode]
    derivations: Sequence[DerivationAnswer]
    complete: bool
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedAnswer:
    """A memory that contains what was asked about, since which position, and the way from one to the other."""

    memory_id: UUID
    cube_id: UUID
    state: str
    since: int
    path: Sequence[DerivationAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class TellingAnswer:
    """An answer that told somebody some of it. `position` is that of its record."""

    position: int
    recorded_at: datetime
    kind: str
    actor_id: UUID | None
    on_behalf_of: UUID | None
    memory_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluenceAnswer:
    """`derived` is the same on every page; `items` are the answers, newest first, and `next` asks for earlier ones.

    `complete` is false when more was derived than is told; answers are those that told what is told of here.
    """

    memory_id: UUID
    since: int
    derived: Sequence[DerivedAnswer]
    complete: bool
    items: Sequence[TellingAnswer]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractionAnswer:
    """What became of everything that somebody wrote at after < position <= upto. `counts` are by outcome.

    A dry run has no `retraction_id`: nothing has happened.
    """

    retraction_id: UUID | None
    actor_id: UUID
    after: int
    upto: int
    reason: str
    dry_run: bool
    findings: Sequence[Finding]
    counts: Mapping[str, int]
    position: int

    @classmethod
    def of(cls, made: Event) -> RetractionAnswer:
        data = made.data
        findings = [Finding.from_json(each) for each in data["findings"]]
        return cls(
            retraction_id=made.stream_id,
            actor_id=UUID(data["writer_id"]),
            after=data["after"],
            upto=data["upto"],
            reason=data.get("reason", ""),
            dry_run=False,
            findings=findings,
            counts=tally(findings),
            position=made.position,
        )


def tally(findings: Sequence[Finding]) -> dict[str, int]:
    outcomes = [each.outcome for each in findings]
    return {each: outcomes.count(each) for each in sorted(set(outcomes))}
