"""An explanation is a second judge, who says why; and what it says would allow something does allow it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.explanation import Question, Verdict, derive, finding_json, referee_text
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.nearest_change import Kind, nearest_change
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel, MemoryLabel
from mnemolog.domain.policy import Policy, Rule
from tests import policies
from tests.policies import CUBES, GROUPS, MEMORIES, NOW, PEOPLE, SESSIONS, SUBJECT, TENANT

ANN, BEN, CLEO = PEOPLE[:3]
HOUR = timedelta(hours=1)
seeds = st.integers(0, 2**40).map(Random)
DENY_ID, GRANT_ID, PARENT_ID = (UUID(int=number) for number in (201, 202, 203))


def decided(question: Question) -> Code:
    return question.policy.decide(
        question.caller, question.action, question.memory, question.cube, question.cube_id, question.now
    )


def test_an_explanation_always_comes_to_the_decision() -> None:
    for seed in range(4_000):
        question = policies.question(Random(seed))
        code, findings = derive(question)
        assert code is decided(question), seed
        deciding = findings[0]
        assert deciding.code is code
        assert (deciding.verdict is Verdict.PERMITS) is (code is Code.ALLOWED), seed


@given(seeds)
def test_what_would_allow_it_allows_it_and_nothing_of_it_can_be_left_out(random: Random) -> None:
    question = policies.question(random)
    changes = nearest_change(question)
    if decided(question) is Code.ALLOWED:
        assert changes == ()
        return
    if not changes:
        assert decided(question) is Code.TENANT
        return
    after = question
    for change in changes:
        assert decided(after) is not Code.ALLOWED
        after = change.made(after)
    assert decided(after) is Code.ALLOWED


@given(seeds)
def test_an_explanation_can_be_told_to_people_and_as_json(random: Random) -> None:
    question = policies.question(random)
    _, findings = derive(question)
    lines = referee_text(findings, {})
    assert len(lines) == len(findings)
    assert lines[0].startswith(">")
    assert len(orjson.loads(orjson.dumps([finding_json(each) for each in findings]))) == len(findings)
    assert all(change.text({}) for change in nearest_change(question))


def asked(*rules: Rule, action: Action = Action.READ, memory: dict[str, Any] | None = None, **context: Any) -> Question:
    """Ben asks about a memory of Ann in the cube of Ann."""
    facts = {"inactive": context.pop("inactive", frozenset()), "groups": context.pop("groups", {})}
    label = MemoryLabel(TENANT, ANN, State.ACTIVATED, Visibility.CUBE, memory_id=MEMORIES[1])
    return Question(
        policy=Policy(TENANT, 1, rules, **facts),
        caller=Caller(BEN, TENANT, SUBJECT, **context),
        action=action,
        memory=replace(label, **(memory or {})),
        cube=CubeLabel(TENANT, ANN),
        cube_id=CUBES[0],
        now=NOW,
    )


def grant(grant_id: UUID = GRANT_ID, *, actions: frozenset[Action] = frozenset({Action.READ}), **facts: Any) -> Rule:
    told = {"effect": Effect.PERMIT, "subject_id": BEN, "level": Level.CUBE, "resource_id": CUBES[0], **facts}
    return Rule(grant_id, Terms(actions=actions, **told), ANN, CUBES[0])


def changes(question: Question) -> list[str]:
    names = {CUBES[0]: "kitchen", BEN: "Ben"}
    return [change.text(names) for change in nearest_change(question)]


def why(question: Question) -> str:
    return derive(question)[1][0].why


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (asked(), ["a grant of read on cube kitchen for Ben"]),
        (
            asked(action=Action.WRITE),
            ["a grant of read on cube kitchen for Ben", "a grant of write on cube kitchen for Ben"],
        ),
        (asked(grant(), memory={"purposes": ("care",)}), ["declare purpose care"]),
        (asked(grant(conditions=Conditions(purposes=("care",)))), ["declare purpose care"]),
        (asked(grant(conditions=Conditions(apps=("notes",)))), ["ask with app notes"]),
        (
            asked(grant(), memory={"visibility": Visibility.SESSION, "session_id": SESSIONS[0]}),
            [f"act in session {SESSIONS[0]}"],
        ),
        (asked(grant(), grant(DENY_ID, effect=Effect.DENY)), [f"revoke deny {DENY_ID}"]),
        (asked(grant(), inactive=frozenset({BEN})), ["reactivate Ben"]),
        (asked(grant(), scopes=frozenset({Action.WRITE})), ["use a key that may read"]),
        (
            asked(grant(expires_at=NOW - HOUR)),
            [f"a grant of read on cube kitchen for Ben (grant {GRANT_ID} ended at {NOW - HOUR})"],
        ),
        (asked(memory={"visibility": Visibility.PRIVATE}), [f"a grant of read on memory {MEMORIES[1]} for Ben"]),
        (asked(grant(), action=Action.TRAIN_ON), ["a grant of train_on on cube kitchen for Ben"]),
    ],
)
def test_the_nearest_change_is_what_a_person_would_do(question: Question, expected: list[str]) -> None:
    assert changes(question) == expected


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (grant(not_before=NOW + HOUR), "it begins at 2026-01-01T13:00:00+00:00"),
        (grant(expires_at=NOW), "it expired at 2026-01-01T12:00:00+00:00"),
        (grant(conditions=Conditions(purposes=("care",))), "it is for care; no purpose was declared"),
        (grant(conditions=Conditions(sessions=(SESSIONS[0],))), "it is for other sessions"),
        (grant(conditions=Conditions(apps=("notes",))), "it is for notes, not for an unnamed app"),
        (grant(conditions=Conditions(networks=("10.0.0.0/8",))), "it is for requests from 10.0.0.0/8"),
        (
            grant(conditions=Conditions(sensitivity=Sensitivity.PUBLIC)),
            "the memory is personal, which is more than it permits",
        ),
        (grant(parent_id=PARENT_ID), "a grant that it was made from is gone"),
        (grant(actions=frozenset({Action.ERASE})), "it permits to erase only"),
    ],
)
def test_a_grant_that_does_not_count_says_why(rule: Rule, said: str) -> None:
    _, findings = derive(asked(rule))
    (told,) = [each for each in findings if each.grant_id == GRANT_ID]
    assert told.verdict is Verdict.IGNORED
    assert told.why.endswith(said)


def test_a_grant_is_told_with_the_way_through_groups_and_what_it_was_made_from_and_how_long_it_holds() -> None:
    inner, outer = GROUPS[:2]
    parent = grant(PARENT_ID, subject_id=CLEO, delegable=True, expires_at=NOW + HOUR)
    question = asked(
        parent,
        grant(subject_id=outer, parent_id=PARENT_ID),
        groups={BEN: frozenset({inner}), inner: frozenset({outer})},
    )
    code, findings = derive(question)
    assert code is Code.ALLOWED
    assert findings[0].path == (BEN, inner, outer)
    assert findings[0].chain == (GRANT_ID, PARENT_ID)
    names = {inner: "cooks", outer: "kitchen staff", PARENT_ID: "the first"}
    assert findings[0].text(names) == (
        f"permits  grant: {GRANT_ID} says that it permits to read the cube, through cooks > kitchen staff, "
        "made from the first (until 2026-01-01T13:00:00+00:00)"
    )


def test_of_an_agent_and_its_user_whoever_is_not_allowed_decides() -> None:
    question = asked(grant(), on_behalf_of=CLEO)
    code, findings = derive(question)
    assert (code, findings[0].principal_id) == (Code.NO_PERMIT, CLEO)
    assert [change.kind for change in nearest_change(question)] == [Kind.GRANT]
    assert {each.principal_id for each in findings} == {BEN, CLEO}
    assert any(f"for {CLEO}" in line for line in referee_text(findings, {}))


def test_a_deny_decides_before_all_that_permits() -> None:
    question = asked(grant(), grant(DENY_ID, effect=Effect.DENY), memory={"owner_id": BEN})
    code, findings = derive(question)
    assert (code, findings[0].grant_id) == (Code.DENIED, DENY_ID)
    assert sum(each.verdict is Verdict.PERMITS for each in findings) == 2  # told all the same


def test_nothing_within_a_tenant_opens_another() -> None:
    question = replace(asked(), caller=Caller(BEN, policies.OTHER_TENANT, SUBJECT))
    assert why(question) == "another tenant"
    assert changes(question) == []
