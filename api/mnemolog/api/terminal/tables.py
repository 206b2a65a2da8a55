"""Rows on stdout: a table for a person at a terminal, tab-separated lines for a program."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import click

# Control characters, those that turn the direction of writing, and lone surrogates.
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    right: bool = False
    style: str = ""
    wide: bool = False  # may be broken into several lines; the others keep to one
    cut: bool = False  # keeps to one line by leaving out its end


def print_rows(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
    if sys.stdout.isatty():
        _print_table(columns, rows)
        return
    for row in rows:
        click.echo("\t".join(cell(value) for value in row))


def print_document(answer: Any) -> None:
    """JSON: indented for a person, one line for a program."""
    import orjson

    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    click.echo(orjson.dumps(answer, default=_plain, option=option).decode())


def print_line(answer: Any) -> None:
    """One document of a stream, sent off at once."""
    import orjson

    click.echo(orjson.dumps(answer, default=_plain).decode())
    sys.stdout.flush()


def cell(value: Any) -> str:
    """On one line, and without the characters by which a stored text could take over a terminal."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(each)}" for name, each in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(map(cell, value))
    return UNSAFE.sub("\ufffd", " ".join(str(value).split()))


def moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _print_table(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
    from rich.console import Console

    Console().print(table(columns, rows))


def table(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Any:
    """A rich table. Where there is too little room, the wide columns and the cut ones give way."""
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.right else "left"
        keeps = not (column.wide or column.cut)
        shown.add_column(column.name, justify=justify, style=column.style, no_wrap=keeps)
    for row in rows:
        shown.add_row(*(_text(column, value) for column, value in zip(columns, row, strict=True)))
    return shown


def _text(column: Column, value: Any) -> Any:
    from rich.text import Text

    return Text(cell(value), no_wrap=True, overflow="ellipsis") if column.cut else Text(cell(value))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
