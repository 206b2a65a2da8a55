"""Who may do what, written a second time as plain loops over everything, from the model and not from the code.

The order of its codes is that of the reference: tenant, inactive, key, denies, purpose, reading, the action itself.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from mnemolog.domain.explanation import Question
from mnemolog.domain.permissions import Caller
from mnemolog.domain.policy import Policy, Rule


def naive_code(question: Question) -> str:
    code = one(question, question.caller, question.caller.administrator, question.caller.scopes)
    user = question.caller.on_behalf_of
    if code == "allowed" and user is not None:
        person = Caller(
            user,
            question.caller.tenant_id,
            question.caller.subject_id,
            session_id=question.caller.session_id,
            purpose=question.caller.purpose,
            app=question.caller.app,
            address=question.caller.address,
        )
        code = one(question, person, user in question.policy.administrators, None)
    return code


def one(question: Question, caller: Caller, administrator: bool, scopes: frozenset[str] | None) -> str:
    memory, cube, action, policy = question.memory, question.cube, question.action.value, question.policy
    if not caller.tenant_id == memory.tenant_id == cube.tenant_id:
        return "tenant"
    if caller.principal_id in policy.inactive:
        return "inactive"
    if scopes is not None and action not in scopes:
        return "key_scope"
    for rule in policy.rules:
        if (
            rule.terms.effect == "deny"
            and {action, "read"} & set(rule.terms.actions)
            and applies(question, caller, rule)
        ):
            return "denied"
    owner = caller.principal_id == memory.owner_id
    if memory.purposes and not owner and caller.purpose not in memory.purposes:
        return "purpose"
    uses_cube = administrator or caller.principal_id == cube.owner_id
    same_session = caller.session_id is not None and caller.session_id == memory.session_id
    single, wide = permits(question, caller, "read")
    reads_cube = uses_cube or wide
    reads = owner or caller.principal_id in memory.access_control or single
    reads = reads or (memory.visibility == "tenant" and (memory.state != "generated" or reads_cube))
    reads = reads or (memory.visibility == "cube" and reads_cube)
    reads = reads or (memory.visibility == "session" and same_session and reads_cube)
    if not reads:
        return "session" if memory.visibility == "session" and not same_session and reads_cube else "no_permit"
    if action == "read" or any(permits(question, caller, action)):
        return "allowed"
    if action in ("train_on", "cache"):
        return "no_permit"
    return "allowed" if uses_cube or (owner and action in ("share", "export", "erase")) else "no_permit"


def permits(question: Question, caller: Caller, action: str) -> tuple[bool, bool]:
    """By a grant on the memory, and by one on its cube or tenant."""
    single = wide = False
    for rule in question.policy.rules:
        if rule.terms.effect == "deny" or not applies(question, caller, rule):
            continue
        given: set[str] = set(rule.terms.actions)
        if "administer" in given:
            given |= {"read", "share"}
        if action in given and all(
            question.memory.sensitivity <= each.terms.conditions.sensitivity
            for each in ancestors(question.policy, rule)
        ):
            single |= rule.terms.level == "memory"
            wide |= rule.terms.level != "memory"
    return single, wide


def applies(question: Question, caller: Caller, rule: Rule) -> bool:
    """To this caller, here, now, and in this context, with all that it was made from."""
    denies = rule.terms.effect == "deny"
    here = {"tenant": question.policy.tenant_id, "cube": question.cube_id, "memory": question.memory.memory_id}
    if rule.terms.resource_id != here[rule.terms.level.value] or (
        rule.terms.level == "memory" and rule.cube_id != question.cube_id
    ):
        return False
    if rule.terms.subject_id not in closure(question.policy, caller.principal_id, past_inactive=denies):
        return False
    chain = ancestors(question.policy, rule)
    return bool(chain) and all(holds(each, caller, question.now, denies) for each in chain)


def holds(rule: Rule, caller: Caller, now: datetime, denies: bool) -> bool:
    terms, asked = rule.terms, rule.terms.conditions
    if terms.not_before is not None and now < terms.not_before:
        return False
    if terms.expires_at is not None and terms.expires_at <= now:
        return False
    if asked.purposes and caller.purpose not in asked.purposes:
        return False
    if asked.sessions and caller.session_id not in asked.sessions:
        return False
    if asked.apps and caller.app not in asked.apps:
        return False
    if not asked.networks:
        return True
    try:
        address = ip_address(str(caller.address))
    except ValueError:
        return denies
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ip_network(network) for network in asked.networks)


def ancestors(policy: Policy, rule: Rule) -> list[Rule]:
    """Empty when one of them is gone."""
    found = [rule]
    while found[-1].terms.parent_id is not None:
        parents = [each for each in policy.rules if each.grant_id == found[-1].terms.parent_id]
        if not parents or len(found) == 8:
            return []
        found.append(parents[0])
    return found


def closure(policy: Policy, principal_id: UUID, *, past_inactive: bool) -> set[UUID]:
    found = {principal_id}
    for _ in range(8):
        for member in list(found):
            for group in policy.groups.get(member, ()):
                if past_inactive or group not in policy.inactive:
                    found.add(group)
    return found
