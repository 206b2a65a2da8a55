from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf, nan
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Governance, MemoryType, Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, InvalidPosition, InvalidText, ProjectionBehind
from mnemolog.projections.recall import Question, Ranking, Views, recall
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.terms import Terms
from mnemolog.projections.vectors import VectorView
from tests.histories import ANN, BEN, NOW, SUBJECT, TENANT, History, begin, callers, histories, moments, texts
from tests.unit.hashed_vectors import DIMENSIONS, HashedVectors

STORE = HashedVectors()
AS_ANN, AS_BEN = Caller(ANN, TENANT, SUBJECT), Caller(BEN, TENANT, SUBJECT)
ADMINISTRATOR = Caller(UUID(int=99), TENANT, SUBJECT, administrator=True)


def views_of(events: Sequence[Event]) -> Views:
    views = Views(Scopes(), Terms(), VectorView(HashedVectors(), DIMENSIONS))
    for view in (views.scopes, views.terms, views.vectors):
        view.apply(events, len(events))
    return views


def ask(
    views: Views,
    cube_id: UUID,
    question: Question | str,
    caller: Caller = AS_ANN,
    now: datetime = NOW,
    at: int | None = None,
) -> Ranking:
    question = Question(question) if isinstance(question, str) else question
    return recall(views, cube_id, question, STORE.query(question.text), caller, now, at)


def remembered(history: History, text: str, **labels: object) -> Memory:
    memory = Memory.generate(
        tenant_id=TENANT,
        cube_id=history.cubes[0].id,
        subject_ids=(SUBJECT,),
        text=text,
        governance=replace(Governance(owner_id=ANN), **labels),  # type: ignore[arg-type]
        occurred_at=NOW,
    )
    memory.activate(gate="owner")
    history.save(memory)
    return memory


def a_kitchen() -> tuple[History, list[Memory]]:
    history = begin()
    said = (
        "Tea is kept in the blue tin.",
        "The train leaves at nine.",
        "Ben is allergic to peanuts.",
        "茶在蓝色的罐子里。",
    )
    return history, [remembered(history, text) for text in said]


@pytest.mark.parametrize(
    ("question", "answer"),
    [("Where do we keep the tea?", 0), ("When do trains leave?", 1), ("peanut allergies of Ben", 2), ("蓝色罐子", 3)],
)
def test_the_memory_that_answers_comes_first(question: str, answer: int) -> None:
    history, memories = a_kitchen()
    ranking = ask(views_of(history.events), history.cubes[0].id, question)
    assert ranking.hits[0].memory_id == memories[answer].id
    assert ranking.considered == len(ranking.hits) == 4


def test_a_hit_says_where_its_text_is_and_why_it_is_there() -> None:
    history, memories = a_kitchen()
    memories[1].revise(NOW, text="The train leaves at ten.")
    history.save(memories[1])
    ranking = ask(views_of(history.events), history.cubes[0].id, "train")
    hit = ranking.hits[0]
    assert (hit.position, ranking.position) == (history.head, history.head)
    assert set(hit.signals) == {"vector", "terms"}
    assert hit.score == pytest.approx(sum(0.5 * signal["z"] for signal in hit.signals.values()))
    assert hit.signals["terms"]["raw"] > 0


def test_scores_fall_and_no_more_come_than_are_asked_for() -> None:
    history, _ = a_kitchen()
    ranking = ask(views_of(history.events), history.cubes[0].id, Question("tea", k=3))
    scores = [hit.score for hit in ranking.hits]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_equal_memories_come_in_the_order_in_which_they_were_written() -> None:
    history = begin()
    same = [remembered(history, "Tea is in the tin.") for _ in range(5)]
    ranking = ask(views_of(history.events), history.cubes[0].id, Question("tea", k=3))
    assert [hit.memory_id for hit in ranking.hits] == [memory.id for memory in same[:3]]
    assert {hit.score for hit in ranking.hits} == {0.0}


def test_whoever_may_see_nothing_gets_an_empty_answer() -> None:
    history, _ = a_kitchen()
    views = views_of(history.events)
    ranking = ask(views, history.cubes[0].id, "tea", AS_BEN)
    assert (ranking.hits, ranking.considered, ranking.dropped) == ((), 0, {"not_permitted": 4})
    assert ask(views, UUID(int=404), "tea").hits == ()


def test_only_memories_of_the_wanted_types_are_ranked() -> None:
    history, _ = a_kitchen()
    tool = remembered(history, "Tea can be ordered with a tool.", memory_type=MemoryType.TOOL)
    question = Question("tea", memory_types=frozenset({MemoryType.TOOL}))
    ranking = ask(views_of(history.events), history.cubes[0].id, question)
    assert [hit.memory_id for hit in ranking.hits] == [tool.id]
    assert ranking.dropped == {"other_type": 4}


