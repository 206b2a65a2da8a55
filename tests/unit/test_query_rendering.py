"""How the answer to a query is written: nothing is rounded, and nothing is taken for something else."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from mnemolog.api.query_answers import QueryAnswer, plain
from mnemolog.api.terminal.query_rendering import rendered, save, show
from mnemolog.domain.refusals import Invalid

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def answer_of(**columns: list[Any]) -> QueryAnswer:
    return QueryAnswer(table=pa.table(columns), types=["?"] * len(columns), position=7, truncated=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (0.1, 0.1),
        (float("inf"), "inf"),
        (Decimal("1.50"), "1.50"),
        (b"\x00\xff", "00ff"),
        (NOON, "2026-03-14T12:00:00+00:00"),
        (date(2026, 3, 14), "2026-03-14"),
        ({"a": [1, None]}, {"a": [1, None]}),
        ([("k", Decimal(1))], [["k", "1"]]),
    ],
)
def test_what_json_has_no_type_for_is_text(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_csv_has_a_header_quotes_what_must_be_and_keeps_parts_as_json() -> None:
    answer = answer_of(n=[1, None], text=['say "x", then\ny', ""], parts=[[1, 2], None], share=[0.1, 1e-9])
    assert rendered(answer, "csv").decode() == ('n,text,parts,share\n1,"say ""x"", then\ny","[1,2]",0.1\n,,,1e-9\n')


def test_a_table_in_a_file_is_separated_by_tabs_and_json_is_one_document() -> None:
    assert rendered(answer_of(a=[1], b=["x"]), "table") == b"a\tb\n1\tx\n"
    document = json.loads(rendered(answer_of(a=[1], b=["x"]), "json"))
    assert document == {
        "columns": ["a", "b"],
        "types": ["?", "?"],
        "rows": [[1, "x"]],
        "position": 7,
        "truncated": False,
    }


def test_parquet_keeps_the_types() -> None:
    answer = answer_of(a=[1], at=[NOON])
    assert parquet.read_table(io.BytesIO(rendered(answer, "parquet"))).to_pylist() == answer.table.to_pylist()


def test_what_parquet_cannot_hold_is_refused() -> None:
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(Invalid, match="Parquet cannot hold"):
        rendered(QueryAnswer(table=pa.table({"u": union}), types=["UNION"], position=7, truncated=False), "parquet")


def test_on_a_screen_no_value_takes_over_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(answer_of(text=["a\x1b[2Jb\tc"]), "table")
    assert capsys.readouterr().out == "a\ufffd[2Jb c\n"


def test_a_file_is_written_for_its_owner_alone_and_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    save(tmp_path / "out.csv", b"a\n1\n")
    assert (tmp_path / "out.csv").read_bytes() == b"a\n1\n"
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Invalid, match="nowhere"):
        save(tmp_path / "nowhere" / "out.csv", b"")
