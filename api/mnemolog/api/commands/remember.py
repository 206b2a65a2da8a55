from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Duration, Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.answers import Written
    from mnemolog.api.store import Store
    from mnemolog.domain.commands import Remember

AT_ONCE = 500


@click.command("remember")
@click.argument("text")
@click.option("--cube", default="main", show_default=True, help="Where to.")
@click.option("--tag", "tags", multiple=True, help="A label; may be given several times.")
@click.option("--key", help="A name to find it by.")
@click.option("--speaker", help="Who said it.")
@click.option("--ttl", type=Duration(), help="How long it is recalled: 90s, 2h, 7d.")
@click.option("--jsonl", is_flag=True, help="Each line of stdin is a JSON object, as the REST API takes it.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    text: str,
    cube: str,
    tags: tuple[str, ...],
    key: str | None,
    speaker: str | None,
    ttl: timedelta | None,
    jsonl: bool,
) -> None:
    """Store memories.

    TEXT is one memory; `-` reads stdin, one memory a line. Prints the id of each.

    \b
    mnemolog remember "Ada takes her coffee black." --tag coffee
    mnemolog remember --jsonl - < memories.jsonl
    """
    from mnemolog.domain.commands import Remember

    if jsonl and text != "-":
        raise click.UsageError("--jsonl reads stdin: give - as the text.")
    like = Remember(text=text, key=key, tags=tags, speaker=speaker, ttl=ttl)
    with invocation.store() as store:
        _answer(invocation, list(_stored(store, cube, _items(like, jsonl))))


def _items(like: Remember, jsonl: bool) -> Iterator[Remember]:
    from mnemolog.api.terminal.memory_lines import from_json, from_text

    if jsonl:
        return from_json(sys.stdin.buffer, like)
    return from_text(sys.stdin.buffer, like) if like.text == "-" else iter([like])


def _stored(store: Store, cube: str, items: Iterator[Remember]) -> Iterator[Written]:
    """A batch is stored as a whole; the batches before one that is refused stay."""
    while batch := list(islice(items, AT_ONCE)):
        written = store.memories.remember(cube, *batch)
        note(f"{len(batch)} remembered, at position {written.position}.")
        yield written


def _answer(invocation: Invocation, written: list[Written]) -> None:
    from mnemolog.api.terminal.tables import print_document

    ids = [memory_id for each in written for memory_id in each.memory_ids]
    if not ids:
        raise click.UsageError("There is nothing to remember: stdin is empty.")
    if invocation.as_json:
        print_document({"memory_ids": ids, "position": written[-1].position})
        return
    for memory_id in ids:
        click.echo(memory_id)
