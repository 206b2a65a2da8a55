from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.adapters.postgres.accesses import AccessFilter
    from mnemolog.api.store import Store


@click.command("audit")
@click.option("--actor", type=click.UUID, metavar="ID", help="Who acted, or for whom.")
@click.option("--memory", type=click.UUID, metavar="ID", help="What concerns this memory.")
@click.option("--cube", metavar="NAME", help="What concerns this cube, by name or id.")
@click.option("--session", type=click.UUID, metavar="ID", help="What happened in this session.")
@click.option("--kind", "kinds", multiple=True, help="Only of this kind, as recall or memory.erased; may be repeated.")
@click.option("--refused", is_flag=True, help="Only what was refused.")
@click.option("--code", help="Only what was refused with this code.")
@click.option("--since", metavar="WHEN", help="After a position, a time with its zone, or a while ago such as -2h.")
@click.option("--until", metavar="WHEN", help="Up to such a moment.")
@click.option(
    "--patterns", type=click.UUID, metavar="ID", multiple=True, help="How often this memory was told; may be repeated."
)
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="`next` of the page before.")
@shared_options
@pass_invocation
def command(
    invocation: Invocation,
    since: str | None,
    until: str | None,
    patterns: tuple[UUID, ...],
    limit: int,
    cursor: str | None,
    **narrowed: Any,
) -> None:
    """Show who did, saw and was refused what.

    Newest first.

    \b
    mnemolog audit --kind recall --since -2h
    mnemolog audit --memory 01900000-0000-7000-8000-000000000000
    mnemolog audit --refused
    mnemolog audit --patterns 01900000-0000-7000-8000-000000000000
    """
    from mnemolog.api.parts import ACCESS
    from mnemolog.api.terminal.columns import AUDIT_COLUMNS, audit_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    if patterns:
        _print_patterns(invocation, patterns)
        return
    with invocation.store(*ACCESS) as store:
        me, wanted = store.caller.principal_id, _wanted(store, **narrowed)
        page = store.audit(wanted, since=store.at(since), until=store.at(until), limit=limit, cursor=cursor)
    if invocation.as_json:
        print_document(page)
        return
    print_rows(AUDIT_COLUMNS, (audit_row(entry, me) for entry in page.items))
    if page.next:
        note(f"There is more: --cursor {page.next}")


def _wanted(
    store: Store,
    *,
    actor: UUID | None,
    memory: UUID | None,
    cube: str | None,
    session: UUID | None,
    kinds: tuple[str, ...],
    refused: bool,
    code: str | None,
) -> AccessFilter:
    from mnemolog.adapters.postgres.accesses import AccessFilter
    from mnemolog.api.references import id_or_name

    return AccessFilter(
        actor_id=actor,
        memory_id=memory,
        cube_id=None if cube is None else store.cubes.get(id_or_name(cube)).cube_id,
        session_id=session,
        kinds=kinds or None,
        code=code,
        refused=True if refused else None,
    )


def _print_patterns(invocation: Invocation, memory_ids: tuple[UUID, ...]) -> None:
    from mnemolog.api.parts import ACCESS
    from mnemolog.api.terminal.lineage_lines import PATTERN_COLUMNS, pattern_row
    from mnemolog.api.terminal.tables import print_document, print_rows

    with invocation.store(*ACCESS) as store:
        found = list(store.audit.patterns(memory_ids).values())
    if invocation.as_json:
        print_document(found)
    else:
        print_rows(PATTERN_COLUMNS, map(pattern_row, found))
