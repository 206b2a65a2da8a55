"""What questions about permissions answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemolog.domain.permissions import Action, Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`reasons` are what decided, for those who may know. It is of `position`, and holds until `valid_until` unless
    something is recorded that changes it.
    """

    allowed: bool
    code: Code
    reasons: tuple[Mapping[str, Any], ...]
    position: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """`denied` counts the others by code; `not_found` are those that the asker is told nothing of."""

    allowed: Sequence[UUID]
    denied: Mapping[str, int]
    position: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedPage:
    """`complete` is false as long as `next` leads to more."""

    items: Sequence[UUID]
    next: str | None
    complete: bool
    position: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`findings` are all rules that were looked at, the deciding one first; `changes` together would allow it.

    `text` says the same to people.
    """

    allowed: bool
    code: Code
    user: UUID
    on_behalf_of: UUID | None
    action: Action
    memory_id: UUID
    cube_id: UUID
    findings: tuple[Mapping[str, Any], ...]
    changes: tuple[Mapping[str, Any], ...]
    text: str
    position: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """One who can, and what lets it."""

    principal_id: UUID
    kind: str
    reason: Mapping[str, Any]
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    items: Sequence[Permitted]
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantAnswer:
    """`state` is pending, live, expired, orphaned (a grant that it was made from is gone) or revoked.

    `reason` is told to whoever issued it and to administrators.
    """

    grant_id: UUID
    effect: str
    subject_id: UUID
    level: str
    resource_id: UUID
    actions: tuple[str, ...]
    conditions: Mapping[str, Any]
    delegable: bool
    parent_id: UUID | None
    not_before: datetime | None
    expires_at: datetime | None
    granted_by: UUID
    reason: str | None
    state: str
    position: int
    revoked_position: int | None
