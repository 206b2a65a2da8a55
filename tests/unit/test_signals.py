from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import log
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.log import Event
from mnemolog.projections.audience import Audience, audience
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.fusion import Spread
from mnemolog.projections.ids import Ids
from mnemolog.projections.intents import intent
from mnemolog.projections.language import terms
from mnemolog.projections.recipes import RECIPES, Recipe
from mnemolog.projections.scopes import Permitted
from mnemolog.projections.signals import Asked, Signal, find, total
from mnemolog.projections.terms import GROUP_B, GROUP_K1, Terms, wording
from mnemolog.projections.turns import Spoken, Turns
from mnemolog.projections.vectors import VectorView
from mnemolog.projections.wordings import Positions
from tests.histories import TENANT, texts
from tests.unit.hashed_vectors import DIMENSIONS, HashedVectors

CUBE = UUID(int=7)
DAY = datetime(2023, 5, 8, tzinfo=UTC)
STORE = HashedVectors()


@dataclass(frozen=True)
class Said:
    text: str
    context: int = 0  # 0 is none
    speaker: str = ""
    moment: datetime = DAY

    def event(self, position: int) -> Event:
        data = {
            "text": self.text,
            "description": {"speaker": self.speaker} if self.speaker else {},
            "governance": {"context_id": str(UUID(int=self.context))} if self.context else {},
        }
        memory_id = UUID(int=1000 + position)
        kind = "memory.generated.v1"
        return Event(position, memory_id, 1, kind, TENANT, self.moment, self.moment, data, CUBE, memory_id)


@dataclass
class Listener:
    """Embeds what it is asked to, and remembers it."""

    heard: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> Vectors:
        self.heard.append(text)
        return STORE.query(text)


def found(
    said: Sequence[Said],
    question: str,
    recipe: Recipe = RECIPES["dialogue"],
    seen: Sequence[int] | None = None,
    listener: Listener | None = None,
) -> dict[str, Signal]:
    """The signals for the turns of which the numbers, from 0, are `seen`; None is all."""
    events, head = [each.event(position) for position, each in enumerate(said, 1)], len(said)
    words, meanings, turns = Terms(), VectorView(HashedVectors(), DIMENSIONS), Turns()
    for view in (words, meanings, turns):
        view.apply(events, head)
    positions = np.array(range(head) if seen is None else seen, np.int64) + 1
    spoken = turns.spoken(CUBE, positions, head)
    everyone = audience_of(words, meanings, spoken, positions, head)
    wanted = intent(question, spoken.names)
    subject = spoken.names[wanted.subjects[0]] if len(wanted.subjects) == 1 else None
    embed = listener or Listener()
    asked = Asked(wanted, embed, recipe, 10, True, CUBE, everyone, subject, words, meanings)
    return dict(find(asked).signals)


def audience_of(words: Terms, meanings: VectorView, spoken: Spoken, positions: Positions, at: int) -> Audience:
    """Of all memories, told by their positions."""
    ids = Ids()
    for position in range(1, at + 1):
        ids.of(UUID(int=1000 + position))
    mask = np.isin(np.arange(1, at + 1), positions)
    permitted = Permitted(mask, np.flatnonzero(mask), positions, {}, ids)
    talks = words.group_statistics(CUBE, positions, at, spoken.contexts) if (spoken.contexts >= 0).any() else None
    statistics, rows = words.statistics(CUBE, positions, at), meanings.rows(CUBE, positions, at)
    return audience(permitted, spoken, statistics, talks, rows)


talks = st.lists(
    st.builds(Said, texts, st.integers(0, 3), st.sampled_from(("", "Ann", "Ben"))), min_size=1, max_size=12
)
TALK = (
    Said("Which tea do you like?", 1, "Ann"),
    Said("Green.", 1, "Ben"),
    Said("The train is late.", 2, "Ann"),
    Said("Tea is in the tin."),
)


def test_only_what_weighs_something_and_has_something_to_say_is_a_signal() -> None:
    question = "Which tea did Ann like in May?"
    assert list(found(TALK, question)) == ["vector", "terms", "neighbours", "context", "subject", "date"]
    assert list(found(TALK, question, RECIPES["documents"])) == ["vector", "terms"]
    assert list(found(TALK, question, RECIPES["keyword"])) == ["terms"]
    assert list(found(TALK, question, RECIPES["meaning"])) == ["vector"]
    assert list(found(TALK, question, Recipe())) == []
    assert list(found([Said("Tea")], "tea")) == ["vector", "terms"]
    assert list(found(TALK, "Which tea?", seen=[3])) == ["vector", "terms"]
    assert list(found(TALK, "What did Ann and Ben like?")) == ["vector", "terms", "neighbours", "context"]


