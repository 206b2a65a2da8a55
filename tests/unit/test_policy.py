"""Grants, groups and contexts: what follows from them, held against a second writing of the same rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mnemolog.domain.explanation import Question
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.membership import MAX_DEPTH
from mnemolog.domain.metadata import Governance, Sensitivity, Visibility, join
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel, MemoryLabel
from mnemolog.domain.policy import LONGEST_CHAIN, Policy, Rule, denies_of_merge, may_share
from mnemolog.domain.refusals import Invalid, InvalidMetadata
from tests import policies
from tests.policies import CUBES, GROUPS, MEMORIES, NOW, PEOPLE, SUBJECT, TENANT
from tests.unit.naive_policy import naive_code

ANN, BEN, CLEO = PEOPLE[:3]
KITCHEN = CubeLabel(TENANT, ANN)
HOUR = timedelta(hours=1)
seeds = st.integers(0, 2**40).map(Random)


def decided(question: Question) -> Code:
    return question.policy.decide(
        question.caller, question.action, question.memory, question.cube, question.cube_id, question.now
    )


def compared(cases: int) -> Counter[Code]:
    found: Counter[Code] = Counter()
    for seed in range(cases):
        question = policies.question(Random(seed))
        code = decided(question)
        assert code.value == naive_code(question), seed
        found[code] += 1
    return found


def test_a_policy_decides_as_plain_loops_over_all_its_rules_do() -> None:
    found = compared(4_000)
    asked = set(Code) - {Code.ERASED, Code.EXPIRED}
    assert all(found[code] > 20 for code in asked), found  # the cases reach every answer


@pytest.mark.long
def test_a_policy_decides_as_plain_loops_do_in_a_hundred_thousand_cases() -> None:
    compared(100_000)


@given(seeds)
def test_the_order_of_grants_and_groups_changes_nothing(random: Random) -> None:
    question = policies.question(random)
    known = question.policy
    shuffled = random.sample(known.rules, len(known.rules))
    groups = dict(random.sample(sorted(known.groups.items()), len(known.groups)))
    assert decided(replace(question, policy=replace(known, rules=tuple(shuffled), groups=groups))) is decided(question)


@given(seeds)
def test_what_an_agent_may_do_for_a_user_that_user_may_do_and_the_agent_too(random: Random) -> None:
    question = policies.question(random)
    caller = replace(question.caller, on_behalf_of=random.choice(PEOPLE))
    alone = replace(question, caller=replace(caller, on_behalf_of=None))
    user = question.policy.callers(caller)[1]
    both = decided(alone) is Code.ALLOWED and decided(replace(question, caller=user)) is Code.ALLOWED
    assert (decided(replace(question, caller=caller)) is Code.ALLOWED) is both


@given(seeds)
def test_what_has_expired_permits_nothing_whatever_runs_or_does_not(random: Random) -> None:
    question = policies.question(random)
    later, rules = NOW + timedelta(days=1), question.policy.rules
    lasting = tuple(rule for rule in rules if rule.terms.expires_at is None)  # the others ended hours ago
    assert decided(replace(question, now=later)) is decided(
        replace(question, now=later, policy=replace(question.policy, rules=lasting))
    )


@given(seeds)
def test_a_deny_more_never_allows_and_a_permit_more_never_forbids(random: Random) -> None:
    question = policies.question(random)
    for deny in (True, False):
        told = policies.terms(random, deny=deny)
        more = Rule(new_id(), told, ANN, policies.home(told.resource_id) if told.level is Level.MEMORY else None)
        after = decided(replace(question, policy=replace(question.policy, rules=(*question.policy.rules, more))))
        if (decided(question) is Code.ALLOWED) is not (after is Code.ALLOWED):
            assert (after is Code.ALLOWED) is not deny


@given(seeds)
def test_reaches_hold_until_the_moment_that_they_name(random: Random) -> None:
    question = policies.question(random)
    reach = question.policy.reach(question.caller, question.action, question.cube_id, question.now)
    if reach.valid_until is None:
        later = question.now + timedelta(days=400)
    else:
        later = reach.valid_until - timedelta(microseconds=1)
    again = replace(question.policy).reach(question.caller, question.action, question.cube_id, later)
    assert again == reach


def test_a_reach_that_is_kept_is_made_anew_when_a_time_limit_passes_and_for_another_context() -> None:
    policy = Policy(TENANT, 1, (grant(expires_at=NOW + HOUR, conditions=Conditions(apps=("notes",))),))
    caller = Caller(BEN, TENANT, SUBJECT, app="notes")
    for _ in range(2):
        seen = [policy.reach(caller, Action.READ, CUBES[0], NOW + hours * HOUR).cube for hours in (0, 1, 0)]
        assert seen == [Sensitivity.SECRET, -1, Sensitivity.SECRET]
        assert policy.reach(replace(caller, app=None), Action.READ, CUBES[0], NOW).cube == -1


def grant(
    subject: UUID = BEN, *actions: Action, level: Level = Level.CUBE, resource: UUID | None = None, **facts: Any
) -> Rule:
    on = resource or {Level.CUBE: CUBES[0], Level.TENANT: TENANT, Level.MEMORY: MEMORIES[0]}[level]
    told = {"effect": Effect.PERMIT, **facts}
    terms = Terms(subject_id=subject, level=level, resource_id=on, actions=frozenset(actions or {Action.READ}), **told)
    return Rule(new_id(), terms, ANN, None if level is Level.TENANT else CUBES[0])


def label(**facts: Any) -> MemoryLabel:
    told = {"visibility": Visibility.CUBE, "owner_id": ANN, "memory_id": MEMORIES[0], **facts}
    return replace(
        policies.memory(Random(0)),
        tenant_id=TENANT,
        purposes=(),
        access_control=(),
        session_id=None,
        sensitivity=Sensitivity.PERSONAL,
        **told,
    )


def code(policy: Policy, action: Action = Action.READ, memory: MemoryLabel | None = None, **context: Any) -> Code:
    caller = Caller(BEN, TENANT, SUBJECT, **context)
    return policy.decide(caller, action, memory or label(), KITCHEN, CUBES[0], NOW)


def test_a_grant_on_a_cube_or_tenant_opens_nothing_private_and_one_on_a_memory_does() -> None:
    private = label(visibility=Visibility.PRIVATE)
    for level, expected in ((Level.CUBE, Code.NO_PERMIT), (Level.TENANT, Code.NO_PERMIT), (Level.MEMORY, Code.ALLOWED)):
        assert code(Policy(TENANT, 1, (grant(level=level),)), memory=private) is expected


def test_to_administer_implies_to_read_and_to_share_and_nothing_else() -> None:
    policy = Policy(TENANT, 1, (grant(BEN, Action.ADMINISTER),))
    allowed = {action for action in Action if code(policy, action) is Code.ALLOWED}
    assert allowed == {Action.READ, Action.SHARE, Action.ADMINISTER}


def test_groups_are_followed_to_their_greatest_depth_and_no_further() -> None:
    chain = (BEN, *(new_id() for _ in range(MAX_DEPTH + 1)))
    groups = {member: frozenset({group}) for member, group in pairwise(chain)}
    for group, expected in ((chain[MAX_DEPTH], Code.ALLOWED), (chain[MAX_DEPTH + 1], Code.NO_PERMIT)):
        assert code(Policy(TENANT, 1, (grant(group),), groups=groups)) is expected


def test_a_group_that_was_deactivated_gives_nothing_and_what_is_denied_to_it_stays_denied() -> None:
    groups, inactive = {BEN: frozenset({GROUPS[0]})}, frozenset({GROUPS[0]})
    permit, deny = grant(GROUPS[0]), grant(GROUPS[0], effect=Effect.DENY)
    assert code(Policy(TENANT, 1, (permit,), groups, inactive=inactive)) is Code.NO_PERMIT
    assert code(Policy(TENANT, 1, (grant(), deny), groups, inactive=inactive)) is Code.DENIED


def test_a_network_that_is_denied_is_denied_also_in_the_notation_of_the_other_kind_of_address() -> None:
    deny = grant(effect=Effect.DENY, conditions=Conditions(networks=("10.0.0.0/8",)))
    policy = Policy(TENANT, 1, (grant(), deny))
    codes = [code(policy, address=each) for each in ("10.1.1.1", "::ffff:10.1.1.1", "11.0.0.1", None, "nowhere")]
    assert codes == [Code.DENIED, Code.DENIED, Code.ALLOWED, Code.DENIED, Code.DENIED]


def test_a_grant_on_a_memory_lets_nobody_use_another_cube() -> None:
    policy = Policy(TENANT, 1, (grant(level=Level.MEMORY),))
    caller = Caller(BEN, TENANT, SUBJECT)
    assert policy.may_use_cube(caller, Action.READ, KITCHEN, CUBES[0], NOW)
    assert not policy.may_use_cube(caller, Action.READ, KITCHEN, CUBES[1], NOW)


def test_revoking_a_grant_ends_all_that_were_made_from_it() -> None:
    first = grant(CLEO, Action.READ, Action.SHARE, delegable=True)
    second = grant(BEN, parent_id=first.grant_id)
    assert code(Policy(TENANT, 1, (first, second))) is Code.ALLOWED
    assert code(Policy(TENANT, 1, (second,))) is Code.NO_PERMIT


def nothing_of_its_own(caller: Caller, action: Action) -> bool:
    return False


@given(seeds)
def test_what_is_passed_on_gives_nobody_more_than_whoever_passed_it_on_was_given(random: Random) -> None:
    chain = [grant(PEOPLE[0], *random.sample(policies.ACTIONS, 5), Action.SHARE, delegable=True)]
    for number in range(1, LONGEST_CHAIN):
        giver, parent = Caller(PEOPLE[(number - 1) % 5], TENANT, SUBJECT), chain[-1]
        wanted = policies.terms(random, Level.CUBE, CUBES[0], deny=False, parent_id=parent.grant_id)
        actions = frozenset(random.sample(sorted(parent.terms.implied), random.randint(1, len(parent.terms.implied))))
        wanted = replace(wanted, subject_id=PEOPLE[number % 5], actions=actions | {Action.SHARE}, delegable=True)
        wanted = replace(wanted, not_before=None, expires_at=None) if random.random() < 0.5 else wanted
        giver = replace(policies.caller(random, Policy(TENANT, 1)), principal_id=giver.principal_id, on_behalf_of=None)
        if not may_share(Policy(TENANT, 1, tuple(chain)), giver, wanted, nothing_of_its_own, NOW):
            break
        chain.append(Rule(new_id(), wanted, giver.principal_id, CUBES[0]))
    policy = Policy(TENANT, 1, tuple(chain))
    context = policies.caller(random, policy)
    now = random.choice(policies.MOMENTS)
    for parent, child in pairwise(chain):
        for action in Action:
            given = Policy(TENANT, 1, (*chain[: chain.index(child)], child))
            below = given.is_live(child, context, now) and action in child.terms.implied
            above = given.is_live(parent, context, now) and action in parent.terms.implied
            assert not below or (above and given.sensitivity(child) <= given.sensitivity(parent))


@pytest.mark.parametrize(
    "wider",
    [
        {"actions": frozenset({Action.READ, Action.SHARE, Action.ERASE})},
        {"expires_at": NOW + 2 * HOUR},
        {"expires_at": None},
        {"not_before": None},
        {"conditions": Conditions()},
        {"conditions": Conditions(purposes=("care", "research"))},
        {"level": Level.TENANT, "resource_id": TENANT},
        {"level": Level.MEMORY, "resource_id": MEMORIES[0]},
        {"resource_id": CUBES[1]},
        {"actions": frozenset({Action.ADMINISTER})},
    ],
    ids=lambda wider: "-".join(wider),
)
def test_nothing_wider_than_the_grant_can_be_passed_on(wider: dict[str, Any]) -> None:
    own = grant(BEN, Action.READ, Action.SHARE, delegable=True, conditions=Conditions(purposes=("care",)),
                not_before=NOW - HOUR, expires_at=NOW + HOUR)  # fmt: skip
    same = replace(own.terms, subject_id=CLEO, parent_id=own.grant_id)
    policy, caller = Policy(TENANT, 1, (own,)), Caller(BEN, TENANT, SUBJECT, purpose="care")
    assert may_share(policy, caller, same, nothing_of_its_own, NOW)
    assert not may_share(policy, caller, replace(same, **wider), nothing_of_its_own, NOW)


def test_a_grant_on_a_tenant_can_be_passed_on_for_one_of_its_cubes() -> None:
    own = grant(BEN, Action.READ, Action.SHARE, level=Level.TENANT, delegable=True)
    narrower = replace(own.terms, level=Level.CUBE, resource_id=CUBES[0], parent_id=own.grant_id)
    assert may_share(Policy(TENANT, 1, (own,)), Caller(BEN, TENANT, SUBJECT), narrower, nothing_of_its_own, NOW)


def test_nobody_passes_on_what_is_not_theirs_has_ended_or_may_not_be_passed_on() -> None:
    own = grant(BEN, Action.READ, Action.SHARE, delegable=True)
    terms = replace(own.terms, subject_id=CLEO, parent_id=own.grant_id)
    ben, cleo = Caller(BEN, TENANT, SUBJECT), Caller(CLEO, TENANT, SUBJECT)

    def may(rule: Rule, caller: Caller = ben) -> bool:
        return may_share(
            Policy(TENANT, 1, (replace(rule, grant_id=own.grant_id),)), caller, terms, nothing_of_its_own, NOW
        )

    assert may(own)
    assert not may(own, cleo)
    assert not may(own, replace(ben, scopes=frozenset({Action.READ})))
    assert not may(replace(own, terms=replace(own.terms, delegable=False)))
    assert not may(replace(own, terms=replace(own.terms, expires_at=NOW)))
    assert not may(replace(own, terms=replace(own.terms, actions=frozenset({Action.READ}))))


def test_an_agent_gives_no_more_than_the_user_for_whom_it_acts() -> None:
    owns = {BEN}

    def own(caller: Caller, action: Action) -> bool:
        return caller.principal_id in owns

    terms = grant(CLEO).terms
    agent = Caller(BEN, TENANT, SUBJECT, on_behalf_of=ANN)
    assert not may_share(Policy(TENANT, 1), agent, terms, own, NOW)
    owns.add(ANN)
    assert may_share(Policy(TENANT, 1), agent, terms, own, NOW)


@pytest.mark.parametrize("action", [Action.TRAIN_ON, Action.CACHE])
def test_to_train_and_to_cache_is_given_by_whoever_administers(action: Action) -> None:
    rights = {Action.SHARE, Action.READ, action}

    def own(caller: Caller, asked: Action) -> bool:
        return asked in rights

    terms, caller = grant(CLEO, action).terms, Caller(BEN, TENANT, SUBJECT)
    assert not may_share(Policy(TENANT, 1), caller, terms, own, NOW)
    rights.add(Action.ADMINISTER)
    assert may_share(Policy(TENANT, 1), caller, terms, own, NOW)


@given(seeds)
def test_whoever_is_denied_a_parent_is_denied_what_it_was_merged_into(random: Random) -> None:
    question = policies.question(random)
    parents, result_id = MEMORIES[::2], new_id()  # of one cube
    question = replace(question, cube_id=policies.home(parents[0]))
    denies = denies_of_merge(question.policy, question.caller, parents, result_id)
    rules = tuple(Rule(each.id, each.terms, ANN, each.cube_id) for each in denies)
    after = replace(question.policy, rules=(*question.policy.rules, *rules))
    for parent in parents:
        of_parent = decided(replace(question, memory=replace(question.memory, memory_id=parent)))
        if of_parent is Code.DENIED:
            merged = replace(question.memory, memory_id=result_id)
            assert decided(replace(question, policy=after, memory=merged)) is Code.DENIED


@given(seeds, st.data())
def test_a_merge_opens_to_nobody_but_its_maker_what_grants_do_not_open_in_every_parent(
    random: Random, data: st.DataObject
) -> None:
    question = policies.question(random)
    labels = [replace(policies.memory(random), tenant_id=TENANT) for _ in range(2)]
    governances = [
        Governance(owner_id=each.owner_id, visibility=each.visibility, session_id=SESSION, sensitivity=each.sensitivity,
                   access_control=each.access_control, purposes=each.purposes) for each in labels
    ]  # fmt: skip
    try:
        joined = join(governances, CLEO)
    except InvalidMetadata:
        return

    def told(governance: Governance) -> MemoryLabel:
        return MemoryLabel(
            TENANT, governance.owner_id, State.ACTIVATED, governance.visibility, governance.session_id,
            governance.access_control, governance.sensitivity, governance.purposes, new_id(),
        )  # fmt: skip

    assume(question.caller.principal_id != CLEO and question.caller.on_behalf_of != CLEO)
    asked = replace(question, action=Action.READ)
    if decided(replace(asked, memory=told(joined))) is Code.ALLOWED:
        assert all(decided(replace(asked, memory=told(each))) is Code.ALLOWED for each in governances)


SESSION = policies.SESSIONS[0]


@pytest.mark.parametrize(
    "said",
    [
        {"networks": ("ten",)},
        {"networks": ("10.0.0.1/8",)},
        {"purposes": ("",)},
        {"apps": ("a\x00b",)},
        {"purposes": tuple(map(str, range(65)))},
    ],
    ids=str,
)
def test_conditions_that_mean_nothing_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Conditions(**said)


@given(seeds)
def test_terms_are_read_as_they_were_written(random: Random) -> None:
    terms = policies.terms(random)
    assert Terms.from_json(terms.to_json()) == terms
