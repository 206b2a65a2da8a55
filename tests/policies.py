"""Random policies, and questions to them: few people, groups, cubes and contexts, so that much of it meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from mnemolog.domain.explanation import Question
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.permissions import Action, Caller, CubeLabel, MemoryLabel
from mnemolog.domain.policy import Policy, Rule
from mnemolog.domain.principal import PrincipalKind

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TENANT, OTHER_TENANT, SUBJECT = UUID(int=1), UUID(int=2), UUID(int=3)
PEOPLE = tuple(UUID(int=number) for number in range(11, 16))
GROUPS = tuple(UUID(int=number) for number in range(21, 25))
SESSIONS = (UUID(int=31), UUID(int=32))
CUBES = (UUID(int=41), UUID(int=42))
MEMORIES = tuple(UUID(int=number) for number in range(51, 55))
PURPOSES, APPS = ("care", "research"), ("notes", "mail")
NETWORKS = ("10.0.0.0/8", "192.168.1.0/24", "2001:db8::/32")
ADDRESSES = ("10.1.2.3", "192.168.1.7", "2001:db8::1", "8.8.8.8", "::ffff:10.1.2.3", "in process", None)
MOMENTS = tuple(NOW + timedelta(hours=hours) for hours in (-2, -1, 0, 1, 2))
ACTIONS = tuple(Action)


def some(random: Random, values: Sequence[Any], most: int = 2) -> tuple[Any, ...]:
    """Usually none, as conditions are."""
    return tuple(random.sample(values, random.randint(1, most))) if random.random() < 0.25 else ()


def conditions(random: Random) -> Conditions:
    return Conditions(
        purposes=some(random, PURPOSES),
        sessions=some(random, SESSIONS),
        networks=some(random, NETWORKS),
        apps=some(random, APPS),
        sensitivity=random.choice((Sensitivity.SECRET, Sensitivity.SECRET, Sensitivity.PERSONAL, Sensitivity.PUBLIC)),
    )


def terms(random: Random, level: Level | None = None, resource_id: UUID | None = None, **facts: Any) -> Terms:
    level = level or random.choice((*Level, Level.CUBE, Level.MEMORY))
    resources = {Level.TENANT: (TENANT,), Level.CUBE: CUBES, Level.MEMORY: MEMORIES}[level]
    deny = facts.pop("deny", random.random() < 0.2)
    asked = conditions(random)
    return Terms(
        effect=Effect.DENY if deny else Effect.PERMIT,
        subject_id=random.choice(PEOPLE + GROUPS),
        level=level,
        resource_id=resource_id or random.choice(resources),
        actions=frozenset(random.sample(ACTIONS, random.randint(1, 4)))
        | ({Action.READ} if random.random() < 0.5 else set()),
        conditions=replace(asked, sensitivity=Sensitivity.SECRET) if deny else asked,
        delegable=not deny and random.random() < 0.5,
        not_before=random.choice((None, None, None, *MOMENTS)),
        expires_at=random.choice((None, None, None, *MOMENTS)),
        **facts,
    )


def rules(random: Random, most: int = 7) -> tuple[Rule, ...]:
    """Some are made from others, also from one that is gone. Each memory is in the cube of its number's parity."""
    made: list[Rule] = []
    for number in range(random.randint(0, most)):
        parent_id = None
        told = terms(random)
        if made and told.effect is Effect.PERMIT and random.random() < 0.3:
            parent_id = random.choice((*(rule.grant_id for rule in made), UUID(int=999)))
        told = replace(told, parent_id=parent_id)
        cube_id = {Level.TENANT: None, Level.CUBE: told.resource_id}.get(told.level, home(told.resource_id))
        made.append(Rule(UUID(int=100 + number), told, random.choice(PEOPLE), cube_id))
    return tuple(made)


def home(memory_id: UUID) -> UUID:
    return CUBES[memory_id.int % 2]


def policy(random: Random, most: int = 7) -> Policy:
    groups: dict[UUID, frozenset[UUID]] = {}
    for person in PEOPLE:
        groups[person] = frozenset(group for group in GROUPS if random.random() < 0.25)
    for number, group in enumerate(GROUPS[1:], 1):
        groups[group] = frozenset(outer for outer in GROUPS[:number] if random.random() < 0.4)
    return Policy(
        TENANT,
        7,
        rules(random, most),
        groups=groups,
        administrators=frozenset(person for person in PEOPLE if random.random() < 0.15),
        inactive=frozenset(each for each in PEOPLE + GROUPS if random.random() < 0.06),
    )


def caller(random: Random, known: Policy) -> Caller:
    who = random.choice(PEOPLE)
    agent = random.random() < 0.25
    return Caller(
        who,
        TENANT if random.random() < 0.97 else OTHER_TENANT,
        SUBJECT,
        PrincipalKind.AGENT if agent else PrincipalKind.USER,
        who in known.administrators,
        session_id=random.choice((None, *SESSIONS)),
        on_behalf_of=random.choice(PEOPLE) if agent else None,
        scopes=frozenset(random.sample(ACTIONS, 5)) if random.random() < 0.15 else None,
        purpose=random.choice((None, *PURPOSES)),
        app=random.choice((None, *APPS)),
        address=random.choice(ADDRESSES),
    )


def memory(random: Random) -> MemoryLabel:
    return MemoryLabel(
        TENANT if random.random() < 0.98 else OTHER_TENANT,
        random.choice(PEOPLE),
        random.choice((State.GENERATED, State.ACTIVATED, State.ACTIVATED, State.ARCHIVED)),
        random.choice(tuple(Visibility)),
        random.choice((None, *SESSIONS)),
        tuple(random.sample(PEOPLE, random.choice((0, 0, 0, 1, 2)))),
        random.choice(tuple(Sensitivity)),
        some(random, PURPOSES),
        random.choice(MEMORIES),
    )


def question(random: Random, most: int = 7) -> Question:
    known, label = policy(random, most), memory(random)
    assert label.memory_id is not None
    return Question(
        policy=known,
        caller=caller(random, known),
        action=random.choice((*ACTIONS, Action.READ, Action.READ)),
        memory=label,
        cube=CubeLabel(TENANT, random.choice(PEOPLE)),
        cube_id=home(label.memory_id),
        now=random.choice((NOW, NOW, *MOMENTS)),
    )
