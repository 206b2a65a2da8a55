"""Over a whole cube at once, every action is decided as it is for one memory after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.cube import Cube
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.metadata import Sensitivity
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel, Reading, outlived
from mnemolog.domain.policy import Policy, Rule
from mnemolog.projections.cube_scopes import EPOCH
from mnemolog.projections.permission_mask import CODES
from mnemolog.projections.scopes import Judged, Scopes
from tests.histories import ANN, BEN, CLEO, NOW, PEOPLE, TENANT, History, callers, histories, label_of, moments
from tests.unit.examples import generated

TEAM = UUID(int=71)


def folded(history: History) -> Scopes:
    scopes = Scopes()
    scopes.apply(history.events, history.head)
    return scopes


@st.composite
def granted(draw: st.DrawFn, history: History) -> Policy:
    """Grants on what is in this history."""
    random = Random(draw(st.integers(0, 2**40)))
    cubes = {memory.id: memory.cube_id for memory in history.memories}
    resources = [(Level.TENANT, TENANT), *((Level.CUBE, cube.id) for cube in history.cubes), *(
        (Level.MEMORY, memory_id) for memory_id in cubes
    )]  # fmt: skip
    rules = []
    for number in range(random.randint(0, 8)):
        level, resource = random.choice(resources)
        deny = random.random() < 0.2
        conditions = Conditions(
            purposes=random.choice(((), (), ("care",))),
            sensitivity=Sensitivity.SECRET if deny else random.choice(list(Sensitivity)),
        )
        terms = Terms(
            effect=Effect.DENY if deny else Effect.PERMIT,
            subject_id=random.choice((*PEOPLE, TEAM)),
            level=level,
            resource_id=resource,
            actions=frozenset(random.sample(list(Action), 3)) | {Action.READ},
            conditions=conditions,
            expires_at=random.choice((None, None, NOW + timedelta(minutes=90))),
        )
        rules.append(Rule(UUID(int=100 + number), terms, ANN, cubes.get(resource, resource)))
    groups = {person: frozenset({TEAM}) for person in PEOPLE if random.random() < 0.5}
    return Policy(TENANT, 1, tuple(rules), groups, frozenset({CLEO} if random.random() < 0.3 else ()))


def judged(scopes: Scopes, policy: Policy, caller: Caller, action: Action, cube: Cube, now: datetime) -> Judged:
    asked = [(each, policy.reaches(each, action, cube.id, now)) for each in policy.callers(caller)]
    return scopes.judged(cube.id, asked, action, now)


@given(st.data(), histories(max_steps=12), callers, st.sampled_from((None, None, ANN, BEN)), moments)
def test_the_codes_of_a_cube_are_those_of_its_memories(
    data: st.DataObject, history: History, caller: Caller, user: UUID | None, now: datetime
) -> None:
    policy, scopes = data.draw(granted(history)), folded(history)
    caller = Caller(caller.principal_id, caller.tenant_id, caller.subject_id, administrator=caller.administrator,
                    session_id=caller.session_id, purpose=caller.purpose, on_behalf_of=user)  # fmt: skip
    action = data.draw(st.sampled_from(Action))
    for cube in history.cubes:
        label = CubeLabel(cube.tenant_id, cube.owner_id)
        expected = {
            each.id: outlived(
                policy.decide(caller, action, label_of(each, each.state), label, cube.id, now),
                action,
                each.state,
                each.expires_at,
                now,
            )
            for each in history.memories
            if each.cube_id == cube.id
        }
        found = judged(scopes, policy, caller, action, cube, now)
        assert dict(zip(found.memory_ids, (CODES[code] for code in found.codes), strict=True)) == expected


@given(st.data(), histories(max_steps=12), callers, moments)
def test_what_a_grant_lets_somebody_read_is_what_recall_is_shown(
    data: st.DataObject, history: History, caller: Caller, now: datetime
) -> None:
    policy, scopes = data.draw(granted(history)), folded(history)
    for cube in history.cubes:
        reading = Reading(
            tuple((each, policy.reach(each, Action.READ, cube.id, now)) for each in policy.callers(caller)), 1
        )
        permitted = scopes.permitted(cube.id, reading, now)
        shown = {permitted.memory_id(place) for place in range(len(permitted.positions))}
        found = judged(scopes, policy, caller, Action.READ, cube, now)
        readable = {
            each for each, code in zip(found.memory_ids, found.codes, strict=True) if CODES[code] is Code.ALLOWED
        }
        assert shown <= readable
        told = policy.reach(caller, Action.READ, cube.id, now).valid_until
        assert told is None or permitted.until <= (told - EPOCH) // timedelta(microseconds=1)


def test_one_memory_that_is_denied_is_not_shown_among_those_that_a_grant_on_the_cube_shows() -> None:
    history = History()
    cube = Cube.found(tenant_id=TENANT, name="ann", owner_id=ANN, subject_id=ANN)
    memories = [generated(tenant_id=TENANT, cube_id=cube.id, owner_id=ANN) for _ in range(3)]
    for memory in memories:
        memory.activate("owner")
    history.save(cube, *memories)
    permit = Terms(
        effect=Effect.PERMIT, subject_id=BEN, level=Level.CUBE, resource_id=cube.id, actions=frozenset({Action.READ})
    )
    deny = replace(permit, effect=Effect.DENY, level=Level.MEMORY, resource_id=memories[1].id)
    rules = (Rule(UUID(int=100), permit, ANN, cube.id), Rule(UUID(int=101), deny, ANN, cube.id))
    ben = Caller(BEN, TENANT, BEN)
    reading = Policy(TENANT, 1, rules).reading(ben, cube.id, NOW)
    shown = folded(history).permitted(cube.id, reading, NOW)
    assert [shown.memory_id(place) for place in range(len(shown.positions))] == [memories[0].id, memories[2].id]
    assert shown.dropped == {"not_permitted": 1}


def test_what_is_asked_for_is_judged_in_the_order_of_asking_and_what_is_elsewhere_is_left_out() -> None:
    history = History()
    cube = Cube.found(tenant_id=TENANT, name="ann", owner_id=ANN, subject_id=ANN)
    history.save(cube)
    assert folded(history).judged(cube.id, [], Action.READ, NOW, [UUID(int=5)]).memory_ids == []
