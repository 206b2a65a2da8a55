"""A data subject: a person whom memories are about. Each has a key; destroying it makes what it sealed unreadable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_label
from mnemolog.domain.refusals import SubjectErased


class Subject(Root):
    KIND = "subject"

    class Registered(Root.Created):
        TOPIC = "subject.registered.v1"
        SEALED = frozenset({"name"})
        BLANK: ClassVar[Mapping[str, Any]] = {"name": ""}
        name: str

    class Erased(Root.Event):
        """From here on nothing is stored about the subject: whoever decided before is refused."""

        TOPIC = "subject.erased.v1"

        def apply(self, subject: Subject) -> None:
            subject.erased, subject.name = True, ""

    @event(Registered)
    def __init__(self, tenant_id: UUID, cube_id: UUID | None, subject_ids: tuple[UUID, ...], name: str) -> None:
        self.tenant_id = tenant_id
        self.subject_ids = tuple(subject_ids)
        self.name = name
        self.erased = False

    @classmethod
    def register(cls, *, tenant_id: UUID, subject_id: UUID, name: str) -> Self:
        """`subject_id` becomes the aggregate's own id: a subject's name is sealed under its own key."""
        return cls._create(
            cls.Registered,
            id=subject_id,
            tenant_id=tenant_id,
            cube_id=None,
            subject_ids=(subject_id,),
            name=check_label("name", name),
        )

    def erase(self) -> None:
        """Raises SubjectErased when it has been."""
        if self.erased:
            raise SubjectErased(subject_id=self.id)
        self.record(Subject.Erased)


EVENTS = topics(Subject, Subject.Registered, Subject.Erased)
