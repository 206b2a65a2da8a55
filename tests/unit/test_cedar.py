"""The same policies, said in another language, to another engine: Cedar decides as we do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from random import Random
from uuid import UUID

import cedarpy
import pytest

from mnemolog.domain.explanation import Question
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import NEVER_IMPLIED, OWN, Action, Code
from mnemolog.domain.policy import Policy, Rule
from tests import policies

CASES = 150
USES_CUBE = "(context.administrator || principal == resource.cube_owner)"


def said(condition: str, action: Action | None = None, *, forbids: bool = False) -> str:
    head = "forbid" if forbids else "permit"
    about = "action" if action is None else f'action == Action::"{action.value}"'
    return f"{head}(principal, {about}, resource) when {{ {condition} }};"


def cedar_decides(question: Question, action: Action) -> bool:
    """One action of one principal, without what every other action needs: to read."""
    text = "\n".join([*fixed(action), *granted(question, action)])
    request = {
        "principal": named("User", question.caller.principal_id),
        "action": f'Action::"{action.value}"',
        "resource": named("Memory", question.memory.memory_id),
        "context": context(question),
    }
    answer = cedarpy.is_authorized(request, text, entities(question))
    assert not answer.diagnostics.errors, answer.diagnostics.errors
    return bool(answer.allowed)


def fixed(action: Action) -> Iterator[str]:
    yield said("!context.same_tenant || context.inactive", forbids=True)
    yield said("!resource.any_purpose && principal != resource.owner && !resource.purposes.contains(context.purpose)",
               forbids=True)  # fmt: skip
    if action is Action.READ:
        yield said("principal == resource.owner || resource.readers.contains(principal)")
        yield said('resource.visibility == "tenant" && resource.state != "generated"')
        yield said(f'(resource.visibility == "tenant" || resource.visibility == "cube") && {USES_CUBE}')
        yield said(f'resource.visibility == "session" && context.same_session && {USES_CUBE}')
    elif action not in NEVER_IMPLIED:
        yield said(USES_CUBE)
        if action in OWN:
            yield said("principal == resource.owner")


def granted(question: Question, action: Action) -> Iterator[str]:
    for rule in question.policy.rules:
        chain = question.policy.chain(rule)
        about = {action, Action.READ} if rule.denies else {action}
        if chain is None or not about & rule.terms.implied:
            continue
        level = {"tenant": "Tenant", "cube": "Cube", "memory": "Memory"}[rule.terms.level.value]
        scope = f"principal in {named('User', rule.terms.subject_id)}"
        where = f"resource in {named(level, rule.terms.resource_id)}"
        asked = " && ".join(each for link in chain for each in conditions(link, question))
        if action is Action.READ and rule.terms.level.value != "memory" and not rule.denies:
            asked += ' && (resource.visibility == "tenant" || resource.visibility == "cube" || '
            asked += '(resource.visibility == "session" && context.same_session))'
        head = "forbid" if rule.denies else "permit"
        yield f"{head}({scope}, action, {where}) when {{ {asked} }};"


def conditions(rule: Rule, question: Question) -> Iterator[str]:
    terms, asked = rule.terms, rule.terms.conditions
    yield "true"
    if terms.not_before is not None:
        yield f"context.now >= {seconds(terms.not_before)}"
    if terms.expires_at is not None:
        yield f"context.now < {seconds(terms.expires_at)}"
    for values, name in ((asked.purposes, "purpose"), (asked.apps, "app"), (asked.sessions, "session")):
        if values:
            yield f"[{', '.join(f'{chr(34)}{value}{chr(34)}' for value in values)}].contains(context.{name})"
    if asked.networks:
        yield f"({' || '.join(f'context.address.isInRange(ip({chr(34)}{each}{chr(34)}))' for each in asked.networks)})"
    if not rule.denies:
        yield f"resource.sensitivity <= {int(asked.sensitivity)}"


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def named(kind: str, each: UUID | None) -> str:
    return f'{kind}::"{each}"'


def context(question: Question) -> dict[str, object]:
    caller, memory = question.caller, question.memory
    return {
        "same_tenant": caller.tenant_id == memory.tenant_id == question.cube.tenant_id,
        "inactive": caller.principal_id in question.policy.inactive,
        "administrator": caller.administrator,
        "same_session": caller.session_id is not None and caller.session_id == memory.session_id,
        "session": str(caller.session_id),
        "purpose": str(caller.purpose),
        "app": str(caller.app),
        "address": {"__extn": {"fn": "ip", "arg": caller.address}},
        "now": seconds(question.now),
    }


def entities(question: Question) -> list[dict[str, object]]:
    memory, policy = question.memory, question.policy
    told = [
        entity("User", each, parents=[uid("User", group) for group in policy.groups.get(each, ())])
        for each in (*policies.PEOPLE, *policies.GROUPS)
    ]
    facts = {
        "owner": {"__entity": uid("User", memory.owner_id)},
        "cube_owner": {"__entity": uid("User", question.cube.owner_id)},
        "readers": [{"__entity": uid("User", each)} for each in memory.access_control],
        "visibility": memory.visibility.value,
        "state": memory.state.value,
        "any_purpose": not memory.purposes,
        "purposes": list(memory.purposes),
        "sensitivity": int(memory.sensitivity),
    }
    told.append(entity("Memory", memory.memory_id, facts, [uid("Cube", question.cube_id)]))
    told.append(entity("Cube", question.cube_id, parents=[uid("Tenant", policy.tenant_id)]))
    return told


def entity(
    kind: str, each: UUID | None, attrs: dict[str, object] | None = None, parents: list[dict[str, str]] | None = None
) -> dict[str, object]:
    return {"uid": uid(kind, each), "attrs": attrs or {}, "parents": parents or []}


def uid(kind: str, each: UUID | None) -> dict[str, str]:
    return {"type": kind, "id": str(each)}


def cases(number: int) -> Iterator[Question]:
    """What Cedar can be told as it is: no agents, no keys with scopes, addresses that are some, active groups."""
    for seed in range(number):
        random = Random(seed)
        question = policies.question(random)
        caller = replace(question.caller, on_behalf_of=None, scopes=None, address=random.choice(policies.ADDRESSES[:4]))
        active: Policy = replace(question.policy, inactive=question.policy.inactive & set(policies.PEOPLE))
        yield replace(question, caller=caller, policy=active)


def compared(number: int) -> set[tuple[bool, Visibility]]:
    seen = set()
    for question in cases(number):
        ours = question.policy.decide(
            question.caller, question.action, question.memory, question.cube, question.cube_id, question.now
        )
        theirs = all(cedar_decides(question, action) for action in {Action.READ, question.action})
        assert (ours is Code.ALLOWED) is theirs, question
        seen.add((theirs, question.memory.visibility))
    return seen


def test_cedar_decides_as_a_policy_does() -> None:
    assert len(compared(CASES)) == 2 * len(Visibility)


@pytest.mark.long
def test_cedar_decides_as_a_policy_does_in_five_thousand_cases() -> None:
    compared(5_000)
