from __future__ import annotations

from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api.store import open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.memory import Relation
from tests.command_line import CommandLine


@pytest.fixture
def mnemolog(dsn: str, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", dsn)


def test_where_a_memory_comes_from_how_far_it_went_and_taking_it_back(
    mnemolog: CommandLine, dsn: str, tmp_path: Path
) -> None:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as store:
        tea, jam, own = store.memories.remember(
            "main", Remember(text="Tea.", sources=("letter",)), "Jam.", "Derived."
        ).memory_ids
        result = store.memories.merge([tea, jam], "Tea and jam.").memory_ids[0]
        store.memories.link(own, result, Relation.DERIVED_FROM)
        store.memories.get(result)
        me = str(store.caller.principal_id)
    told = {tea: f"merged_to {tea} merged user (letter): Tea.", jam: f"merged_to {jam} merged user: Jam."}
    assert mnemolog("lineage", str(result)).out.splitlines() == [
        f"{result} activated merge (letter): Tea and jam.",
        "made from",
        f"├─ {told[min(tea, jam)]}",
        f"└─ {told[max(tea, jam)]}",
        "made of it",
        f"└─ derived_from {own} activated user: Derived.",
    ]
    rows = mnemolog("influence", str(tea)).rows
    assert [(row[0], row[3], set(row[-1].split(", "))) for row in rows] == [
        ("merged_to", "", {str(result), str(tea)}),
        ("derived_from", "", {str(own), str(result), str(tea)}),
        ("lineage", "you", {str(own), str(result), str(tea)}),
        ("get", "you", {str(result)}),
    ]
    assert mnemolog("influence").code == 2
    assert mnemolog("audit", "--patterns", str(result)).rows[0][:3] == [str(result), me, "2"]
    planned = mnemolog("retract", me, "--since", "0", "--reason", "incident 7", "--dry-run")
    done = mnemolog("retract", me, "--since", "0", "--reason", "incident 7")
    assert sorted(row[1] for row in done.rows) == sorted(map(str, (tea, jam, own, result)))
    assert done.rows == planned.rows
    assert {row[2] for row in done.rows} == {"archived"}
    assert planned.err.startswith("Would be: 4 archived.")
    assert done.err.startswith("Done: 4 archived, at position ")
    assert mnemolog("recall", "tea").out == ""
