"""Memories over REST: remember, read, change, list, link, merge, expire."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemolog.domain.content import MAX_TEXT_BYTES
from tests.served import Served, refusal

SHARED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=200)


def of(memory_id: UUID, part: str = "") -> str:
    return f"/v1/memories/{memory_id}{part}"


def test_one_memory_is_created_and_found_where_the_answer_says(served: Served) -> None:
    cube = served.cube()
    response = served.client.post(f"/v1/cubes/{cube}/memories", json={"text": "Ada likes pears.", "tags": ["fruit"]})
    assert response.status_code == 201
    written = response.json()
    assert response.headers["mnemolog-position"] == str(written["position"])
    found = served.client.get(response.headers["location"])
    assert found.headers["etag"] == f'"{found.json()["version"]}"'
    assert found.json() | {"text": "Ada likes pears.", "tags": ["fruit"], "state": "activated"} == found.json()
    assert [found.json()["memory_id"]] == written["memory_ids"]


def test_moments_are_told_in_utc(served: Served) -> None:
    memory = served.client.get(of(served.remember(occurred_at="2026-05-01T12:00:00+02:00"))).json()
    assert memory["occurred_at"] == "2026-05-01T10:00:00+00:00"


def test_many_memories_are_one_append(served: Served) -> None:
    cube, before = served.cube(), served.head()
    body = {"memories": [{"text": f"number {n}"} for n in range(3)]}
    response = served.client.post(f"/v1/cubes/{cube}/memories", json=body)
    assert response.status_code == 201
    assert "location" not in response.headers
    items = served.client.get(f"/v1/cubes/{cube}/memories").json()["items"]
    assert [item["memory_id"] for item in items] == response.json()["memory_ids"]
    assert [item["text"] for item in items] == ["number 0", "number 1", "number 2"]
    assert response.json()["position"] == served.head() > before


def test_many_memories_are_stored_all_or_none(served: Served) -> None:
    cube, before = served.cube(), served.head()
    body = {"memories": [{"text": "good"}, {"text": "bad", "priority": 11}]}
    assert refusal(served.client.post(f"/v1/cubes/{cube}/memories", json=body)) == (422, "invalid_metadata")
    assert served.client.get(f"/v1/cubes/{cube}/memories").json()["items"] == []
    assert served.head() == before


def test_each_message_of_a_chat_becomes_a_memory_that_is_trusted_by_who_said_it(served: Served) -> None:
    cube, context = served.cube(), str(uuid4())
    messages = [
        {"role": "user", "content": "I moved to Oslo.", "name": "Ada", "timestamp": "2026-05-01T12:00:00Z"},
        {"role": "assistant", "content": "Noted."},
        {"role": "system", "content": "Be kind."},
        {"role": "tool", "content": "weather: rain"},
    ]
    body = {"messages": messages, "context_id": context, "memory_type": "user"}
    assert served.client.post(f"/v1/cubes/{cube}/memories", json=body).status_code == 201
    items = served.client.get(f"/v1/cubes/{cube}/memories").json()["items"]
    governance = [item["governance"] for item in items]
    assert [item["text"] for item in items] == [message["content"] for message in messages]
    assert [item["speaker"] for item in items] == ["Ada", "assistant", "system", "tool"]
    assert [each["source"] for each in governance] == ["user", "agent", "user", "tool"]
    assert items[0]["trust"] > items[1]["trust"]
    assert {each["semantic_type"] for each in governance} == {"dialogue"}
    assert {each["memory_type"] for each in governance} == {"user"}
    assert {each["context_id"] for each in governance} == {context}
    assert items[0]["occurred_at"] == "2026-05-01T12:00:00+00:00"


@SHARED
@given(text=TEXTS, background=st.none() | TEXTS)
def test_texts_come_back_as_they_were_sent(served: Served, text: str, background: str | None) -> None:
    response = served.client.post("/v1/cubes/main/memories", json={"text": text, "background": background})
    if not text.strip() or (background is not None and not background.strip()):
        assert refusal(response) == (422, "invalid_text")
        return
    memory = served.client.get(response.headers["location"]).json()
    assert (memory["text"], memory["background"]) == (text, background)


@pytest.mark.parametrize(
    "text", ["é" * (MAX_TEXT_BYTES // 2), "\U0001f9e0 \r\n\t\x7f\ufeff\u2028", "مرحبا", "ｆｕｌｌ"]
)
def test_long_and_rare_texts_come_back_as_they_were_sent(served: Served, text: str) -> None:
    assert served.client.get(of(served.remember(text))).json()["text"] == text


def test_an_escaped_surrogate_pair_is_one_character(served: Served) -> None:
    cube = served.cube()
    body = rb'{"text": "\ud83e\udde0"}'
    headers = {"Content-Type": "application/json"}
    response = served.client.post(f"/v1/cubes/{cube}/memories", content=body, headers=headers)
    assert served.client.get(response.headers["location"]).json()["text"] == "\U0001f9e0"


def test_only_what_is_named_changes(served: Served) -> None:
    memory_id = served.remember(key="tea", tags=["kitchen"], priority=7)
    before = served.client.get(of(memory_id)).json()
    response = served.client.patch(of(memory_id), json={"text": "Tea is in the red tin.", "key": None})
    assert response.headers["mnemolog-position"] == str(response.json()["position"])
    after = served.client.get(of(memory_id)).json()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"text", "key", "version", "changed_at", "position"}
    assert after["text"] == "Tea is in the red tin."
    assert after["key"] is None


def test_a_change_can_name_the_version_that_it_changes(served: Served) -> None:
    memory_id = served.remember()
    etag = served.client.get(of(memory_id)).headers["etag"]
    first = served.client.patch(of(memory_id), json={"text": "first"}, headers={"If-Match": etag})
    assert first.status_code == 200
    second = served.client.patch(of(memory_id), json={"text": "second"}, headers={"If-Match": etag})
    assert refusal(second) == (412, "stale_version")
    assert second.json()["actual"] == second.json()["expected"] + 1
    assert served.client.patch(of(memory_id), json={"text": "third"}, headers={"If-Match": "*"}).status_code == 200


def test_of_many_changes_of_one_version_one_is_made(served: Served) -> None:
    memory_id = served.remember()
    etag = served.client.get(of(memory_id)).headers["etag"]

    def change(number: int) -> int:
        body = {"text": f"by writer {number}"}
        return served.client.patch(of(memory_id), json=body, headers={"If-Match": etag}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(change, range(8))) == [200] + [412] * 7


@pytest.mark.parametrize(
    "body", [{"text": "once"}, {"memories": [{"text": "once"}, {"text": "and more"}]}], ids=["one", "many"]
)
def test_a_repeated_request_is_done_once_and_answered_alike(served: Served, body: dict[str, Any]) -> None:
    cube, headers = served.cube(), {"Idempotency-Key": str(uuid4())}
    first = served.client.post(f"/v1/cubes/{cube}/memories", json=body, headers=headers)
    head = served.head()
    again = served.client.post(f"/v1/cubes/{cube}/memories", json=body, headers=headers)
    assert again.status_code == 201
    assert again.json() == first.json() | {"replayed": True}
    assert again.headers.get("location") == first.headers.get("location")
    assert served.head() == head


def test_a_list_is_narrowed_by_each_of_its_filters(served: Served) -> None:
    cube, context = served.cube(), str(uuid4())
    wanted = served.remember(
        "wanted",
        cube=cube,
        key="k",
        tags=["a", "b"],
        memory_type="preference",
        semantic_type="opinion",
        source="web",
        priority=8,
        context_id=context,
        occurred_at="2020-06-01T00:00:00Z",
    )
    served.remember("other", cube=cube, key="other", tags=["a"], priority=2)
    owner = served.client.get(of(wanted)).json()["governance"]["owner_id"]
    filters: list[dict[str, Any]] = [
        {"key": "k"},
        {"tag": ["a", "b"]},
        {"memory_type": "preference"},
        {"semantic_type": ["opinion", "procedure"]},
        {"source": "web"},
        {"min_priority": 5},
        {"context_id": context},
        {"until": "2021-01-01T00:00:00Z"},
        {"since": "2020-01-01T00:00:00+00:00", "until": "2021-01-01T00:00:00+00:00"},
    ]
    for each in filters:
        items = served.client.get(f"/v1/cubes/{cube}/memories", params=each).json()["items"]
        assert [item["text"] for item in items] == ["wanted"], each
    for each in ({"state": "archived"}, {"owner_id": str(uuid4())}, {"session_id": str(uuid4())}):
        assert served.client.get(f"/v1/cubes/{cube}/memories", params=each).json()["items"] == []
    everything = {"state": "activated", "owner_id": owner, "tag": "a"}
    assert len(served.client.get(f"/v1/cubes/{cube}/memories", params=everything).json()["items"]) == 2


def test_a_list_takes_the_filter_that_recall_takes(served: Served) -> None:
    cube = served.cube()
    for text, facts in (("Ada's", {"speaker": "Ada", "priority": 9}), ("Ben's", {"speaker": "Ben", "priority": 9})):
        served.remember(text, cube=cube, tags=["t"], **facts)
    served.remember("nobody's", cube=cube, tags=["t"])
    wanted = {"or": [{"field": "speaker", "eq": "ADA"}, {"not": {"field": "priority", "gte": 6}}]}
    asked: dict[str, Any] = {"filter": json.dumps(wanted), "tag": "t"}
    path = f"/v1/cubes/{cube}/memories"
    page = served.client.get(path, params=asked).json()
    recalled = served.client.post("/v1/recall", json={"cube": cube, "query": "whose", "filter": wanted}).json()
    assert [item["text"] for item in page["items"]] == ["Ada's", "nobody's"]
    assert {hit["text"] for hit in recalled["hits"]} == {"Ada's", "nobody's"}
    first = served.client.get(path, params={**asked, "limit": 1}).json()
    rest = served.client.get(path, params={**asked, "cursor": first["next"]}).json()
    assert [*first["items"], *rest["items"]] == page["items"]
    served.remember("later", cube=cube, tags=["t"], speaker="Ada")
    then = served.client.get(path, params={**asked, "at": page["position"]}).json()
    assert then["items"] == page["items"]
    assert len(served.client.get(path, params=asked).json()["items"]) == 3


def test_pages_follow_each_other_without_gap_or_repetition(served: Served) -> None:
    cube = served.cube()
    served.client.post(f"/v1/cubes/{cube}/memories", json={"memories": [{"text": f"{n}"} for n in range(7)]})
    texts: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        params = {"limit": "3"} | ({} if cursor is None else {"cursor": cursor})
        page = served.client.get(f"/v1/cubes/{cube}/memories", params=params).json()
        texts += [item["text"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert texts == [f"{n}" for n in range(7)]


def test_history_tells_a_life_from_the_first_word(served: Served) -> None:
    memory_id = served.remember("before")
    served.client.patch(of(memory_id), json={"text": "after"})
    served.client.post(of(memory_id, "/transitions"), json={"to": "archived", "reason": "superseded"})
    events = served.client.get(of(memory_id, "/history")).json()["items"]
    assert [event["type"] for event in events] == [
        "memory.generated.v1",
        "memory.activated.v1",
        "memory.revised.v1",
        "memory.archived.v1",
    ]
    assert [event["data"]["text"] for event in events if "text" in event["data"]] == ["before", "after"]


def test_a_memory_can_be_archived_restored_and_frozen(served: Served) -> None:
    memory_id = served.remember()
    for body, state in (
        ({"to": "archived"}, "archived"),
        ({"to": "activated"}, "activated"),
        ({"to": "frozen", "legal_hold": True}, "frozen"),
    ):
        response = served.client.post(of(memory_id, "/transitions"), json=body)
        assert response.headers["mnemolog-position"] == str(response.json()["position"])
        memory = served.client.get(of(memory_id)).json()
        assert (memory["state"], memory["legal_hold"]) == (state, state == "frozen")
    assert refusal(served.client.patch(of(memory_id), json={"text": "no"})) == (409, "memory_frozen")


def test_links_are_made_read_and_taken_away(served: Served) -> None:
    cube = served.cube()
    one, other = served.remember("one", cube=cube), served.remember("other", cube=cube)
    body = {"target_id": str(other), "relation": "supports", "weight": 0.5}
    assert served.client.post(of(one, "/links"), json=body).status_code == 201
    assert served.client.get(of(one, "/links")).json() == {"items": [body]}
    assert served.client.delete(of(one, f"/links/supports/{other}")).status_code == 200
    assert served.client.get(of(one, "/links")).json() == {"items": []}


@pytest.mark.parametrize("body", [{"ttl_seconds": 3600}, {"expires_at": "2999-01-01T00:00:00Z"}])
def test_retention_is_set_and_lifted(served: Served, body: dict[str, Any]) -> None:
    memory_id = served.remember()
    assert served.client.put(of(memory_id, "/retention"), json=body).status_code == 200
    assert served.client.get(of(memory_id)).json()["expires_at"] is not None
    assert served.client.put(of(memory_id, "/retention"), json=dict.fromkeys(body)).status_code == 200
    assert served.client.get(of(memory_id)).json()["expires_at"] is None


def test_what_waits_in_quarantine_is_let_out_by_corroboration(served: Served) -> None:
    cube = served.cube(gate="corroboration", corroborations=1)
    memory_id = served.remember("The bridge is closed.", cube=cube)
    assert served.client.get(of(memory_id)).json()["state"] == "generated"
    with served.agent(administrator=True) as other:
        assert other.post(of(memory_id, "/corroborations")).status_code == 200
    memory = served.client.get(of(memory_id)).json()
    assert (memory["state"], memory["corroborations"]) == ("activated", 1)


def test_a_merge_stands_for_its_parents_until_it_is_retracted(served: Served) -> None:
    cube = served.cube()
    parents = [str(served.remember(text, cube=cube)) for text in ("Ada has a cat.", "Ada's cat is called Ink.")]
    response = served.client.post("/v1/merges", json={"memory_ids": parents, "text": "Ada has a cat called Ink."})
    assert response.status_code == 201
    merged = served.client.get(response.headers["location"]).json()
    assert sorted(merged["parents"]) == sorted(parents)
    states = [served.client.get(of(UUID(each))).json()["state"] for each in parents]
    assert states == ["merged", "merged"]
    assert served.client.delete(f"/v1/merges/{merged['memory_id']}").status_code == 200
    states = [served.client.get(of(UUID(each))).json()["state"] for each in (*parents, merged["memory_id"])]
    assert states == ["activated", "activated", "archived"]


def test_recall_finds_what_was_just_said_and_says_why(served: Served) -> None:
    cube = served.cube()
    served.remember("Tea is kept in the blue tin.", cube=cube)
    served.remember("The boiler is serviced in May.", cube=cube)
    answer = served.client.post("/v1/recall", json={"cube": cube, "query": "Where is the tea?", "k": 1}).json()
    assert [hit["text"] for hit in answer["hits"]] == ["Tea is kept in the blue tin."]
    assert answer["hits"][0]["signals"].keys() >= {"vector", "terms"}
    assert (answer["considered"], answer["exact"]) == (2, True)
    assert answer["position"] <= served.head()
    by_words = {"cube": cube, "query": "boiler", "weights": {"terms": 1}, "memory_types": ["preference"]}
    assert served.client.post("/v1/recall", json=by_words).json()["hits"] == []


@pytest.mark.parametrize(
    ("recipe", "signals"),
    [
        ("dialogue", {"vector", "terms", "neighbours", "context", "subject", "date"}),
        ("documents", {"vector", "terms"}),
        ("keyword", {"terms"}),
        ("meaning", {"vector"}),
    ],
)
def test_recall_weighs_by_the_recipe_that_is_asked_for(served: Served, recipe: str, signals: set[str]) -> None:
    cube, talk = served.cube(), str(uuid4())
    for speaker, text in (("Ben", "Which tea do you like?"), ("Ada", "Darjeeling.")):
        body = {"text": text, "speaker": speaker, "context_id": talk}
        assert served.client.post(f"/v1/cubes/{cube}/memories", json=body).status_code == 201
    question = {"cube": cube, "query": "Which tea does Ada like in May?", "recipe": recipe}
    hits = served.client.post("/v1/recall", json=question).json()["hits"]
    assert [hit["signals"].keys() for hit in hits] == [signals] * 2


def test_several_cubes_are_asked_in_one_question_and_every_hit_says_its_own(served: Served) -> None:
    cubes = [served.cube() for _ in range(2)]
    ids = [served.client.get(f"/v1/cubes/{cube}").json()["cube_id"] for cube in cubes]
    memories = [str(served.remember("Tea is in the tin.", cube=cube)) for cube in cubes]
    answer = served.client.post("/v1/recall", json={"cubes": [cubes[0], ids[1], cubes[1]], "query": "tea"}).json()
    assert [(hit["memory_id"], hit["cube_id"]) for hit in answer["hits"]] == list(zip(memories, ids, strict=True))
    assert answer["considered"] == 2
    question = {"cubes": [cubes[0], "nowhere"], "query": "tea"}
    assert refusal(served.client.post("/v1/recall", json=question)) == (404, "cube_not_found")
    with served.agent() as agent:
        assert refusal(agent.post("/v1/recall", json=question | {"cubes": cubes})) == (404, "cube_not_found")


def test_only_what_a_filter_lets_through_is_considered(served: Served) -> None:
    cube, talk = served.cube(), str(uuid4())
    wanted = served.remember("Tea is up.", cube=cube, tags=["drinks"], priority=7, context_id=talk, speaker="Ada Ly")
    for facts in ({"tags": ["drinks"], "priority": 2}, {"tags": ["food"], "priority": 7}, {}):
        served.remember("Tea is out.", cube=cube, **facts)
    told = [{"field": "tag", "eq": "drinks"}, {"field": "priority", "gt": 5}]
    said = [{"field": "context_id", "in": [talk]}, {"field": "speaker", "eq": "ada ly"}, {"field": "key", "eq": None}]
    for conditions in (told, said):
        question = {"cube": cube, "query": "tea", "filter": {"and": conditions}}
        answer = served.client.post("/v1/recall", json=question).json()
        assert [hit["memory_id"] for hit in answer["hits"]] == [str(wanted)]
        assert (answer["considered"], answer["dropped"]) == (1, {"filtered": 3})


def test_a_filter_that_cannot_be_read_is_refused_with_the_place(served: Served) -> None:
    question = {"cube": "main", "query": "tea", "filter": {"or": [{"field": "priority", "gt": "high"}]}}
    assert "'/or/0/gt'" in served.client.post("/v1/recall", json=question).json()["detail"]


def test_a_hit_that_does_not_fit_into_the_budget_is_passed_over_and_counted(served: Served) -> None:
    cube = served.cube()
    for text in ("Tea, tea, tea and tea again, says the long one about tea.", "Tea is up.", "The dog is out."):
        served.remember(text, cube=cube)
    question = {"cube": cube, "query": "tea", "recipe": "keyword"}
    unlimited = served.client.post("/v1/recall", json=question).json()
    answer = served.client.post("/v1/recall", json=question | {"budget": 7}).json()
    assert [hit["text"] for hit in answer["hits"]] == ["Tea is up.", "The dog is out."]
    assert (answer["estimated_tokens"], answer["dropped"], answer["considered"]) == (7, {"budget": 1}, 3)
    assert (len(unlimited["hits"]), unlimited["estimated_tokens"], unlimited["dropped"]) == (3, 22, {})
    assert [hit["score"] for hit in answer["hits"]] == [
        hit["score"]
        for hit in unlimited["hits"]
        if hit["text"] != "Tea, tea, tea and tea again, says the long one about tea."
    ]


def test_recall_can_be_told_to_compare_all(served: Served) -> None:
    question = {"cube": served.cube(), "query": "tea"}
    answer = served.client.post("/v1/recall", json=question | {"exact": True})
    assert (answer.status_code, answer.json()["exact"]) == (200, True)
    assert served.client.post("/v1/recall", json=question | {"exact": "yes"}).status_code == 422


def test_recall_in_a_session_includes_what_the_session_has_in_quarantine(served: Served) -> None:
    cube, session = served.cube(gate="corroboration"), {"Mnemolog-Session": str(uuid4())}
    body = {"text": "The bridge is closed."}
    assert served.client.post(f"/v1/cubes/{cube}/memories", json=body, headers=session).status_code == 201
    question = {"cube": cube, "query": "bridge"}
    assert served.client.post("/v1/recall", json=question).json()["hits"] == []
    assert len(served.client.post("/v1/recall", json=question, headers=session).json()["hits"]) == 1


def test_a_read_waits_for_the_position_that_it_asks_for(served: Served) -> None:
    cube = served.cube()
    position = served.client.post(f"/v1/cubes/{cube}/memories", json={"text": "now"}).json()["position"]
    page = served.client.get(f"/v1/cubes/{cube}/memories", params={"at_least": position}).json()
    assert page["position"] >= position
    question = {"cube": cube, "query": "now", "at_least": position}
    assert served.client.post("/v1/recall", json=question).json()["position"] >= position


READS: list[Callable[[str, UUID], str]] = [
    lambda cube, memory_id: "/v1/cubes",
    lambda cube, memory_id: f"/v1/cubes/{cube}",
    lambda cube, memory_id: f"/v1/cubes/{cube}/memories",
    lambda cube, memory_id: of(memory_id),
    lambda cube, memory_id: of(memory_id, "/history"),
    lambda cube, memory_id: of(memory_id, "/links"),
    lambda cube, memory_id: "/v1/log",
    lambda cube, memory_id: "/v1/principals",
]


@pytest.mark.parametrize("path", READS)
def test_no_read_answers_for_a_position_that_does_not_exist(served: Served, path: Callable[[str, UUID], str]) -> None:
    cube = served.cube()
    response = served.client.get(path(cube, served.remember(cube=cube)), params={"at_least": served.head() + 1})
    assert refusal(response) == (422, "invalid_position")
