from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import log
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.domain.log import Event
from mnemolog.projections.language import terms
from mnemolog.projections.terms import K1, B, Terms, wording
from mnemolog.projections.wordings import Positions, Scores
from tests.histories import TENANT, History, histories, texts

CUBE = UUID(int=7)
NOW = datetime(2023, 5, 8, tzinfo=UTC)
TOLD = ("memory.generated.v1", "memory.revised.v1")


def scores_of(view: Terms, cube_id: UUID, words: list[str], positions: Positions, at: int) -> Scores:
    return view.scores(cube_id, words, view.statistics(cube_id, positions, at))


def told(position: int, text: str, memory: int | None = None, kind: str = "memory.generated.v1") -> Event:
    memory_id = UUID(int=1000 + (position if memory is None else memory))
    data = {"text": text, "description": {}}
    return Event(position, memory_id, 1, kind, TENANT, NOW, NOW, data, CUBE, memory_id)


def folded(events: Sequence[Event]) -> Terms:
    view = Terms()
    view.apply(events, max((event.position for event in events), default=0))
    return view


def asked(view: Terms, text: str, *positions: int, at: int | None = None) -> list[float]:
    found = scores_of(view, CUBE, terms(text), np.array(positions, np.int64), view.position if at is None else at)
    return [float(score) for score in found]


def by_the_book(texts: Sequence[str], query: str) -> list[float]:
    """BM25 over these texts, as it stands in the literature, one text and one term at a time."""
    bags = [Counter(terms(text)) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags)

    def weight(bag: Counter[str], word: str) -> float:
        df = sum(word in other for other in bags)
        idf = log(1 + (len(bags) - df + 0.5) / (df + 0.5))
        return idf * bag[word] * (K1 + 1) / (bag[word] + K1 * (1 - B + B * bag.total() / mean)) if bag[word] else 0.0

    return [sum(weight(bag, word) for word in set(terms(query))) for bag in bags]


@given(st.lists(texts, min_size=1, max_size=12), texts)
def test_scores_are_those_of_the_literature(written: list[str], query: str) -> None:
    events = [told(position, text) for position, text in enumerate(written, 1)]
    expected = by_the_book([wording(event.data, NOW) for event in events], query)
    assert asked(folded(events), query, *range(1, len(written) + 1)) == pytest.approx(expected)


def test_a_memory_is_found_by_its_date_speaker_key_and_tags_too() -> None:
    description = {"speaker": "Caroline", "key": "Drinks", "tags": ["hot", "咖啡"]}
    event = replace(told(1, "It is in the tin."), data={"text": "It is in the tin.", "description": description})
    assert wording(event.data, NOW) == "[8 May 2023] Caroline: Drinks hot 咖啡 It is in the tin."
    view = folded([event, told(2, "Nothing of the kind.")])
    for query in ("May", "2023 caroline", "drinking", "咖啡", "tin"):
        first, second = asked(view, query, 1, 2)
        assert first > 0
        assert query in ("May", "2023 caroline") or second == 0


def test_a_revision_keeps_the_date_of_the_memory() -> None:
    revision = replace(
        told(2, "Coffee", memory=1, kind="memory.revised.v1"), occurred_at=datetime(2024, 1, 2, tzinfo=UTC)
    )
    view = folded([told(1, "Tea"), revision])
    assert asked(view, "2023", 2)[0] > 0
    assert asked(view, "2024", 2) == [0.0]


def test_an_older_wording_is_found_as_of_then_and_only_then() -> None:
    view = folded([told(1, "Tea"), told(2, "Coffee", memory=1, kind="memory.revised.v1"), told(3, "Milk")])
    assert asked(view, "tea", 1, at=1)[0] > 0
    assert asked(view, "tea coffee", 1, at=2) == [0.0]
    assert asked(view, "coffee", 2, at=1) == [0.0]
    assert asked(view, "coffee", 2, 3, at=3)[0] > 0


def test_what_is_written_is_found_at_once() -> None:
    view = folded([told(1, "Tea")])
    view.apply([told(2, "Zanzibar")], 2)
    assert asked(view, "zanzibar", 1, 2)[1] > 0


def test_what_is_erased_matches_nothing_at_any_position_and_is_held_nowhere() -> None:
    view = folded([told(1, "Zanzibar secret"), told(2, "Zanzibar")])
    view.apply([told(3, "", memory=1, kind="memory.erased.v1")], 3)
    assert asked(view, "secret", 1, 2, at=1) == [0.0, 0.0]
    assert asked(view, "zanzibar", 1, 2, at=2)[0] == 0.0
    assert b"secret" not in b"".join(view._content())


def test_a_text_that_can_no_longer_be_read_counts_in_no_statistic() -> None:
    unreadable = replace(told(3, ""), erased=True, data={"governance": {}})
    with_it, without = (folded([told(1, "Tea"), told(2, "Coffee and cake"), *more]) for more in ([unreadable], []))
    assert asked(with_it, "tea", 1, 2, 3) == [*asked(without, "tea", 1, 2), 0.0]


@settings(deadline=None)
@given(histories(), st.data())
def test_scores_as_of_a_position_are_to_the_bit_those_of_a_view_that_stopped_there(
    history: History, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    query = terms(data.draw(texts))
    whole, stopped = folded(history.events), folded(history.reread()[:at])
    positions = np.array([e.position for e in history.events if e.type in TOLD and data.draw(st.booleans())], np.int64)
    for cube in history.cubes:
        found = scores_of(whole, cube.id, query, positions, at)
        assert found.tobytes() == scores_of(stopped, cube.id, query, positions, at).tobytes()


@settings(deadline=None)
@given(histories(erasures=False), st.data())
def test_what_is_hidden_changes_no_score_of_what_is_visible(history: History, data: st.DataObject) -> None:
    visible = {memory.id for memory in history.memories if data.draw(st.booleans())}
    seen = [event for event in history.events if event.memory_id in visible]
    query = terms(data.draw(texts))
    positions = np.array([event.position for event in seen if event.type in TOLD], np.int64)
    alone, among_others = folded(seen), folded(history.events)
    for cube in history.cubes:
        expected = scores_of(alone, cube.id, query, positions, history.head)
        assert scores_of(among_others, cube.id, query, positions, history.head).tobytes() == expected.tobytes()


@settings(deadline=None)
@given(histories(), st.data())
def test_the_digest_is_that_of_a_rebuild_however_the_events_came(history: History, data: st.DataObject) -> None:
    view, at = Terms(), 0
    while at < history.head:
        upto = data.draw(st.integers(at + 1, history.head))
        view.apply(history.events[max(0, at - 1) : upto], upto)
        at = upto
        assert view.digest() == folded(history.events[:upto]).digest()
    assert view.digest() == folded(history.reread()).digest()


def test_the_digest_sees_a_single_count_that_is_off() -> None:
    view, other = folded([told(1, "Tea tea")]), folded([told(1, "Tea tea")])
    state = other._held[CUBE].state
    state._postings[state._numbers["tea"]].counts[0] += 1
    assert view.digest() != other.digest()


def test_a_revision_of_a_memory_that_is_not_known_changes_nothing() -> None:
    view = folded([told(1, "Tea")])
    before = view.digest()
    with pytest.raises(KeyError):
        view.apply([told(2, "Tea", memory=404, kind="memory.revised.v1")], 2)
    assert (view.digest(), view.position) == (before, 1)
