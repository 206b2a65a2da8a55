"""What may be sent. Shapes and types are checked here; what the values mean is decided by the domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from mnemolog.domain.commands import DESCRIPTION, Remember
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Relation
from mnemolog.domain.metadata import Description, MemoryType, SemanticType, Sensitivity, Source, Visibility
from mnemolog.domain.permissions import Action
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import InvalidRetention
from mnemolog.domain.tenant import Limits
from mnemolog.projections.graph import Direction
from mnemolog.projections.traversal import Order

LAST_POSITION = 2**63 - 1
# A field that is not sent is left alone; null is a value, for the fields that can have none.
UNSENT: Any = Field(default_factory=lambda: None)


def _only(kind: type, what: str) -> Callable[[Any], Any]:
    """JSON has types: a number in a string, or a truth value for a number, is a mistake."""

    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"it must be {what}")
        return value

    return check


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("a moment is an ISO 8601 string")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("it is not an ISO 8601 moment") from None


Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Position = Annotated[int, Field(strict=True, ge=0, le=LAST_POSITION)]
Priority = Annotated[int, Field(strict=True, json_schema_extra={"minimum": 0, "maximum": 9})]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, json_schema_extra={"minimum": 0, "maximum": 1})]
Secrecy = Annotated[Sensitivity, BeforeValidator(_only(int, "a whole number from 0 (public) to 3 (secret)"))]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    def sent(self, *names: str) -> dict[str, Any]:
        """The fields that the client named, of `names` or of all."""
        return {name: getattr(self, name) for name in self.model_fields_set if name in names or not names}


class Lifespan(Body):
    ttl_seconds: Number | None = None
    expires_at: Moment | None = None

    @property
    def ttl(self) -> timedelta | None:
        """Raises InvalidRetention."""
        try:
            return None if self.ttl_seconds is None else timedelta(seconds=self.ttl_seconds)
        except OverflowError:
            raise InvalidRetention(value=f"{self.ttl_seconds} seconds") from None


class Circumstances(Lifespan):
    """What can be said alike of one memory and of a whole conversation."""

    key: str | None = None
    tags: tuple[str, ...] = ()
    background: str | None = None
    sources: tuple[str, ...] = ()
    memory_type: MemoryType = MemoryType.LONG_TERM
    source: Source | None = None
    priority: Priority = 5
    sensitivity: Secrecy = Sensitivity.PERSONAL
    purposes: tuple[str, ...] = ()
    visibility: Visibility = Visibility.CUBE
    access_control: tuple[UUID, ...] = ()
    context_id: UUID | None = None
    confidence: Share = 1.0
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    subject_id: UUID | None = None

    def remember(self, **facts: Any) -> Remember:
        common = {name: getattr(self, name) for name in Circumstances.model_fields if name != "ttl_seconds"}
        return Remember(**{**common, "ttl": self.ttl, **facts})


class MemoryBody(Circumstances):
    text: str
    speaker: str | None = None
    semantic_type: SemanticType = SemanticType.FACT
    occurred_at: Moment | None = None

    def commands(self) -> list[Remember]:
        names = ("text", "speaker", "semantic_type", "occurred_at")
        return [self.remember(**{name: getattr(self, name) for name in names})]


class MemoriesBody(Body):
    memories: list[MemoryBody]

    def commands(self) -> list[Remember]:
        return [command for memory in self.memories for command in memory.commands()]


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


# Whoever posts a conversation vouches for what it says itself; what the others said is trusted as theirs.
SAID_BY = {Role.ASSISTANT: Source.AGENT, Role.TOOL: Source.TOOL}


class Message(Body):
    role: Role
    content: str
    name: str | None = None
    timestamp: Moment | None = None


class MessagesBody(Circumstances):
    """Chat messages, with what they have in common."""

    messages: list[Message]

    def commands(self) -> list[Remember]:
        return [self._command(message) for message in self.messages]

    def _command(self, message: Message) -> Remember:
        return self.remember(
            text=message.content,
            speaker=message.name or message.role.value,
            semantic_type=SemanticType.DIALOGUE,
            occurred_at=message.timestamp,
            source=self.source or SAID_BY.get(message.role),
        )


def _shape(value: Any) -> str:
    names = value if isinstance(value, dict) else {}
    return "chat" if "messages" in names else "many memories" if "memories" in names else "one memory"


TAGS = frozenset({"one memory", "many memories", "chat"})
RememberBody = Annotated[
    Annotated[MemoryBody, Tag("one memory")]
    | Annotated[MemoriesBody, Tag("many memories")]
    | Annotated[MessagesBody, Tag("chat")],
    Discriminator(_shape),
]


class RevisionBody(Body):
    """Only what is named changes."""

    text: str = UNSENT
    key: str | None = UNSENT
    tags: tuple[str, ...] = UNSENT
    background: str | None = UNSENT
    sources: tuple[str, ...] = UNSENT
    speaker: str | None = UNSENT
    memory_type: MemoryType = UNSENT
    semantic_type: SemanticType = UNSENT
    priority: Priority = UNSENT
    sensitivity: Secrecy = UNSENT
    purposes: tuple[str, ...] = UNSENT
    visibility: Visibility = UNSENT
    access_control: tuple[UUID, ...] = UNSENT
    context_id: UUID | None = UNSENT
    confidence: Share = UNSENT
    valid_from: Moment | None = UNSENT
    valid_to: Moment | None = UNSENT


class TransitionBody(Body):
    to: State
    reason: Reason = Reason.MANUAL
    legal_hold: Flag = False


class LinkBody(Body):
    target_id: UUID
    relation: Relation = Relation.RELATES_TO
    weight: Number = 1.0


class RetentionBody(Lifespan):
    """One of the two, or null for ever."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("ttl_seconds or expires_at must be given; null means for ever")
        return self


