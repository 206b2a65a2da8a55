from __future__ import annotations

from typing import Any

import pytest

from mnemolog.adapters.imports.formats import READERS, detect
from mnemolog.domain.refusals import CannotImport

MEM0 = {"id": "1", "memory": "Tea.", "created_at": None}
ITEM = {"namespace": ["a"], "key": "k", "value": {"text": "Tea."}}
NODE = {"id": "1", "memory": "Tea.", "metadata": {}}


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"results": [MEM0]}, "mem0"),
        ([MEM0], "mem0"),
        ({"items": [ITEM]}, "langgraph"),
        ([ITEM], "langgraph"),
        ({"nodes": [], "edges": []}, "memos"),
        ([NODE], "memos"),
        ([{"id": "1", "vector": [], "payload": NODE}], "memos"),
        ({"explicit": [{"id": "1", "payload": {"preference": "Tea."}}]}, "memos"),
    ],
)
def test_an_export_shows_which_system_wrote_it(document: Any, name: str) -> None:
    assert detect(document) == name
    READERS[name](document)


@pytest.mark.parametrize("document", [[], {}, {"results": []}, [{"text": "Tea."}], "Tea.", 7, None, [[ITEM]]])
def test_what_shows_nothing_is_not_guessed_at(document: Any) -> None:
    with pytest.raises(CannotImport, match="memos, mem0, langgraph"):
        detect(document)
