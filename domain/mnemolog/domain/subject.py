"""A data subject: a person whom memories are about. Each has a key; destroying it makes what it sealed unreadable."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_label


class Subject(Root):
    KIND = "subject"

    class Registered(Root.Created):
        TOPIC = "subject.registered.v1"
        SEALED = frozenset({"name"})
        name: str

    @event(Registered)
    def __init__(self, tenant_id: UUID, cube_id: UUID | None, subject_ids: tuple[UUID, ...], name: str) -> None:
        self.tenant_id = tenant_id
        self.subject_ids = tuple(subject_ids)
        self.name = name

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


EVENTS = topics(Subject, Subject.Registered)