def test_a_signal_without_weight_is_neither_computed_nor_shown() -> None:
    history, memories = a_kitchen()
    views, cube_id = views_of(history.events), history.cubes[0].id
    ranking = recall(views, cube_id, Question("tea", weights={"terms": 1.0}), None, AS_ANN, NOW)
    assert ranking.hits[0].memory_id == memories[0].id
    assert set(ranking.hits[0].signals) == {"terms"}
    with pytest.raises(Invalid, match="vector of the question"):
        recall(views, cube_id, Question("tea"), None, AS_ANN, NOW)


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "\ud800", "x" * 70_000])
def test_a_question_must_be_text(text: str) -> None:
    with pytest.raises(InvalidText):
        Question(text)


@pytest.mark.parametrize("k", [-1, 0, 1001])
def test_between_one_and_a_thousand_hits_may_be_asked_for(k: int) -> None:
    with pytest.raises(Invalid, match=str(k)):
        Question("tea", k=k)
    assert Question("tea", k=1000).k == 1000


@pytest.mark.parametrize("weights", [{"smell": 1.0}, {"terms": -1.0}, {"terms": nan}, {"vector": inf}])
def test_weights_must_be_finite_and_of_signals_that_exist(weights: dict[str, float]) -> None:
    with pytest.raises(Invalid):
        Question("tea", weights=weights)


def test_an_answer_holds_for_the_position_that_every_view_has_reached() -> None:
    history, _ = a_kitchen()
    views, before = views_of(history.events), history.head
    remembered(history, "More tea.")
    for view in (views.scopes, views.terms):
        view.apply(history.events, history.head)
    ranking = ask(views, history.cubes[0].id, "tea")
    assert (ranking.position, ranking.considered) == (before, 4)
    with pytest.raises(ProjectionBehind) as refusal:
        ask(views, history.cubes[0].id, "tea", at=history.head)
    assert refusal.value.facts == {"view": "vectors", "position": before, "wanted": history.head}


def test_there_is_nothing_before_the_first_position() -> None:
    history, _ = a_kitchen()
    views = views_of(history.events)
    assert ask(views, history.cubes[0].id, "tea", at=0).hits == ()
    with pytest.raises(InvalidPosition):
        ask(views, history.cubes[0].id, "tea", at=-1)


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


@given(histories(erasures=False, relabels=False), callers, moments, texts, st.data())
def test_an_answer_as_of_a_position_is_to_the_bit_the_one_that_was_given_then(
    history: History, caller: Caller, now: datetime, text: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    now_known, then = views_of(history.events), views_of(history.events[:at])
    caller = data.draw(st.sampled_from((caller, ADMINISTRATOR)))
    for cube in history.cubes:
        assert ask(now_known, cube.id, text, caller, now, at) == ask(then, cube.id, text, caller, now)


@given(histories(), callers, moments, texts)
def test_hidden_memories_change_neither_the_order_nor_any_score_of_the_others(
    history: History, caller: Caller, now: datetime, text: str
) -> None:
    views = views_of(history.events)
    for cube in history.cubes:
        ranking = ask(views, cube.id, Question(text, k=1000), caller, now)
        shown = {hit.memory_id for hit in ranking.hits}
        without = [event for event in history.events if event.memory_id is None or event.memory_id in shown]
        alone = Views(Scopes(), Terms(), VectorView(HashedVectors(), DIMENSIONS))
        for view in (alone.scopes, alone.terms, alone.vectors):
            view.apply(without, history.head)
        assert ask(alone, cube.id, Question(text, k=1000), caller, now).hits == ranking.hits


@given(histories(max_steps=10), st.integers(1, 40))
def test_the_moment_of_the_question_decides_what_has_expired(history: History, hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    for cube in history.cubes:
        ranking = ask(views_of(history.events), cube.id, Question("tea", k=1000), ADMINISTRATOR, now)
        by_id = {memory.id: memory for memory in history.memories}
        expiries = [by_id[hit.memory_id].expires_at for hit in ranking.hits]
        assert all(expiry is None or expiry > now for expiry in expiries)


def test_an_answer_as_of_a_position_stays_the_same_while_the_views_move_on() -> None:
    history, _ = a_kitchen()
    views, cube_id, before = views_of(history.events), history.cubes[0].id, history.head
    expected = ask(views, cube_id, "tea", at=before)
    for number in range(300):
        remembered(history, f"Tea number {number} is in tin {number % 7}.")

    def move_on() -> None:
        for event in history.events[before:]:
            for view in (views.scopes, views.terms, views.vectors):
                view.apply([event], event.position)

    writer = threading.Thread(target=move_on)
    writer.start()
    answers = [ask(views, cube_id, "tea", at=before)]
    while writer.is_alive():
        answers.append(ask(views, cube_id, "tea", at=before))
        assert ask(views, cube_id, Question("tea", k=1000)).considered >= expected.considered
    writer.join()
    assert all(answer == expected for answer in answers)
    assert ask(views, cube_id, Question("tea", k=1000)).considered == 304