class MergeBody(Body):
    memory_ids: list[UUID]
    text: str
    key: str | None = UNSENT
    tags: tuple[str, ...] = UNSENT
    background: str | None = UNSENT
    sources: tuple[str, ...] = UNSENT
    speaker: str | None = UNSENT

    @property
    def description(self) -> Description | None:
        """None when the client describes nothing, and the parents' descriptions are joined."""
        described = self.sent(*DESCRIPTION)
        return Description(**described) if described else None


class ConfigBody(Body):
    gate: Gate = UNSENT
    corroborations: Whole = UNSENT
    capacities: dict[MemoryType, Whole] = UNSENT
    default_ttl_seconds: Number | None = UNSENT
    models: dict[str, str] = UNSENT

    def over(self, config: CubeConfig) -> CubeConfig:
        return replace(config, **self.sent())


class CubeBody(Body):
    name: str
    subject_id: UUID | None = None
    config: ConfigBody = ConfigBody()


class CubeChangeBody(Body):
    config: ConfigBody


class RecallBody(Body):
    """`cube` or `cubes`: exactly one of them."""

    cube: str = Field("", description="Its name or id.")
    cubes: list[str] = Field([], description="Several names or ids, in place of `cube`.")
    query: str
    k: Whole = 10
    recipe: str = Field("dialogue", description="How the signals are weighed: dialogue, documents, keyword or meaning.")
    weights: dict[str, Number] = UNSENT
    memory_types: frozenset[MemoryType] = frozenset()
    filter: dict[str, Any] | None = Field(None, description="Only what this lets through; null is everything.")
    exact: Flag = Field(False, description="Compare all permitted memories, also where an index is at hand.")
    rerank: Flag = Field(False, description="Let the configured model decide about the order.")
    budget: Whole | None = Field(None, description="At most so many tokens of text, estimated; null is no limit.")
    at: Position | str | None = Field(None, description="As of a position, a time with its zone, or -2h.")
    at_least: Position | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if len(self.model_fields_set & {"cube", "cubes"}) != 1:
            raise ValueError("cube or cubes must be given, and not both")
        return self

    @property
    def asked(self) -> list[str]:
        return [self.cube] if "cube" in self.model_fields_set else self.cubes


class QueryBody(Body):
    sql: str = Field(description="One statement in DuckDB's SQL that asks.")
    at: Position | str | None = Field(None, description="As of a position, a time with its zone, or -2h.")
    limit: Whole = Field(10_000, description="How many rows at most.")
    timeout: Number | None = Field(None, description="How many seconds it may take, up to the store's own limit.")


class GraphBody(Body):
    cube: str = Field(description="Its name or id.")
    history: Flag = Field(False, description="Follow memories that are merged or archived too.")
    at: Position | str | None = Field(None, description="As of a position, a time with its zone, or -2h.")
    at_least: Position | None = None


class WalkBody(GraphBody):
    relations: frozenset[str] | None = Field(None, description="Only over these; null is all.")
    direction: Direction = Direction.BOTH


class TraversalBody(WalkBody):
    start: list[str] = Field(description="Ids of memories or contexts, and names.")
    depth: Whole = 2
    limit: Whole = 100
    order: Order = Order.BREADTH_FIRST


class PathBody(WalkBody):
    start: str = Field(description="The id of a memory or context, or a name.")
    goal: str = Field(description="The id of a memory or context, or a name.")


class RelatedBody(GraphBody):
    start: list[str] = Field(description="Ids of memories or contexts, and names.")
    k: Whole = 10


class PrincipalBody(Body):
    name: str
    kind: PrincipalKind = PrincipalKind.USER
    administrator: Flag = False


class KeyBody(Lifespan):
    """Neither a time to live nor an end means a key that does not expire; no scopes, all that its principal may do."""

    scopes: frozenset[Action] | None = Field(None, description="What the key can be used for at most.")
    on_behalf_of: UUID | None = Field(None, description="The user for whom an agent acts with this key.")


class RotationBody(Lifespan):
    """Neither a time to live nor an end means that the new key ends when the old one would have."""

    overlap_seconds: Number = Field(0.0, ge=0, description="How long the old key is accepted besides the new one.")

    @property
    def overlap(self) -> timedelta:
        """Raises InvalidRetention."""
        try:
            return timedelta(seconds=self.overlap_seconds)
        except OverflowError:
            raise InvalidRetention(value=f"{self.overlap_seconds} seconds") from None


class IdentityBody(Body):
    issuer: str = Field(description="`iss` of the tokens.")
    subject: str = Field(description="`sub` of the tokens. It is stored as a token that does not tell it.")


class LimitsBody(Body):
    """Null is what the installation is set to."""

    requests_per_second: Number | None = None
    concurrent_requests: Whole | None = None

    @property
    def limits(self) -> Limits:
        """Raises InvalidMetadata."""
        return Limits(requests_per_second=self.requests_per_second, concurrent_requests=self.concurrent_requests)


class TenantBody(LimitsBody):
    name: str


class ErasureBody(Body):
    """Either a memory or a data subject. `basis` stays readable for ever: a case number or an article, never a name."""

    memory_id: UUID | None = None
    subject_id: UUID | None = None
    basis: str
    dry_run: bool = False


class SubjectBody(Body):
    name: str
