from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.registry import Registry
from mnemolog.api.settings import Settings
from mnemolog.api.throttle import Throttle
from mnemolog.domain.identity import new_id
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import TooManyRequests

AMPLE = Settings(
    home=Path("unused"),
    rate_per_key=1e9,
    rate_per_tenant=1e9,
    concurrent_per_key=10**9,
    concurrent_per_tenant=10**9,
)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def caller(tenant_id: UUID, key_id: UUID | None = None) -> Caller:
    return Caller(new_id(), tenant_id, new_id(), key_id=key_id or new_id())


@pytest.fixture
def registry(application: LogApplication) -> Registry:
    return Registry(application.datastore)


def accepted(throttle: Throttle, who: Caller, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            throttle.enter(who)()
        except TooManyRequests:
            continue
        count += 1
    return count


def test_a_key_has_two_seconds_worth_at_once_and_then_its_rate(registry: Registry) -> None:
    clock = Hand()
    throttle, who = Throttle(replace(AMPLE, rate_per_key=5), registry, clock), caller(new_id())
    assert accepted(throttle, who, 100) == 10
    clock.now += 1
    assert accepted(throttle, who, 100) == 5
    clock.now += 1000
    assert accepted(throttle, who, 100) == 10


def test_another_key_is_not_held_up_unless_it_is_of_the_same_tenant(registry: Registry) -> None:
    throttle = Throttle(replace(AMPLE, rate_per_tenant=2), registry, Hand())
    one, other = new_id(), new_id()
    assert accepted(throttle, caller(one), 10) == 4
    assert accepted(throttle, caller(one), 10) == 0
    assert accepted(throttle, caller(other), 10) == 4


def test_what_is_refused_says_how_long_to_wait_and_then_is_accepted(registry: Registry) -> None:
    clock = Hand()
    throttle, who = Throttle(replace(AMPLE, rate_per_key=0.1), registry, clock), caller(new_id())
    throttle.enter(who)()
    with pytest.raises(TooManyRequests) as refused:
        throttle.enter(who)
    assert refused.value.facts["retry_after"] == 10
    clock.now += 10
    throttle.enter(who)()


@pytest.mark.parametrize(
    "limits", [replace(AMPLE, concurrent_per_key=3), replace(AMPLE, concurrent_per_tenant=3)], ids=["key", "tenant"]
)
def test_so_many_at_once_and_no_more_until_one_leaves(registry: Registry, limits: Settings) -> None:
    throttle, who = Throttle(limits, registry, Hand()), caller(new_id())
    leaving = [throttle.enter(who) for _ in range(3)]
    with pytest.raises(TooManyRequests, match="at once"):
        throttle.enter(who)
    leaving.pop()()
    throttle.enter(who)


def test_a_refused_request_costs_its_tenant_nothing(registry: Registry) -> None:
    throttle, tenant_id = Throttle(replace(AMPLE, rate_per_key=1, rate_per_tenant=3), registry, Hand()), new_id()
    assert accepted(throttle, caller(tenant_id), 100) == 2
    assert accepted(throttle, caller(tenant_id), 100) == 2
    assert accepted(throttle, caller(tenant_id), 100) == 2
    assert accepted(throttle, caller(tenant_id), 100) == 0


@given(steps=st.lists(st.floats(0, 3), max_size=60), rate=st.floats(0.1, 20))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_more_than_the_rate_and_one_burst(registry: Registry, steps: list[float], rate: float) -> None:
    clock = Hand()
    throttle, who, count = Throttle(replace(AMPLE, rate_per_key=rate), registry, clock), caller(new_id()), 0
    for step in steps:
        clock.now += step
        count += accepted(throttle, who, 5)
        assert count <= max(1.0, 2 * rate) + rate * clock.now + 1e-6


def test_those_who_have_been_quiet_are_forgotten(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemolog.api.throttle.REMEMBERED", 10)
    clock = Hand()
    throttle, tenant_id = Throttle(AMPLE, registry, clock), new_id()
    staying = throttle.enter(caller(tenant_id))
    for _ in range(50):
        throttle.enter(caller(tenant_id))()
        clock.now += 60
    assert len(throttle._buckets) < 20
    staying()
