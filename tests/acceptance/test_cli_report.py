from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from mnemolog.api.commands.report import NAMES
from mnemolog.api.reports import REPORTS
from mnemolog.domain.identity import new_id
from tests.command_line import CommandLine
from tests.served import Served, refusal

TEXT = "Tea is in the tin."


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn)


def test_the_command_knows_all_reports() -> None:
    assert set(NAMES) == set(REPORTS)


def test_a_report_is_shown_in_rows_csv_or_json(mnemolog: CommandLine) -> None:
    mnemolog("remember", TEXT)
    shown = mnemolog("report", "funnel")
    assert [row[:4] for row in shown.rows] == [
        ["generated", "activated", "activated", "1"],
        ["", "generated", "generated", "1"],
    ]
    assert "1 memory stored" in shown.err
    written = mnemolog("report", "funnel", "-o", "csv").out
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [(row["from_state"], row["step"], row["times"]) for row in rows] == [
        ("generated", "activated", "1"),
        ("", "generated", "1"),
    ]
    document = mnemolog("report", "activity", "--json", "--until", "3").json
    assert (document["position"], sum(row[2] for row in document["rows"])) == (3, 3)
    assert TEXT not in shown.out + written + str(document)


def test_a_report_is_drawn_into_a_file(mnemolog: CommandLine, tmp_path: Path) -> None:
    mnemolog("remember", TEXT)
    drawn = mnemolog("report", "retention", "--plot", str(tmp_path / "kept.png"))
    assert (drawn.code, drawn.out) == (0, "")
    assert (tmp_path / "kept.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_reported_is_refused(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without/matplotlib.py").write_text("raise ImportError")
    mnemolog = CommandLine(tmp_path / "home", dsn, PYTHONPATH=str(tmp_path / "without"))
    assert mnemolog("report", "weather").code == 2
    assert mnemolog("report", "retention", "--since", "-1h").code == 2
    said = mnemolog("report", "lag", "--plot", str(tmp_path / "lag.png"))
    assert said.code == 2
    assert "mnemolog[plots]" in said.err
    assert not (tmp_path / "lag.png").exists()


def test_a_report_over_rest_says_the_same(served: Served) -> None:
    agent = served.agent()  # who is shown what it did itself, whatever others are told
    name = f"cube-{new_id().hex}"
    agent.post("/v1/cubes", json={"name": name})
    (memory_id,) = agent.post(f"/v1/cubes/{name}/memories", json={"text": TEXT}).json()["memory_ids"]
    agent.get(f"/v1/memories/{memory_id}")
    report = agent.get("/v1/analytics/reports/access", params={"since": "-1h"}).json()
    assert report["columns"][:4] == ["per", "which", "answers", "told"]
    assert ["memory", memory_id, 1, 1] in [row[:4] for row in report["rows"]]
    assert refusal(served.client.get("/v1/analytics/reports/weather")) == (404, "not_found")
    assert refusal(served.client.get("/v1/analytics/reports/lag", params={"since": "soon"})) == (422, "invalid")
    theirs = served.stranger.get("/v1/analytics/reports/access").json()
    assert memory_id not in str(theirs)
    agent.close()