def test_the_meaning_is_embedded_once_without_names_and_only_if_it_weighs_something() -> None:
    listener = Listener()
    found(TALK, "Which tea does Ann like?", listener=listener)
    found(TALK, "Which tea does Ann like?", RECIPES["keyword"], listener=listener)
    found(TALK, "Which tea does Ann like?", RECIPES["meaning"], [1, 3], listener)
    assert listener.heard == ["Which tea does like?", "Which tea does Ann like?"]


@given(talks, texts, st.sampled_from(list(RECIPES.values())))
def test_parts_are_weighed_and_the_total_is_their_sum(said: list[Said], question: str, recipe: Recipe) -> None:
    given_by = found(said, question, recipe)
    for name, signal in given_by.items():
        weight = 1.0 if name == "neighbours" else getattr(recipe, name)
        assert signal.part == pytest.approx(weight * signal.z)
        normal = name in ("vector", "terms", "context")
        assert signal.z == pytest.approx(Spread.of(signal.raw).z(signal.raw) if normal else signal.raw)
    parts = [signal.part for signal in given_by.values()]
    assert total(given_by, len(said)).tolist() == sum(parts, np.zeros(len(said))).tolist()


@given(talks, texts)
def test_neighbours_lend_of_what_their_words_and_meaning_are_worth(said: list[Said], question: str) -> None:
    given_by = found(said, question)
    if "neighbours" not in given_by:
        assert not any(each.context for each in said)
        return
    worth = given_by["vector"].part + given_by["terms"].part
    expected = [0.0] * len(said)
    for place, each in enumerate(said):
        before = [i for i in range(place) if said[i].context == each.context][::-1]
        after = [i for i in range(place + 1, len(said)) if said[i].context == each.context]
        for members, shares in ((before, (0.4, 0.2)), (after, (0.3, 0.2))):
            if each.context:
                expected[place] += sum(share * worth[i] for i, share in zip(members, shares, strict=False))
    assert given_by["neighbours"].part == pytest.approx(expected)


def by_the_book(said: Sequence[Said], question: str) -> list[float]:
    """BM25 of each conversation, read as one text."""
    bags: dict[int, Counter[str]] = defaultdict(Counter)
    for each in said:
        if each.context:
            bags[each.context].update(terms(wording(each.event(1).data, each.moment)))
    scores = dict.fromkeys((each.context for each in said), 0.0)
    for word in set(terms(question)):
        holding = sum(word in bag for bag in bags.values())
        idf = log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
        mean = sum(bag.total() for bag in bags.values()) / max(1, len(bags))
        for context, bag in bags.items():
            norm = GROUP_K1 * (1 - GROUP_B + GROUP_B * bag.total() / mean)
            scores[context] += idf * bag[word] * (GROUP_K1 + 1) / (bag[word] + norm)
    return [scores[each.context] for each in said]


@given(talks, texts, st.data())
def test_a_conversation_is_ranked_like_one_text_of_the_turns_that_may_be_seen(
    said: list[Said], question: str, data: st.DataObject
) -> None:
    seen = sorted(data.draw(st.sets(st.integers(0, len(said) - 1), min_size=1)))
    shown = [said[place] for place in seen]
    given_by = found(said, question, seen=seen)
    if "context" in given_by:
        assert given_by["context"].raw == pytest.approx(by_the_book(shown, question))
    else:
        assert not any(each.context for each in shown)


@given(talks, texts, st.sampled_from(("", "Ann", "ben's", "in May")), st.data())
def test_what_is_not_seen_changes_no_bit_of_any_signal(
    said: list[Said], words: str, hint: str, data: st.DataObject
) -> None:
    seen = sorted(data.draw(st.sets(st.integers(0, len(said) - 1), min_size=1)))
    question = f"{words} {hint}"
    among_others, alone = found(said, question, seen=seen), found([said[place] for place in seen], question)
    assert list(among_others) == list(alone)
    for name, signal in among_others.items():
        assert signal.raw.tolist() == alone[name].raw.tolist()
        assert signal.part.tolist() == alone[name].part.tolist()


def test_what_the_one_person_said_whom_a_question_names_gains_two() -> None:
    subject = found(TALK, "Did BEN's tea arrive?")["subject"]
    assert (subject.raw.tolist(), subject.part.tolist()) == ([0, 1, 0, 0], [0, 2, 0, 0])


def test_what_was_said_on_the_day_in_question_gains_one() -> None:
    said = [*TALK, Said("It was cold.", moment=datetime(2023, 1, 2, tzinfo=UTC))]
    assert found(said, "What was it like on 2 January 2023?")["date"].part.tolist() == [0, 0, 0, 0, 1]
    assert found(said, "What was it like in 2023?")["date"].part.tolist() == [0.3] * 5
