from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Callable
from typing import Any

import pytest
from eventsourcing.domain import CanMutateAggregate
from eventsourcing.utils import get_topic, resolve_topic

import mnemolog.domain
from mnemolog.domain import access, cube, erasure, grants, memory, principal, retraction, subject, tenant
from mnemolog.domain.access import Access
from mnemolog.domain.aggregate import Recorded, Root
from mnemolog.domain.cube import Cube
from mnemolog.domain.erasure import Erasure
from mnemolog.domain.grants import Grant
from mnemolog.domain.identity import new_id
from mnemolog.domain.memory import Memory
from mnemolog.domain.principal import Principal, PrincipalKind
from mnemolog.domain.retraction import Retraction
from mnemolog.domain.subject import Subject
from mnemolog.domain.tenant import Tenant
from tests.unit.examples import ALICE, OWNER, SUBJECT, TENANT, generated

LISTED: dict[type[Root], dict[str, type[Recorded]]] = {
    Memory: memory.EVENTS,
    Cube: cube.EVENTS,
    Principal: principal.EVENTS,
    Subject: subject.EVENTS,
    Access: access.EVENTS,
    Grant: grants.EVENTS,
    Erasure: erasure.EVENTS,
    Tenant: tenant.EVENTS,
    Retraction: retraction.EVENTS,
}
# Every name that was ever written to a log: a line is added, never taken away.
WRITTEN = {
    "access.closed.v1",
    "access.gap_declared.v1",
    "access.opened.v1",
    "access.recorded.v1",
    "access.refused.v1",
    "cube.configured.v1",
    "cube.founded.v1",
    "erasure.begun.v1",
    "erasure.completed.v1",
    "grant.issued.v1",
    "grant.revoked.v1",
    "memory.activated.v1",
    "memory.archived.v1",
    "memory.corroborated.v1",
    "memory.erased.v1",
    "memory.frozen.v1",
    "memory.generated.v1",
    "memory.linked.v1",
    "memory.merged.v1",
    "memory.restored.v1",
    "memory.retention_set.v1",
    "memory.revised.v1",
    "memory.thawed.v1",
    "memory.unlinked.v1",
    "memory.unmerged.v1",
    "principal.deactivated.v1",
    "principal.identified.v1",
    "principal.key_issued.v1",
    "principal.key_retired.v1",
    "principal.key_revoked.v1",
    "principal.member_added.v1",
    "principal.member_removed.v1",
    "principal.reactivated.v1",
    "principal.registered.v1",
    "retraction.made.v1",
    "subject.erased.v1",
    "subject.registered.v1",
    "tenant.founded.v1",
    "tenant.limited.v1",
}
PERSONAL = {
    *("reason", "asked", "question", "scores", "text", "description", "name", "background", "speaker"),
    *("address", "app"),
}


def events_of(aggregate: type[Root]) -> list[type[Recorded]]:
    """The classes of events that can be recorded: not the plain bases they derive from."""
    nested = [value for value in vars(aggregate).values() if isinstance(value, type) and issubclass(value, Recorded)]
    return [event for event in nested if event.__name__ not in ("Event", "Created")]


EVENTS = [(aggregate, event) for aggregate in LISTED for event in events_of(aggregate)]
every_aggregate = pytest.mark.parametrize("aggregate", LISTED, ids=lambda a: a.__name__)
every_event = pytest.mark.parametrize(("aggregate", "event"), EVENTS, ids=lambda c: c.__qualname__)


def fields(event: type[Recorded]) -> set[str]:
    return {field.name for field in dataclasses.fields(event)}  # type: ignore[arg-type]  # made one by its metaclass


def test_these_are_all_the_aggregates_of_the_domain() -> None:
    for module in pkgutil.iter_modules(mnemolog.domain.__path__, "mnemolog.domain."):
        importlib.import_module(module.name)
    assert set(LISTED) == {a for a in Root.__subclasses__() if a.__module__.startswith("mnemolog.")}


def test_the_names_of_events_are_the_ones_that_logs_hold() -> None:
    assert {event.TOPIC for _, event in EVENTS} == WRITTEN


def test_no_two_events_have_the_same_name() -> None:
    assert len({event.TOPIC for _, event in EVENTS}) == len(EVENTS)


@every_event
def test_an_event_is_named_by_its_aggregate_what_happened_and_a_version(
    aggregate: type[Root], event: type[Recorded]
) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+\.v\d+", event.TOPIC)
    assert event.TOPIC.split(".")[0] == aggregate.KIND
    assert event.SCHEMA_VERSION >= 1


@every_event
def test_the_name_of_an_event_leads_to_its_class_and_back(aggregate: type[Root], event: type[Recorded]) -> None:
    assert resolve_topic(event.TOPIC) is event
    assert get_topic(event) == event.TOPIC
    assert LISTED[aggregate][event.TOPIC] is event


@every_aggregate
def test_the_list_of_an_aggregates_events_is_complete(aggregate: type[Root]) -> None:
    assert set(LISTED[aggregate].values()) == set(events_of(aggregate))


@every_aggregate
def test_the_kind_of_an_aggregate_leads_to_its_class_and_back(aggregate: type[Root]) -> None:
    assert resolve_topic(aggregate.KIND) is aggregate
    assert get_topic(aggregate) == aggregate.KIND


@every_event
def test_what_is_sealed_is_a_field_of_the_event(aggregate: type[Root], event: type[Recorded]) -> None:
    assert fields(event) >= event.SEALED


@every_event
def test_personal_words_are_sealed_wherever_they_are_recorded(aggregate: type[Root], event: type[Recorded]) -> None:
    public = {"name"} if aggregate is Cube else set()  # the name of a cube is an address
    public |= {"reason"} if aggregate is Memory else set()  # one of a few words
    assert fields(event) & PERSONAL - public == event.SEALED


@every_event
def test_an_event_says_to_which_tenant_cube_and_data_subjects_it_belongs(
    aggregate: type[Root], event: type[Recorded]
) -> None:
    assert {"tenant_id", "cube_id", "subject_ids"} <= fields(event)


@every_event
def test_an_event_cannot_be_changed(aggregate: type[Root], event: type[Recorded]) -> None:
    assert issubclass(event, CanMutateAggregate)
    assert event.__dataclass_params__.frozen  # type: ignore[attr-defined]


FIRST: dict[str, Callable[[], Root]] = {
    "memory": generated,
    "cube": lambda: Cube.found(tenant_id=TENANT, name="kitchen", owner_id=OWNER, subject_id=SUBJECT),
    "subject": lambda: Subject.register(tenant_id=TENANT, subject_id=ALICE, name="Alice"),
    "principal": lambda: Principal.register(tenant_id=TENANT, kind=PrincipalKind.USER, name="Alice", subject_id=ALICE),
}


@pytest.mark.parametrize("kind", FIRST)
def test_where_the_code_lies_is_never_written_into_an_event(kind: str) -> None:
    (event,) = FIRST[kind]().pending_events
    recorded: dict[str, Any] = vars(event)
    assert recorded["originator_topic"] == kind
    assert not [value for value in recorded.values() if "mnemolog." in repr(value)]


def test_an_aggregate_gets_an_identifier_that_sorts_by_time() -> None:
    first, second = generated().id, new_id()
    assert first.version == second.version == 7
    assert first.int >> 80 <= second.int >> 80
