"""Groups and roles over REST."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import uuid4

from mnemolog.domain.membership import MAX_DEPTH
from tests.acceptance.test_rest_keys import issued, registered
from tests.served import Served, refusal


def join(served: Served, group: str, member: str) -> tuple[int, str]:
    response = served.client.put(f"/v1/principals/{group}/members/{member}")
    return (200, "") if response.status_code == 200 else refusal(response)


def members(served: Served, group: str, **params: int) -> list[str]:
    page = served.client.get(f"/v1/principals/{group}/members", params=params).json()
    return [row["member_id"] for row in page["items"]]


def test_members_come_and_go_and_are_known_as_of_any_position(served: Served) -> None:
    group, user, agent = registered(served, "group"), registered(served, "user"), registered(served)
    start = served.head()
    first = served.client.put(f"/v1/principals/{group}/members/{user}").json()["position"]
    second = served.client.put(f"/v1/principals/{group}/members/{agent}").json()["position"]
    third = served.client.delete(f"/v1/principals/{group}/members/{user}").json()["position"]
    at = [members(served, group, at=position) for position in (start, first, second, third)]
    assert at == [[], [user], [user, agent], [agent]]
    assert members(served, group) == [agent]
    assert refusal(served.client.delete(f"/v1/principals/{group}/members/{user}")) == (404, "not_found")


def test_joining_twice_is_recorded_once(served: Served) -> None:
    group, user = registered(served, "role"), registered(served, "user")
    assert join(served, group, user) == (200, "")
    before = served.head()
    assert join(served, group, user) == (200, "")
    assert served.head() == before


def test_no_group_contains_itself_and_no_chain_is_too_long(served: Served) -> None:
    chain = [registered(served, "group") for _ in range(MAX_DEPTH + 1)]
    for outer, inner in pairwise(chain[:MAX_DEPTH]):
        assert join(served, outer, inner) == (200, "")
    before = served.head()
    for place, group in enumerate(chain[:MAX_DEPTH]):
        for above in chain[: place + 1]:
            assert join(served, group, above) == (409, "cannot_join")
    assert join(served, chain[MAX_DEPTH - 1], chain[MAX_DEPTH]) == (409, "cannot_join")
    assert join(served, registered(served, "role"), registered(served, "role")) == (409, "cannot_join")
    assert served.head() == before + 2


def test_of_two_halves_of_a_cycle_that_meet_one_is_refused(served: Served) -> None:
    for _ in range(5):
        one, other = registered(served, "group"), registered(served, "group")
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda pair: join(served, *pair), [(one, other), (other, one)]))
        assert sorted(answers) == [(200, ""), (409, "cannot_join")]


def test_who_belongs_to_a_group_sees_its_members_and_nobody_else_does(served: Served) -> None:
    outer, inner, user = registered(served, "group"), registered(served, "group"), registered(served, "user")
    assert join(served, outer, inner) == join(served, inner, user) == (200, "")
    with served.holding(issued(served, user)["key"]) as member, served.agent() as outsider:
        for group in (outer, inner):
            assert member.get(f"/v1/principals/{group}/members").status_code == 200
            for client in (outsider, served.stranger):
                missing = refusal(client.get(f"/v1/principals/{uuid4()}/members"))
                assert refusal(client.get(f"/v1/principals/{group}/members")) == missing == (404, "principal_not_found")
        assert refusal(member.put(f"/v1/principals/{inner}/members/{user}")) == (403, "denied")
        assert refusal(member.delete(f"/v1/principals/{inner}/members/{user}")) == (403, "denied")


def test_nobody_of_another_tenant_joins_or_is_joined(served: Served) -> None:
    group, stranger = registered(served, "group"), served.stranger.get("/v1/principals").json()["items"][0]
    before = served.head()
    assert join(served, group, stranger["principal_id"]) == (404, "principal_not_found")
    assert join(served, registered(served, "user"), group) == (404, "principal_not_found")
    path = f"/v1/principals/{group}/members/{stranger['principal_id']}"
    assert refusal(served.stranger.put(path)) == (404, "principal_not_found")
    assert served.head() == before + 2
