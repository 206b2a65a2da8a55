from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.status import Status


@click.command("status")
@shared_options
@pass_invocation
def command(invocation: Invocation) -> None:
    """Show how the store and its views are."""
    from mnemolog.api.parts import EVERY
    from mnemolog.api.terminal.catching_up import catch_up
    from mnemolog.api.terminal.progress import bar
    from mnemolog.api.terminal.tables import print_document
    from mnemolog.domain.refusals import Unavailable

    with invocation.store() as store:
        try:
            with bar("reading the log", store.parts.log.head()) as moved:
                catch_up(store.parts, EVERY, moved=moved)
        except Unavailable as refusal:
            note(str(refusal))
        found = store.status()
    if invocation.as_json:
        print_document(found)
    else:
        _print(found)


def _print(found: Status) -> None:
    from mnemolog.api.terminal.columns import FIELD_COLUMNS, VIEW_COLUMNS, view_row
    from mnemolog.api.terminal.tables import print_rows

    where = "embedded" if found.embedded else "at a DSN"
    facts: list[tuple[str, str | int]] = [("version", found.version), ("postgres", where), ("embedder", found.embedder)]
    facts += [("position", found.position), *((state, count) for state, count in sorted(found.memories.items()))]
    print_rows(FIELD_COLUMNS, facts)
    click.echo()
    print_rows(VIEW_COLUMNS, map(view_row, found.views))
