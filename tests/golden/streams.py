"""Lives of every kind of aggregate that between them write every kind of event, the same ones whenever they are told.

Only the ids of the aggregates themselves are new each time. What is here is never taken away or told differently: what
it wrote is on disk, in events/.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from mnemolog.domain.access import Access
from mnemolog.domain.aggregate import Root
from mnemolog.domain.cube import Cube, CubeConfig, Gate
from mnemolog.domain.erasure import Erasure, Kind
from mnemolog.domain.grants import Conditions, Effect, Grant, Level, Terms
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.metadata import Description, Governance, MemoryType, SemanticType, Sensitivity, Visibility
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.principal import Principal, PrincipalKind
from mnemolog.domain.retraction import Cause, Finding, Outcome, Retraction
from mnemolog.domain.subject import Subject
from mnemolog.domain.tenant import Limits, Tenant
from tests.factories import NOW

TENANT, CUBE, OWNER, SUBJECT, OTHER = (UUID(int=(7 << 76) + (2 << 62) + number) for number in range(1, 6))
KEYS = [UUID(int=(7 << 76) + (2 << 62) + number) for number in range(11, 15)]
SESSION, CONTEXT, PROCESS, ANSWERS, MARKS, AGAIN = (
    UUID(int=(7 << 76) + (2 << 62) + number) for number in range(21, 27)
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ASKED = {"kind": "recall", "session_id": SESSION, "purpose": "care"}
TOLD = {
    "cube_ids": (CUBE,),
    "memory_ids": (OTHER,),
    "text_positions": (3,),
    "position": 9,
    "permitted_at": 8,
    "as_of": 7,
    "clock": NOW,
    "considered": 4,
    "dropped": {"expired": 1},
    "exact": True,
    "embedder": "hashing",
    "question": {"query": "What does Ada drink?", "limit": 3},
    "scores": ((0.1).hex(),),
}
CALLER = Caller(principal_id=OWNER, tenant_id=TENANT, subject_id=SUBJECT)
SAID = Description(
    key="Drinks", tags=("tea", "Bäckerei"), background="At breakfast.", sources=("letter 7",), speaker="Ada"
)


def streams() -> dict[str, list[Root.Event]]:
    """The events of each life, by its name."""
    one, other, both = memories()
    told: dict[str, Root] = {"memory": one, "parent": other, "merge": both, "cube": cube()}
    told |= {"agent": agent(), "group": group()}
    told |= {"subject": subject(), "erasure": erasure(), "grant": grant(), "tenant": tenant()}
    told |= {"retraction": retraction(), "copy": copied(), "loaded": loaded(), "fork": forked()}
    lives = {name: [cast(Root.Event, event) for event in each.pending_events] for name, each in told.items()}
    return lives | {"access": accesses(), "marks": markers(), "answer": answered()}


def memories() -> tuple[Memory, ...]:
    labels = Governance(
        owner_id=OWNER,
        memory_type=MemoryType.PREFERENCE,
        semantic_type=SemanticType.OPINION,
        priority=7,
        sensitivity=Sensitivity.SECRET,
        purposes=("care",),
        visibility=Visibility.PRIVATE,
        access_control=(OTHER,),
        context_id=CONTEXT,
        session_id=SESSION,
        confidence=0.75,
        valid_from=NOW,
        valid_to=NOW + DAY,
    )
    one = generated("Ada takes her tea without sugar. ☕", labels, SAID, expires_at=NOW + DAY)
    other = generated("Ada takes no sugar.", Governance(owner_id=OWNER, purposes=("care",)), Description())
    one.activate(gate="reviewer")
    other.activate(gate="owner")
    one.revise(NOW, "Ada takes her tea with milk.", SAID, labels)
    one.corroborate(OTHER)
    one.set_retention(NOW + 2 * DAY)
    one.link(other, Relation.SUPPORTS, 0.1)
    one.unlink(other.id, Relation.SUPPORTS)
    one.freeze(legal_hold=True)
    one.transition_state(State.ACTIVATED)
    one.archive(Reason.SUPERSEDED)
    one.transition_state(State.ACTIVATED)
    both = merge((one, other), "Ada takes milk and no sugar.", OWNER, NOW)
    retract_merge(both, (one, other))
    one.transition_state(State.ERASED)
    return one, other, both


def generated(text: str, labels: Governance, said: Description, **facts: Any) -> Memory:
    return Memory.generate(
        tenant_id=TENANT,
        cube_id=CUBE,
        subject_ids=(SUBJECT,),
        text=text,
        governance=labels,
        description=said,
        occurred_at=NOW,
        **facts,
    )


def cube() -> Cube:
    founded = Cube.found(tenant_id=TENANT, name="kitchen", owner_id=OWNER, subject_id=SUBJECT)
    models = {"embedding": "minilm"}
    founded.configure(CubeConfig(gate=Gate.CORROBORATION, corroborations=3, default_ttl_seconds=60.5, models=models))
    return founded


def copied() -> Memory:
    return Memory(
        tenant_id=TENANT,
        cube_id=CUBE,
        subject_ids=(SUBJECT,),
        text="Ada takes no sugar.",
        description={},
        governance=Governance(owner_id=OWNER).to_json(),
        trust=0.9,
        occurred_at=NOW,
        expires_at=None,
        parents=(),
        copied_from=OTHER,
    )


def loaded() -> Cube:
    told = {"origin": "a store", "left_out": {"erased": 2}}
    return Cube.found(tenant_id=TENANT, name="bakery", owner_id=OWNER, subject_id=SUBJECT, loaded_from=told)


def forked() -> Cube:
    told: dict[str, Any] = {"forked_from": CUBE, "forked_at": 9, "left_out": {"erased": 2}}
    return Cube.found(tenant_id=TENANT, name="pantry", owner_id=OWNER, subject_id=SUBJECT, **told)


def retraction() -> Retraction:
    findings = (
        Finding("memory", OTHER, Outcome.ARCHIVED, Cause.WRITTEN),
        Finding("grant", KEYS[0], Outcome.REVOKED, Cause.GRANTED),
    )
    return Retraction.make(CALLER, OTHER, 3, 9, findings, "Bea's key was stolen.")


def agent() -> Principal:
    made = Principal.register(tenant_id=TENANT, kind=PrincipalKind.AGENT, name="Ada's agent", subject_id=SUBJECT)
    made.issue_key(KEYS[0], bytes(range(32)), NOW + DAY, scopes=frozenset({"read", "write"}), on_behalf_of=OWNER)
    made.rotate_key(KEYS[0], KEYS[1], bytes(32), NOW + HOUR, NOW + 9 * DAY)
    made.revoke_key(KEYS[1])
    made.identify("https://id.example", "a token")
    made.deactivate()
    made.reactivate()
    return made


def group() -> Principal:
    made = Principal.register(
        tenant_id=TENANT, kind=PrincipalKind.GROUP, name="friends", subject_id=SUBJECT, administrator=True
    )
    made.add_member(OTHER)
    made.remove_member(OTHER)
    return made


def subject() -> Subject:
    known = Subject.register(tenant_id=TENANT, subject_id=OTHER, name="Bea")
    known.erase()
    return known


def erasure() -> Erasure:
    begun = Erasure.begin(tenant_id=TENANT, kind=Kind.SUBJECT, target_id=OTHER, basis="case 7")
    begun.complete("a receipt\n")
    return begun


def grant() -> Grant:
    limits = Conditions(purposes=("care",), sessions=(SESSION,), networks=("10.0.0.0/8",), apps=("notes",))
    terms = Terms(
        effect=Effect.PERMIT,
        subject_id=OTHER,
        level=Level.CUBE,
        resource_id=CUBE,
        actions=frozenset({Action.READ, Action.SHARE}),
        conditions=limits,
        delegable=True,
        not_before=NOW,
        expires_at=NOW + DAY,
    )
    issued = Grant.issue(CALLER, terms, "Bea looks after Ada.", CUBE)
    issued.revoke("Bea moved away.")
    return issued


def tenant() -> Tenant:
    founded = Tenant.found(TENANT)
    founded.limit(Limits(requests_per_second=0.5, concurrent_requests=4))
    return founded


def accesses() -> list[Root.Event]:
    """Nobody loads these: they only go on record."""
    refused = {"code": "not_found", "target_id": None, "asked": "the cellar"}
    return [
        accessed(Access.Recorded, ANSWERS, 1, **ASKED, **TOLD),
        accessed(Access.Refused, ANSWERS, 2, **ASKED, **refused),
    ]


def answered() -> list[Root.Event]:
    """With all that an answer to a question says since it can be asked again."""
    context = {"app": "notes", "address": "10.0.0.7", "administrator": False, "scopes": ("read",)}
    rules = {"ruled_at": 8, "judged_at": NOW, "labelled_at": (5,)}
    return [accessed(Access.Recorded, AGAIN, 1, **ASKED, **TOLD, **context, **rules)]


def markers() -> list[Root.Event]:
    """Of a process, on a stream of its own."""
    gap = accessed(Access.GapDeclared, MARKS, 2, after=6)
    return [accessed(Access.Opened, MARKS, 1), gap, accessed(Access.Closed, MARKS, 3)]


def accessed(event: type[Access.Event], stream_id: UUID, version: int, /, **facts: Any) -> Root.Event:
    envelope = {"originator_id": stream_id, "originator_version": version, "timestamp": NOW, "tenant_id": TENANT}
    subject_ids = () if stream_id == MARKS else (SUBJECT,)
    made: Root.Event = cast(Any, event)(**envelope, cube_id=None, subject_ids=subject_ids, process_id=PROCESS, **facts)
    return made
