"""What changed between two texts, word by word. White space counts, so that both texts can be made of the changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import groupby

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"  # written without spaces: each is a word
WORD = re.compile(rf"\s+|[{_CJK}]|[^\W{_CJK}]+|[^\w\s]")
SENTENCE = re.compile(r"[^.!?\n\u3002]*[.!?\n\u3002]+\s*|[^.!?\n\u3002]+")
MOST_COMPARED = 2000  # pieces of one side: comparing takes the square of that


class Kind(StrEnum):
    KEPT = "kept"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Change:
    kind: Kind
    text: str


def words(text: str) -> list[str]:
    """The text in pieces: words, marks and white space. Joined they are the text."""
    return WORD.findall(text)


def word_diff(before: str, after: str) -> list[Change]:
    """Kept and gone make `before`, kept and new make `after`; neighbours differ in kind, and what goes comes first."""
    found = _changes(before, after, (SENTENCE, WORD) if _is_long(before, after) else (WORD,))
    return list(_joined(change for change in found if change.text))


def _is_long(*texts: str) -> bool:
    return max(len(words(text)) for text in texts) > MOST_COMPARED


def _changes(before: str, after: str, levels: Sequence[re.Pattern[str]]) -> Iterator[Change]:
    """Long texts are compared sentence by sentence first, and only sentences that differ word by word."""
    if not levels or not before or not after:
        yield from (Change(Kind.GONE, before), Change(Kind.NEW, after))
        return
    old, new = levels[0].findall(before), levels[0].findall(after)
    start, end = _alike(old, new)
    yield Change(Kind.KEPT, "".join(old[:start]))
    old_middle, new_middle = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(old_middle), len(new_middle)) > MOST_COMPARED:
        yield from (Change(Kind.GONE, "".join(old_middle)), Change(Kind.NEW, "".join(new_middle)))
    else:
        yield from _compared(old_middle, new_middle, levels[1:])
    yield Change(Kind.KEPT, "".join(old[len(old) - end :]))


def _compared(old: list[str], new: list[str], finer: Sequence[re.Pattern[str]]) -> Iterator[Change]:
    for operation, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
        gone, come = "".join(old[i:j]), "".join(new[k:m])
        if operation == "equal":
            yield Change(Kind.KEPT, gone)
        else:
            yield from _changes(gone, come, finer)


def _alike(old: list[str], new: list[str]) -> tuple[int, int]:
    """How many pieces both begin with, and how many of the others both end with."""
    shorter = min(len(old), len(new))
    start = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    rest = shorter - start
    end = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    return start, end


def _joined(changes: Iterator[Change]) -> Iterator[Change]:
    """Between two that are kept, all that goes before all that comes."""
    for kept, run in groupby(changes, key=lambda change: change.kind is Kind.KEPT):
        parts = list(run)
        for kind in (Kind.KEPT,) if kept else (Kind.GONE, Kind.NEW):
            if text := "".join(part.text for part in parts if part.kind is kind):
                yield Change(kind, text)
