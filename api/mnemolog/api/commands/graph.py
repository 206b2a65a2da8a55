from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from mnemolog.api.references import id_or_name
from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnemolog.api.graph_answers import PathAnswer, RelatedAnswer, ShortestPathAnswer, TraversalAnswer
    from mnemolog.api.store import Store
    from mnemolog.api.terminal.columns import Told

    Answer = RelatedAnswer | ShortestPathAnswer | TraversalAnswer


@dataclass(frozen=True, slots=True)
class Wanted:
    """`related` has most to say, then `goal`; with neither it is a traversal."""

    start: tuple[str, ...]
    cube: str
    goal: str | None
    related: bool
    relations: tuple[str, ...]
    direction: str
    depth: int
    limit: int
    history: bool

    def __post_init__(self) -> None:
        if self.goal is not None and (self.related or len(self.start) > 1):
            raise click.UsageError("--to leads from one START to one GOAL, and does not go with --related")

    def ask(self, store: Store, **moment: Any) -> Answer:
        start, relations = [id_or_name(each) for each in self.start], self.relations or None
        common: dict[str, Any] = {"history": self.history, **moment}
        if self.related:
            return store.graph.related(self.cube, start, k=self.limit, **common)
        limits = {"relations": relations, "direction": self.direction, **common}
        if self.goal is not None:
            return store.graph.path(self.cube, start[0], id_or_name(self.goal), **limits)
        return store.graph.traverse(self.cube, start, depth=self.depth, limit=self.limit, **limits)


@click.command("graph")
@click.argument("start", nargs=-1, required=True)
@click.option("--cube", default="main", show_default=True, help="Which cube.")
@click.option("--to", "goal", metavar="GOAL", help="The shortest path to this memory, context or name, and no other.")
@click.option("--related", is_flag=True, help="The memories that have most to do with START, instead of paths.")
@click.option("--depth", default=2, show_default=True, help="How many steps at most; from memory to memory by name: 2.")
@click.option("--relation", "relations", multiple=True, help="Only these, such as mentions, next or causes.")
@click.option(
    "--direction",
    type=click.Choice(("both", "out", "in")),
    default="both",
    show_default=True,
    help="Which way to follow relations.",
)
@click.option("--limit", default=100, show_default=True, help="How many paths or memories at most.")
@click.option("--history", is_flag=True, help="Follow memories that are merged or archived too.")
@click.option("--at", metavar="WHEN", help="As of a position, a time with its zone, or a while ago such as -2h.")
@click.option("--at-least", type=int, metavar="POSITION", help="Wait until this position of the log is known.")
@click.option("--explain", is_flag=True, help="Show each step of a path: its relation, weight and event.")
@shared_options
@pass_invocation
def command(invocation: Invocation, at: str | None, at_least: int | None, explain: bool, **wanted: Any) -> None:
    """Follow what joins memories, names and contexts.

    START are ids of memories or contexts, and names.

    \b
    mnemolog graph Ada
    mnemolog graph Ada --relation mentions --depth 3 --explain
    mnemolog graph Ada --to Lisbon
    mnemolog graph Ada --related
    mnemolog graph ID --relation derived_from --direction out --depth 16 --history
    """
    from mnemolog.api.parts import GRAPH
    from mnemolog.api.terminal.tables import print_document

    question = Wanted(**wanted)
    with invocation.store(*GRAPH) as store:
        answer = question.ask(store, at=store.at(at), at_least=at_least)
    if invocation.as_json:
        print_document(answer)
    else:
        _print(answer, explain)


def _print(answer: Answer, explain: bool) -> None:
    from mnemolog.api.graph_answers import RelatedAnswer, TraversalAnswer
    from mnemolog.api.terminal.columns import RELATED_COLUMNS, related_row
    from mnemolog.api.terminal.tables import print_rows

    if isinstance(answer, RelatedAnswer):
        print_rows(RELATED_COLUMNS, map(related_row, answer.hits))
    elif isinstance(answer, TraversalAnswer):
        _print_paths(answer.paths, answer.by_id, explain)
        if not answer.complete:
            note("There are more: raise --limit.")
    elif answer.path is not None:
        _print_paths([answer.path], answer.by_id, explain)
    else:
        note("No way leads there.")
    note(f"As of position {answer.position}.")


def _print_paths(paths: Sequence[PathAnswer], memories: Told, explain: bool) -> None:
    from mnemolog.api.terminal.columns import PATH_COLUMNS, STEP_COLUMNS, path_row, step_rows
    from mnemolog.api.terminal.tables import print_rows

    if explain:
        print_rows(
            STEP_COLUMNS, (row for number, path in enumerate(paths, 1) for row in step_rows(number, path, memories))
        )
    else:
        print_rows(PATH_COLUMNS, (path_row(path, memories) for path in paths))
