"""Aggregates that between them have met every kind of event there is."""

from __future__ import annotations

from datetime import timedelta

from mnemolog.domain import cube, erasure, memory, principal, subject, tenant
from mnemolog.domain.aggregate import Root
from mnemolog.domain.cube import Cube, CubeConfig, Gate
from mnemolog.domain.erasure import Erasure, Kind
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.metadata import Description, Sensitivity, Visibility
from mnemolog.domain.principal import Principal, PrincipalKind
from mnemolog.domain.subject import Subject
from mnemolog.domain.tenant import Limits, Tenant
from tests.factories import NOW, House

EVENTS = {**memory.EVENTS, **cube.EVENTS, **principal.EVENTS, **subject.EVENTS, **tenant.EVENTS, **erasure.EVENTS}
SECRET = "Schäufele am Donnerstag"  # in whatever is personal, and in nothing else
PERSONAL = Description(
    key=f"{SECRET} key",
    tags=(f"{SECRET} tag", "tea"),
    background=f"{SECRET} background",
    sources=(f"{SECRET} source",),
    speaker=f"{SECRET} speaker",
)


def lives(house: House) -> list[Root]:
    """In an order in which they can be recorded."""
    others = [settled_cube(house), employed(house), together(house), person(house), limited(), forgotten(house)]
    return [*memories(house), *others]


def memories(house: House) -> list[Root]:
    labels = {"access_control": (new_id(),), "purposes": ("care",), "session_id": new_id(), "valid_from": NOW}
    one = house.generated(SECRET, description=PERSONAL, sensitivity=Sensitivity.SECRET, **labels)
    one.activate(gate="reviewer")
    one.revise(NOW, f"{SECRET} again", PERSONAL, one.governance)
    other = house.activated(SECRET, expires_at=NOW + timedelta(days=1), visibility=Visibility.PRIVATE, **labels)
    other.set_retention(None)
    other.set_retention(NOW + timedelta(days=2, microseconds=1))
    one.corroborate(new_id())
    one.link(other, Relation.SUPPORTS, 0.1)
    one.unlink(other.id, Relation.SUPPORTS)
    both = merge((one, other), f"{SECRET} both", house.owner_id, NOW)
    retract_merge(both, (one, other))
    both.transition_state(State.ACTIVATED)
    both.freeze(legal_hold=True)
    both.transition_state(State.ACTIVATED)
    other.archive(Reason.SUPERSEDED)
    other.transition_state(State.ERASED)
    return [one, other, both]


def settled_cube(house: House) -> Cube:
    cube = house.cube()
    cube.configure(CubeConfig(gate=Gate.CORROBORATION, default_ttl_seconds=60.5, models={"embedding": "minilm"}))
    return cube


def employed(house: House) -> Principal:
    agent = Principal.register(
        tenant_id=house.tenant_id, kind=PrincipalKind.AGENT, name=f"{SECRET} agent", subject_id=house.owner_id
    )
    key_id = new_id()
    agent.issue_key(key_id, bytes(range(32)), NOW + timedelta(days=1))
    agent.issue_key(new_id(), bytes(32))
    agent.revoke_key(key_id)
    narrow, wide = new_id(), new_id()
    agent.issue_key(narrow, bytes(32), scopes=frozenset({"read"}), on_behalf_of=house.owner_id)
    agent.rotate_key(narrow, wide, bytes(32), NOW + timedelta(hours=1), NOW + timedelta(days=9))
    agent.identify("https://id.example", "a token")
    return agent


def together(house: House) -> Principal:
    group = Principal.register(
        tenant_id=house.tenant_id, kind=PrincipalKind.GROUP, name=f"{SECRET} friends", subject_id=house.owner_id
    )
    member = new_id()
    group.add_member(house.owner_id)
    group.add_member(member)
    group.remove_member(member)
    group.deactivate()
    group.reactivate()
    return group


def limited() -> Tenant:
    tenant = Tenant.found(new_id())
    tenant.limit(Limits(requests_per_second=0.5, concurrent_requests=4))
    return tenant


def person(house: House) -> Subject:
    subject = Subject.register(tenant_id=house.tenant_id, subject_id=new_id(), name=f"{SECRET} herself")
    subject.erase()
    return subject


def forgotten(house: House) -> Erasure:
    erasure = Erasure.begin(tenant_id=house.tenant_id, kind=Kind.SUBJECT, target_id=new_id(), basis="case 7")
    erasure.complete("a receipt")
    return erasure


def events_of(aggregates: list[Root]) -> list[Root.Event]:
    """Those that wait to be recorded, in the order in which `record` appends them."""
    return [event for aggregate in aggregates for event in aggregate.pending_events if isinstance(event, Root.Event)]
