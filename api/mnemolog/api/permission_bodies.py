"""What may be sent about grants and permissions."""

from __future__ import annotations

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from mnemolog.api.bodies import Body, Flag, Moment, Position, Secrecy, Whole
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.metadata import Sensitivity
from mnemolog.domain.permissions import Action, Context


class ConditionsBody(Body):
    """All of them must hold; what is empty asks for nothing."""

    purposes: tuple[str, ...] = ()
    sessions: tuple[UUID, ...] = ()
    networks: Annotated[tuple[str, ...], Field(description="In CIDR notation.")] = ()
    apps: tuple[str, ...] = ()
    sensitivity: Annotated[Secrecy, Field(description="Memories that are at most so sensitive.")] = Sensitivity.SECRET

    @property
    def conditions(self) -> Conditions:
        """Raises Invalid, InvalidText."""
        return Conditions(**{name: getattr(self, name) for name in ConditionsBody.model_fields})


class GrantBody(Body):
    """On `cube`, `memory_id` or, when `tenant` is true, on the tenant: exactly one of them."""

    subject_id: UUID = Field(description="The principal that it is for: also a group or role.")
    actions: frozenset[Action]
    cube: str | None = Field(None, description="Its name or id.")
    memory_id: UUID | None = None
    tenant: Flag = False
    effect: Effect = Effect.PERMIT
    conditions: ConditionsBody = ConditionsBody()
    delegable: Flag = Field(False, description="May be passed on, by whoever may share too.")
    parent_id: UUID | None = Field(None, description="The grant that this one is made from.")
    not_before: Moment | None = None
    expires_at: Moment | None = None
    reason: str = ""

    def terms(self, level: Level, resource_id: UUID) -> Terms:
        """Raises Invalid and its kin."""
        names = ("effect", "subject_id", "actions", "delegable", "parent_id", "not_before", "expires_at")
        said: dict[str, Any] = {name: getattr(self, name) for name in names}
        return Terms(level=level, resource_id=resource_id, conditions=self.conditions.conditions, **said)


class RevocationBody(Body):
    reason: str = ""


class ContextBody(Body):
    purpose: str | None = None
    session_id: UUID | None = None
    address: str | None = None
    app: str | None = None
    on_behalf_of: UUID | None = None

    @property
    def context(self) -> Context:
        return Context(**{name: getattr(self, name) for name in ContextBody.model_fields})


class PermissionBody(Body):
    action: Action = Action.READ
    context: ContextBody = ContextBody()
    at_least: Position | None = None


class AboutSomebodyBody(PermissionBody):
    user: UUID | None = Field(None, description="A principal; the caller itself when nobody is named.")


class CheckBody(AboutSomebodyBody):
    """`memory_id`, or `cube` and `memory_ids`."""

    memory_id: UUID | None = None
    cube: str | None = Field(None, description="The name or id of the cube of `memory_ids`.")
    memory_ids: list[UUID] | None = None

    @model_validator(mode="after")
    def _asks_about_something(self) -> Self:
        several = self.cube is not None and self.memory_ids is not None
        if (self.memory_id is None) != several or (not several and (self.cube or self.memory_ids) is not None):
            raise ValueError("memory_id must be given, or cube and memory_ids")
        return self


class ExplainBody(AboutSomebodyBody):
    memory_id: UUID
    at: Position | str | None = Field(None, description="As of a position, a time with its zone, or -2h.")


class ListPermittedBody(AboutSomebodyBody):
    cube: str = Field(description="Its name or id.")
    limit: Whole = 50
    cursor: str | None = None


class ExpandBody(PermissionBody):
    """`memory_id` or `cube`."""

    memory_id: UUID | None = None
    cube: str | None = Field(None, description="Its name or id.")
