from __future__ import annotations

from mnemolog.adapters.postgres.account import Account
from mnemolog.adapters.postgres.plan import Plan, settings_for


def plan(**settings: str) -> Plan:
    account = Account("postgres", 101, 104)
    return Plan("/srv/mémoire", "/opt/pg/bin", account, settings, 0.5)


def test_a_plan_comes_through_as_text_unchanged() -> None:
    assert Plan.from_json(plan(work_mem="7MB").to_json()) == plan(work_mem="7MB")


def test_the_server_listens_on_its_socket_alone() -> None:
    command = plan().command()
    assert command[:3] == ["/opt/pg/bin/postgres", "-D", "/srv/mémoire/postgres/pgdata"]
    assert "--listen_addresses=" in command
    assert "--unix_socket_directories=/srv/mémoire/postgres/s" in command
    assert "--unix_socket_permissions=0700" in command


def test_what_is_asked_for_wins_over_what_is_usual() -> None:
    assert settings_for(durable=True, extra={"jit": "on"})["jit"] == "on"
    assert settings_for(durable=False, extra={"fsync": "on"})["fsync"] == "on"


def test_nothing_that_keeps_data_safe_is_off_unless_asked_for() -> None:
    usual = settings_for(durable=True, extra={})
    assert not {"fsync", "full_page_writes", "synchronous_commit", "autovacuum"} & set(usual)
    assert settings_for(durable=False, extra={})["fsync"] == "off"
