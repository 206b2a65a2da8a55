"""How the demonstration is told to whoever looks on: plain where it is piped, with a little colour at a terminal."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from mnemolog.adapters.postgres.verify import Verified
from mnemolog.api.answers import MemoryAnswer, RecallAnswer, Written
from mnemolog.api.demo.conversations import Question
from mnemolog.api.demo.demonstration import Demonstration, Ingested, Passed
from mnemolog.api.terminal.columns import HISTORY_COLUMNS, history_rows
from mnemolog.api.terminal.tables import Column, cell, table

WIDEST = 112
LIFE_COLUMNS = (Column("turn", style="dim"), *HISTORY_COLUMNS)


class Teller:
    def __init__(self, quiet: bool) -> None:
        console = Console(file=sys.stdout, quiet=quiet, highlight=False)
        console.width = min(console.width, WIDEST) if console.is_terminal else WIDEST
        self._console = console
        self._chapter = 0

    def opening(self, demonstration: Demonstration, where: str) -> None:
        talk = demonstration.conversation
        days = f"{talk.sessions[0].at:%-d %B %Y} to {talk.sessions[-1].at:%-d %B %Y}"
        self._console.print(Text(talk.title, style="bold"))
        self._say(f"{' and '.join(talk.speakers)}, {len(talk.turns)} turns in {len(talk.sessions)} sessions, {days}.")
        self._say(f"The store is {where}.")

    def ingested(self, done: Ingested) -> None:
        self._title("Remember", "each turn is two events in the log: generated, and activated by its owner")
        again = done.turns - done.new
        if done.new:
            rate = done.new / max(done.seconds, 0.001)
            self._say(f"{done.new} turns remembered in {done.seconds:.1f} s, {rate:,.0f} a second.")
        if again:
            self._say(f"{again} turns are here from an earlier run and were not remembered again.")
        self._say(f"They are at positions {done.first:,} to {done.last:,} of the log.")

    def embedded(self, position: int, computed: int, seconds: float, model: str) -> None:
        how = f"{computed} vectors computed with {model} in {seconds:.1f} s" if computed else "no vector computed anew"
        self._say(f"The views have folded the log up to position {position:,}: {how}.")

    def recalling(self) -> None:
        self._title("Recall", "a score is the sum of what each signal adds to it; * marks a turn that answers")

    def recalled(self, question: Question, answer: RecallAnswer) -> None:
        self._console.print()
        self._say(question.text, style="bold")
        for hit in answer.hits:
            said = f"{hit.speaker}: {hit.text}" if hit.speaker else hit.text
            parts = " + ".join(f"{name} {told['part']:.2f}" for name, told in hit.signals.items() if told["part"])
            mark = "*" if hit.key in question.evidence else " "
            self._one_line((f"   {mark} ", "green"), f"{hit.score:5.2f}  {hit.key or '':6}", cell(said))
            self._one_line((f"        position {hit.position:,}: {parts}", "dim"))

    def changed(self, demonstration: Demonstration, revised: Written) -> None:
        done, me = demonstration.conversation.changes, demonstration.store.caller.principal_id
        self._title("Change", "one memory revised, one archived; what was, stays in the log")
        self._again(revised)
        lives = [(key, demonstration.history(key)) for key in (done.revise[0], done.archive)]
        self._table(LIFE_COLUMNS, (_life_row(key, *row) for key, events in lives for row in history_rows(events, me)))

    def passed(self, text: str, done: Passed) -> None:
        self._title("Forget in time", f"a memory that lives for {done.lifetime_seconds} seconds")
        self._say(f'"{text}"')
        self._say(
            f"Asked at once: {_found(done.found_before)}. Asked when its time had passed: {_found(done.found_after)}."
        )
        self._say(f"Not considered by the second recall: {cell(done.dropped)}.")

    def merged(self, parents: Sequence[str], written: Written, memory: MemoryAnswer) -> None:
        self._title("Merge", "one memory in place of several, in one append")
        self._again(written)
        self._say(f"{' and '.join(parents)} became, at position {written.position:,}:")
        self._say(f'"{memory.text}"')
        self._say(f"It is trusted {memory.trust:.1f}, as its least trusted parent, and the merge can be retracted.")

    def verified(self, done: Verified) -> None:
        self._title("Verify", "every hash is made again from the rows as they are")
        self._say(f"{done.events:,} events are as they were written. The chain's head is")
        self._say(done.chain.hex(), style="green")

    def ending(self, home: str, demonstration: Demonstration) -> None:
        talk = demonstration.conversation
        question = talk.questions[-1].text if talk.questions else talk.changes.passing[1]
        self._title("Go on", "the same store, from the command line")
        program = "mnemolog" if shutil.which("mnemolog") else sys.argv[0]
        option = f" --home {shlex.quote(home)}" if home else ""
        self._command(f"{program}{option} recall --cube {demonstration.cube} {shlex.quote(question)}")
        self._command(f"{program}{option} log --follow")

    def _again(self, written: Written) -> None:
        if written.replayed:
            self._say("An earlier run did this; its requests were recognised by their idempotency keys.")

    def _title(self, title: str, remark: str) -> None:
        self._chapter += 1
        line = Text.assemble((f"{self._chapter}  {title}", "bold cyan"), ("  " + remark, "dim"))
        self._console.print()
        self._console.print(line)

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Padding(Text(text, style=style), (0, 0, 0, 3), expand=False))

    def _command(self, text: str) -> None:
        """On one line, however long, to be copied."""
        self._console.print(Text(f"   {text}"), soft_wrap=True)

    def _one_line(self, *parts: str | tuple[str, str]) -> None:
        self._console.print(Text.assemble(*parts), no_wrap=True, overflow="ellipsis")

    def _table(self, columns: Sequence[Column], rows: Any) -> None:
        self._console.print(Padding(table(columns, rows), (0, 0, 0, 3), expand=False))


def _life_row(key: str, position: int, at: datetime, *rest: str) -> tuple[object, ...]:
    return key, position, f"{at:%H:%M:%S}", *rest


def _found(found: bool) -> str:
    return "found" if found else "not found"
