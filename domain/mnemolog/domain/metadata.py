"""All that is known about a memory besides its text.

Three parts, as in the MemOS paper (arXiv:2507.03724, section 4.1), split by who decides them: `Description` is told by
the writer and says things about people, so it is sealed; `Governance` rules its use and is stored in the clear;
`Standing` is computed by rule and never accepted from a client.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from math import isfinite
from typing import Any, Self, TypeVar
from uuid import UUID

from mnemolog.domain.content import check_label, check_text
from mnemolog.domain.refusals import InvalidMetadata
from mnemolog.domain.retention import check_moment


class MemoryType(StrEnum):
    WORKING = "working"
    LONG_TERM = "long_term"
    USER = "user"
    OUTER = "outer"
    PREFERENCE = "preference"
    TOOL = "tool"
    SKILL = "skill"


class SemanticType(StrEnum):
    FACT = "fact"
    EVENT = "event"
    OPINION = "opinion"
    PROCEDURE = "procedure"
    DIALOGUE = "dialogue"
    DOCUMENT = "document"


class Source(StrEnum):
    """Where a memory came from; its trust follows by rule."""

    USER = "user"
    AGENT = "agent"
    TOOL = "tool"
    DOCUMENT = "document"
    WEB = "web"
    IMPORT = "import"
    MERGE = "merge"


class Sensitivity(IntEnum):
    PUBLIC = 0
    INTERNAL = 1
    PERSONAL = 2
    SECRET = 3


class Visibility(StrEnum):
    """Who may be shown a memory, from the narrowest to the widest."""

    SESSION = "session"
    PRIVATE = "private"
    CUBE = "cube"
    TENANT = "tenant"


TRUST: dict[Source, float] = {
    Source.USER: 0.9,
    Source.AGENT: 0.6,
    Source.TOOL: 0.6,
    Source.DOCUMENT: 0.6,
    Source.WEB: 0.3,
    Source.IMPORT: 0.2,
}
T = TypeVar("T")
MAX_TAGS = 64
MAX_SOURCES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the writer says about the memory. Raises InvalidText or InvalidMetadata."""

    key: str | None = None
    tags: tuple[str, ...] = ()
    background: str | None = None
    sources: tuple[str, ...] = ()
    speaker: str | None = None

    def __post_init__(self) -> None:
        for name in ("key", "speaker"):
            if (label := getattr(self, name)) is not None:
                check_label(name, label)
        if self.background is not None:
            check_text("background", self.background)
        for name, limit in (("tags", MAX_TAGS), ("sources", MAX_SOURCES)):
            _check_labels(name, getattr(self, name), limit)

    def to_json(self) -> dict[str, Any]:
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items() if v not in (None, ())}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance:
    """How a memory may be used. `purposes` empty means any purpose. Raises InvalidMetadata or InvalidText."""

    owner_id: UUID
    memory_type: MemoryType = MemoryType.LONG_TERM
    semantic_type: SemanticType = SemanticType.FACT
    source: Source = Source.USER
    priority: int = 5  # 0 is archived first, 9 last
    sensitivity: Sensitivity = Sensitivity.PERSONAL
    purposes: tuple[str, ...] = ()
    visibility: Visibility = Visibility.CUBE
    access_control: tuple[UUID, ...] = ()  # principals who may read it although it is private
    context_id: UUID | None = None  # what it was said in: a conversation, a document
    session_id: UUID | None = None
    confidence: float = 1.0
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.priority <= 9:
            raise InvalidMetadata(field="priority", reason=f"{self.priority} is not between 0 and 9")
        if not (isfinite(self.confidence) and 0 <= self.confidence <= 1):
            raise InvalidMetadata(field="confidence", reason=f"{self.confidence} is not between 0 and 1")
        if self.visibility is Visibility.SESSION and self.session_id is None:
            raise InvalidMetadata(field="visibility", reason="a memory of one session needs a session_id")
        _check_interval(self.valid_from, self.valid_to)
        _check_labels("purposes", self.purposes, MAX_TAGS)

    def to_json(self) -> dict[str, Any]:
        return {name: _plain(value) for name, value in asdict(self).items() if value not in (None, ())}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**{name: _TYPED[name](value) for name, value in data.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the store itself thinks of a memory, computed from its events."""

    trust: float
    corroborations: int = 0

    @classmethod
    def of(cls, source: Source, parents_trust: tuple[float, ...] = ()) -> Self:
        """Trust by rule from the source; what is merged is trusted as its least trusted parent."""
        return cls(trust=min(parents_trust) if parents_trust else TRUST.get(source, 0.0))

    def corroborated(self) -> Self:
        """Each independent corroboration halves the distrust that is left."""
        return replace(self, trust=1 - (1 - self.trust) / 2, corroborations=self.corroborations + 1)


def join(labels: list[Governance], owner_id: UUID) -> Governance:
    """The governance of a merge: never wider than any parent's.

    Sensitivity is the highest, visibility the narrowest, purposes and readers the intersection.
    Raises InvalidMetadata when the parents have no purpose, no session, no reader or no moment in common.
    """
    purposes = _intersection([label.purposes for label in labels if label.purposes])
    if not purposes and any(label.purposes for label in labels):
        raise InvalidMetadata(field="purposes", reason="the memories have no purpose in common")
    visibility, session_id = _joined_visibility(labels)
    contexts = {label.context_id for label in labels}
    return replace(
        max(labels, key=lambda label: label.priority),
        owner_id=owner_id,
        source=Source.MERGE,
        sensitivity=max(label.sensitivity for label in labels),
        purposes=purposes,
        visibility=visibility,
        access_control=_intersection([label.access_control for label in labels]),
        context_id=contexts.pop() if len(contexts) == 1 else None,
        session_id=session_id,
        confidence=min(label.confidence for label in labels),
        valid_from=max((at for label in labels if (at := label.valid_from)), default=None),
        valid_to=min((at for label in labels if (at := label.valid_to)), default=None),
    )


def _joined_visibility(labels: list[Governance]) -> tuple[Visibility, UUID | None]:
    """Neither of `session` and `private` contains the other: one has more readers, the other more sessions."""
    seen = {label.visibility for label in labels}
    if {Visibility.SESSION, Visibility.PRIVATE} <= seen:
        raise InvalidMetadata(
            field="visibility", reason="a memory of a session and a private one have no readers in common"
        )
    narrowest = min(seen, key=list(Visibility).index)
    bound = [label for label in labels if label.visibility is Visibility.SESSION] or labels
    sessions = {label.session_id for label in bound}
    if narrowest is Visibility.SESSION and len(sessions) > 1:
        raise InvalidMetadata(field="visibility", reason="a memory of one session cannot be merged into another")
    return narrowest, sessions.pop() if len(sessions) == 1 else None


def _intersection(groups: list[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(item for item in groups[0] if all(item in group for group in groups)) if groups else ()


def _check_labels(field: str, labels: tuple[str, ...], limit: int) -> None:
    if len(labels) > limit:
        raise InvalidMetadata(field=field, reason=f"{len(labels)} are given, and at most {limit} are accepted")
    for label in labels:
        check_label(field, label)


def _check_interval(start: datetime | None, end: datetime | None) -> None:
    for name, moment in (("valid_from", start), ("valid_to", end)):
        if moment is not None:
            check_moment(name, moment)
    if start is not None and end is not None and not start < end:
        raise InvalidMetadata(field="valid_to", reason="it is not after valid_from")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | StrEnum) else int(value) if isinstance(value, IntEnum) else value


_TYPED: dict[str, Any] = {field.name: lambda value: value for field in fields(Governance)} | {
    "owner_id": UUID,
    "memory_type": MemoryType,
    "semantic_type": SemanticType,
    "source": Source,
    "sensitivity": Sensitivity,
    "purposes": tuple,
    "visibility": Visibility,
    "access_control": lambda ids: tuple(map(UUID, ids)),
    "context_id": UUID,
    "session_id": UUID,
    "valid_from": datetime.fromisoformat,
    "valid_to": datetime.fromisoformat,
}
