"""How much of an answer fits into a prompt. Only an estimate: every model has a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from mnemolog.api.disclosure import Disclosed
from mnemolog.domain.refusals import Invalid

LATIN_END = "\u0250"  # Latin letters with all their accents come before it
LATIN_PER_TOKEN = 4
H = TypeVar("H")


def estimated_tokens(text: str) -> int:
    """Four Latin characters are a token, and every other character is one: more than most tokenizers need."""
    latin = sum(character < LATIN_END for character in text)
    return len(text) - latin + -(-latin // LATIN_PER_TOKEN)


def check_budget(budget: int | None) -> None:
    """Raises Invalid."""
    if budget is not None and budget < 1:
        raise Invalid(reason=f"The budget is {budget} tokens, and must be at least 1.")


def within(budget: int | None, found: Iterable[tuple[H, Disclosed]]) -> Sequence[tuple[H, Disclosed]]:
    """In the order given, what still fits; what does not is passed over, and something shorter may come after it."""
    left = budget
    fitting = []
    for hit, memory in found:
        if left is not None:
            cost = estimated_tokens(memory.text)
            if cost > left:
                continue
            left -= cost
        fitting.append((hit, memory))
    return fitting
