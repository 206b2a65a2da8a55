from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnemolog.api.terminal.invocation import Invocation, pass_invocation, shared_options

if TYPE_CHECKING:
    from mnemolog.api.demo.conversations import Conversation
    from mnemolog.api.demo.demonstration import Demonstration
    from mnemolog.api.demo.telling import Teller
    from mnemolog.api.settings import Settings

FOLDER = "demo"


@click.command("demo")
@click.argument("conversation", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sample", metavar="ID", help="Which sample of the file; its first when not given.")
@shared_options
@pass_invocation
def command(invocation: Invocation, conversation: Path | None, sample: str | None) -> None:
    """Take a conversation through all that the store does.

    CONVERSATION is a file in the form of LoCoMo; without one, a conversation of our own is taken. The demonstration has
    a store of its own, in the folder `demo` of the store's home; in a database that the environment names it has a
    cube of its own. A second run remembers nothing twice.
    """
    from mnemolog.api.demo.conversations import our_own
    from mnemolog.api.demo.demonstration import Demonstration
    from mnemolog.api.demo.locomo import read_locomo
    from mnemolog.api.demo.telling import Teller
    from mnemolog.api.store import open_store
    from mnemolog.api.terminal.tables import print_document

    if sample is not None and conversation is None:
        raise click.UsageError("--sample chooses from a file: give one.")
    talk: Conversation = our_own() if conversation is None else read_locomo(conversation, sample)
    settings = _of_its_own(invocation.settings())
    with open_store(settings=settings) as store:
        summary = _tell(Demonstration(store, talk), Teller(quiet=invocation.as_json), settings)
    if invocation.as_json:
        print_document(summary)


def _of_its_own(settings: Settings) -> Settings:
    return settings if settings.dsn is not None else replace(settings, home=settings.home / FOLDER)


def _tell(demonstration: Demonstration, teller: Teller, settings: Settings) -> dict[str, Any]:
    """All chapters, and what came out of them."""
    where = f"in {settings.home}" if settings.dsn is None else "in the database that the environment names"
    teller.opening(demonstration, where)
    summary = {"conversation": demonstration.conversation.name, "cube": demonstration.cube}
    summary |= _remember(demonstration, teller)
    summary |= _recall(demonstration, teller)
    summary |= _change(demonstration, teller)
    summary |= _pass(demonstration, teller)
    summary |= _merge(demonstration, teller)
    summary |= _verify(demonstration, teller)
    home = "" if settings.dsn is not None else str(settings.home)
    teller.ending(home, demonstration)
    return summary


def _remember(demonstration: Demonstration, teller: Teller) -> dict[str, Any]:
    from mnemolog.api.terminal.progress import bar

    embeddings = demonstration.store.parts.embeddings
    with bar("remembering", len(demonstration.conversation.turns)) as moved:
        ingested = demonstration.ingest(moved)
    teller.ingested(ingested)
    began = time.monotonic()
    with bar("folding into views", ingested.last) as moved:
        position = demonstration.embed(moved)
    teller.embedded(position, embeddings.computed, time.monotonic() - began, embeddings.embedder.name)
    return {"embedder": embeddings.embedder.name, "ingested": ingested, "computed": embeddings.computed}


def _recall(demonstration: Demonstration, teller: Teller) -> dict[str, Any]:
    from mnemolog.api.terminal.progress import spinner

    with spinner("loading the model"):
        demonstration.load()
    teller.recalling()
    answers = []
    for question in demonstration.conversation.questions:
        answer = demonstration.ask(question.text)
        teller.recalled(question, answer)
        found = [hit.key in question.evidence for hit in answer.hits]
        answers.append(
            {"question": question.text, "evidence": question.evidence, "found": any(found), "answer": answer}
        )
    return {"recalled": answers}


def _change(demonstration: Demonstration, teller: Teller) -> dict[str, Any]:
    revised, archived = demonstration.revise(), demonstration.archive()
    teller.changed(demonstration, revised)
    for question in demonstration.conversation.questions[:1]:
        teller.recalled(question, demonstration.ask(question.text, k=1))
    return {"revised": revised, "archived": archived}


def _pass(demonstration: Demonstration, teller: Teller) -> dict[str, Any]:
    passed = demonstration.let_pass()
    teller.passed(demonstration.conversation.changes.passing[0], passed)
    return {"passed": passed}


def _merge(demonstration: Demonstration, teller: Teller) -> dict[str, Any]:
    written, memory = demonstration.merge()
    teller.merged(demonstration.conversation.changes.merge[0], written, memory)
    return {"merged": {"written": written, "memory": memory}}


def _verify(demonstration: Demonstration, teller: Teller) -> dict[str, Any]:
    from mnemolog.api.terminal.progress import bar

    with bar("verifying", demonstration.store.log.head()) as moved:
        verified = demonstration.verify(moved)
    teller.verified(verified)
    return {"verified": verified}
