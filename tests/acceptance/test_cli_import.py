"""Exports of other systems at the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command_line import CommandLine

EXPORT = [{"id": "1", "memory": "Ada likes tea.", "created_at": "2024-07-05T15:30:00", "user_id": "ada"}]


def test_an_export_is_counted_then_imported_and_then_there_already(dsn: str, tmp_path: Path) -> None:
    mnemolog, path = CommandLine(tmp_path / "home", dsn), tmp_path / "mem0.json"
    path.write_text(json.dumps(EXPORT))
    counted = mnemolog("import", str(path), "--dry-run")
    facts = [["format", "mem0"], ["memories", "1"], ["links", "0"], ["times taken as UTC", "1"]]
    assert counted.rows == facts
    assert "Nothing was written." in counted.err
    done = mnemolog("import", str(path), "--format", "mem0", "--json").json
    assert (len(done["memory_ids"]), done["replayed"]) == (1, False)
    again = mnemolog("import", str(path))
    assert (again.rows, "had been imported before" in again.err) == (facts, True)
    assert mnemolog("recall", "tea").out == ""


def test_a_file_that_cannot_be_imported_is_a_wrong_request(dsn: str, tmp_path: Path) -> None:
    path = tmp_path / "activation_memory.pickle"
    path.write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    said = CommandLine(tmp_path / "home", dsn)("import", str(path))
    assert (said.code, said.out) == (2, "")
    assert "no pickles" in said.err
