"""SQL over REST: the same answers and the same refusals."""

from __future__ import annotations

import pytest

from mnemolog.domain.log import Selection
from mnemolog.domain.principal import PrincipalKind
from tests.served import Served, refusal

QUERY = "/v1/analytics/query"


def test_a_query_is_answered_with_its_columns_types_and_position(served: Served) -> None:
    memory_id = served.remember()
    body = {"sql": f"SELECT event_type, version FROM memory_history('{memory_id}')", "limit": 1}
    answer = served.client.post(QUERY, json=body)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document == {
        "columns": ["event_type", "version"],
        "types": ["VARCHAR", "BIGINT"],
        "rows": [["memory.generated.v1", 1]],
        "position": document["position"],
        "truncated": True,
    }
    at = document["position"]
    again = served.client.post(QUERY, json={"sql": "SELECT max(position) FROM event", "at": at, "timeout": 29.5})
    assert again.json()["position"] == at
    own = Selection(tenant_id=served.store.caller.tenant_id)  # what is newest may be another tenant's
    assert again.json()["rows"] == [[served.store.parts.log.read(0, 1_000_000, own, at)[-1].position]]


def test_the_tables_are_told(served: Served) -> None:
    document = served.client.get("/v1/analytics/tables").json()
    (event,) = (table for table in document["tables"] if table["name"] == "event")
    assert event["columns"][0] == {"name": "position", "type": "BIGINT"}
    assert any(each["signature"].startswith("funnel(") for each in document["macros"])


def test_nobody_sees_another_tenants_rows_nor_what_they_may_not_read(served: Served) -> None:
    memory_id = served.remember("The canary sings in the cellar.")
    sql = f"SELECT count(*) FROM event WHERE memory_id = '{memory_id}'"
    assert served.client.post(QUERY, json={"sql": sql}).json()["rows"] == [[2]]
    person = served.store.principals.register("somebody", PrincipalKind.USER).principal_id
    with served.holding(served.store.principals.issue_key(person).key) as guest:
        for other in (served.stranger, guest):
            assert other.post(QUERY, json={"sql": sql}).json()["rows"] == [[0]]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sql": "FROM read_text('/etc/passwd')"}, "query_refused"),
        ({"sql": "SELECT count(*) FROM range(10000000) a, range(10000000) b", "timeout": 0.5}, "query_timed_out"),
        ({"sql": "SELECT list(range) FROM range(1000000000)"}, "query_too_large"),
        ({"sql": ""}, "invalid_text"),
        ({"sql": "SELECT 1", "at": 10**15}, "invalid_position"),
        ({"sql": "SELECT 1", "at": "tomorrow"}, "invalid"),
        ({"sql": "SELECT 1", "limit": 0}, "invalid"),
        ({"sql": "SELECT 1", "timeout": 3600.0}, "invalid"),
        ({"sql": 1}, "invalid"),
        ({"sql": "SELECT 1", "format": "csv"}, "unknown_field"),
        ({}, "invalid"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name_and_changes_nothing(
    served: Served, body: dict[str, object], code: str
) -> None:
    before = served.head()
    assert refusal(served.client.post(QUERY, json=body)) == (422, code)
    written = served.store.log.page(after=before).items  # what waited to be put on record was
    assert all(event.type.startswith("access.") for event in written)
