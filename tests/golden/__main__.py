"""Freeze what has no golden file yet: `python -m tests.golden`.

`python -m tests.golden WORD TYPE` freezes what an event type writes since it has got an optional fact, beside what it
wrote before. The events go through a real append and are read back from the log. A file that is there is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import click

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.migrate import migrate
from mnemolog.domain.aggregate import Root
from mnemolog.domain.log import Origin
from tests.databases import memory_disk, running_server
from tests.factories import KEY_ENCRYPTION_KEY
from tests.golden.frozen import Frozen, frozen, golden, ids_of, write, written_now
from tests.golden.streams import streams


@click.command()
@click.argument("word", default="")
@click.argument("event_type", default="")
def main(word: str, event_type: str) -> None:
    known = golden()
    names = {each.place: name for name, each in reversed(known.items())}  # the first name that each place had
    for place, now in written_now(streams(), ids_of(known)).items():
        changed = place in names and not any(now.same_as(each) for each in known.values())
        if changed and word and now.type == event_type:
            click.echo(write(now, f"{names[place]}.{word}"))
        elif changed:
            click.echo(f"{names[place]} is written in another way today", err=True)
    lives = {life: events for life, events in streams().items() if life not in ids_of(known)}
    for each in stored(lives) if lives else ():
        click.echo(write(each, each.name if each.name not in golden() else f"{each.name}.{each.life}{each.version}"))


def stored(lives: Mapping[str, Sequence[Root.Event]]) -> Iterator[Frozen]:
    with running_server(memory_disk(), durable=False) as server:
        migrate(server.dsn())
        application = LogApplication(server.dsn(), KEY_ENCRYPTION_KEY)
        for life, events in lives.items():
            application.append(events, Origin())
            for event in application.recorder.select_events(UUID(str(events[0].originator_id))):
                assert isinstance(event, LogEvent)
                yield frozen(life, event, application.keyring)
        application.close()


if __name__ == "__main__":
    main()
