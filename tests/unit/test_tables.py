"""What is stored cannot take over the terminal that it is shown on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.api.terminal.tables import Column, cell, print_document, print_rows


@given(st.text())
def test_a_cell_is_one_line_without_control_characters(text: str) -> None:
    shown = cell(text)
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in shown)
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0.123456, "0.123"),
        (("a", "b"), "a, b"),
        ({"archived": 1, "expired": 2}, "archived 1, expired 2"),
        (datetime(2024, 6, 21, 9, 5, tzinfo=UTC), "2024-06-21 09:05:00Z"),
        ("a\tb\n c", "a b c"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("gnu\u202etxt", "gnu\ufffdtxt"),
        ("👩\u200d🍳", "👩\u200d🍳"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_a_program_gets_tab_separated_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([Column("a"), Column("b", wide=True)], [(1, "x\ty"), (2, None)])
    assert capsys.readouterr().out == "1\tx y\n2\t\n"


def test_a_document_is_one_line_of_json_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    print_document({"id": UUID(int=1), "chain": b"\x01\x02"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"id": str(UUID(int=1)), "chain": "0102"}
