"""What is hidden now, or was not yet written then, leaves no trace in an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.projections.recall import Question
from mnemolog.projections.recipes import RECIPES
from tests.histories import (
    ANN,
    NOW,
    TENANT,
    History,
    begin,
    callers,
    histories,
    moments,
)
from tests.unit.asking import (
    AS_BEN,
    TALK,
    a_kitchen,
    apply,
    ask,
    conversations,
    members,
    questions,
    remembered,
    views_of,
)


def test_whoever_may_see_nothing_gets_an_empty_answer() -> None:
    history, _ = a_kitchen()
    views = views_of(history.events)
    ranking = ask(views, history.cubes[0].id, "tea", AS_BEN)
    assert (ranking.hits, ranking.considered, ranking.dropped) == ((), 0, {"not_permitted": 4})
    assert ask(views, UUID(int=404), "tea").hits == ()


def test_a_revoked_right_and_an_erasure_hold_for_questions_about_the_past_too() -> None:
    history, memories = a_kitchen()
    shared = remembered(history, "Tea is a drink.", visibility=Visibility.TENANT)
    before = history.head
    memories[0].transition_state(State.ERASED)
    shared.revise(NOW, governance=replace(shared.governance, visibility=Visibility.PRIVATE))
    memories[1].archive(Reason.MANUAL)
    history.save(memories[0], shared, memories[1])
    views, cube_id = views_of(history.events), history.cubes[0].id
    assert ask(views, cube_id, "tea", AS_BEN, at=before).hits == ()
    told_then = {hit.memory_id for hit in ask(views, cube_id, "tea", at=before).hits}
    assert told_then == {memory.id for memory in (*memories[1:], shared)}


@pytest.mark.parametrize("recipe", RECIPES)
@given(histories(erasures=False, relabels=False), members, moments, questions, st.data())
def test_an_answer_as_of_a_position_is_to_the_bit_the_one_that_was_given_then(
    recipe: str, history: History, caller: Caller, now: datetime, question: Question, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    question = replace(question, recipe=recipe)
    now_known, then = views_of(history.events), views_of(history.events[:at])
    for cube in history.cubes:
        assert ask(now_known, cube.id, question, caller, now, at) == ask(then, cube.id, question, caller, now)


@given(histories(), members, moments, questions)
def test_hidden_memories_change_neither_the_order_nor_any_score_of_the_others(
    history: History, caller: Caller, now: datetime, question: Question
) -> None:
    views = views_of(history.events)
    for cube in history.cubes:
        ranking = ask(views, cube.id, question, caller, now)
        shown = {hit.memory_id for hit in ranking.hits}
        without = [event for event in history.events if event.memory_id is None or event.memory_id in shown]
        alone = views_of([])
        apply(alone, without, history.head)
        assert ask(alone, cube.id, question, caller, now).hits == ranking.hits


@given(conversations(), members, questions)
def test_the_hidden_turns_of_a_conversation_change_no_score_of_the_turns_around_them(
    history: History, caller: Caller, question: Question
) -> None:
    cube_id = history.cubes[0].id
    hits = ask(views_of(history.events), cube_id, question, caller).hits
    shown = {hit.memory_id for hit in hits}
    alone = views_of([])
    apply(alone, [e for e in history.events if e.memory_id is None or e.memory_id in shown], history.head)
    assert ask(alone, cube_id, question, caller).hits == hits


@given(callers, moments, questions)
def test_of_a_cube_that_may_not_be_used_nothing_but_the_shared_is_told(
    caller: Caller, now: datetime, question: Question
) -> None:
    history = begin()
    for visibility in (Visibility.CUBE, Visibility.PRIVATE, Visibility.TENANT):
        remembered(history, question.text, "Ann", context_id=TALK, visibility=visibility)
    shown = ask(views_of(history.events), history.cubes[0].id, question, replace(caller, administrator=False), now).hits
    expected = 0 if caller.tenant_id != TENANT else 3 if caller.principal_id == ANN else 1
    assert len(shown) == expected


def test_a_hidden_turn_lends_nothing_and_its_neighbours_become_neighbours() -> None:
    histories = [begin(), begin()]
    for history, hidden in zip(histories, (True, False), strict=True):
        remembered(history, "What is your favourite tea?", context_id=TALK, visibility=Visibility.TENANT)
        if hidden:
            remembered(history, "Tea tea tea!", "Cleo", context_id=TALK, visibility=Visibility.PRIVATE)
        remembered(history, "Darjeeling.", context_id=TALK, visibility=Visibility.TENANT)
        remembered(history, "The train is late.", visibility=Visibility.TENANT)
    among_hidden, alone = (
        [hit.signals for hit in ask(views_of(each.events), each.cubes[0].id, "What tea does Cleo like?", AS_BEN).hits]
        for each in histories
    )
    assert among_hidden == alone
    assert {"neighbours", "context"} < among_hidden[0].keys()
    assert "subject" not in among_hidden[0]
