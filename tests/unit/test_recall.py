from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from math import inf, nan
from operator import add
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters.graphs import RustworkxAlgorithms
from mnemolog.domain.log import Event
from mnemolog.domain.metadata import MemoryType
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, InvalidPosition, InvalidText, ProjectionBehind
from mnemolog.projections.compiled import Graphs
from mnemolog.projections.edges import Edges
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.recall import Question, recall
from tests.histories import (
    NOW,
    History,
    begin,
    histories,
    texts,
)
from tests.unit.asking import (
    ADMINISTRATOR,
    AS_ANN,
    AS_BEN,
    STORE,
    TALK,
    a_kitchen,
    apply,
    ask,
    members,
    questions,
    remembered,
    views_of,
)


def told_plainly(event: Event) -> Event:
    """Without speaker and conversation."""
    data = dict(event.data)
    for part, name in (("description", "speaker"), ("governance", "context_id")):
        if part in data:
            data[part] = {label: value for label, value in data[part].items() if label != name}
    return replace(event, data=data)


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
    assert hit.signals["terms"]["raw"] > 0
    assert hit.signals["terms"]["part"] == pytest.approx(0.4 * hit.signals["terms"]["z"])


@given(histories(), members, questions)
def test_a_score_is_the_sum_of_its_parts(history: History, caller: Caller, question: Question) -> None:
    for cube in history.cubes:
        for hit in ask(views_of(history.events), cube.id, question, caller).hits:
            assert hit.score == reduce(add, [signal["part"] for signal in hit.signals.values()], 0.0)
            assert all(signal.keys() == {"raw", "z", "part"} for signal in hit.signals.values())


@given(histories(), members, texts)
def test_dialogue_is_documents_where_nothing_tells_of_conversations_speakers_or_dates(
    history: History, caller: Caller, text: str
) -> None:
    views = views_of([told_plainly(event) for event in history.events])
    for cube in history.cubes:
        dialogue, documents = (
            [(hit.memory_id, hit.score) for hit in ask(views, cube.id, Question(text, 1000, recipe), caller).hits]
            for recipe in ("dialogue", "documents")
        )
        assert dialogue == documents


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


def test_only_memories_of_the_wanted_types_are_ranked() -> None:
    history, _ = a_kitchen()
    tool = remembered(history, "Tea can be ordered with a tool.", memory_type=MemoryType.TOOL)
    question = Question("tea", memory_types=frozenset({MemoryType.TOOL}))
    ranking = ask(views_of(history.events), history.cubes[0].id, question)
    assert [hit.memory_id for hit in ranking.hits] == [tool.id]
    assert ranking.dropped == {"other_type": 4}


def test_a_signal_without_weight_is_neither_computed_nor_shown() -> None:
    def unasked(text: str) -> Vectors:
        raise AssertionError("no vector is needed")

    history, memories = a_kitchen()
    views, question = views_of(history.events), Question("tea", weights={"terms": 1.0})
    ranking = recall(views, history.cubes[0].id, question, unasked, AS_ANN, NOW)
    assert ranking.hits[0].memory_id == memories[0].id
    assert set(ranking.hits[0].signals) == {"terms"}
    assert recall(views, UUID(int=404), Question("tea"), unasked, AS_ANN, NOW).hits == ()


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "\ud800", "x" * 70_000])
def test_a_question_must_be_text(text: str) -> None:
    with pytest.raises(InvalidText):
        Question(text)


@pytest.mark.parametrize("k", [-1, 0, 1001])
def test_between_one_and_a_thousand_hits_may_be_asked_for(k: int) -> None:
    with pytest.raises(Invalid, match=str(k)):
        Question("tea", k=k)
    assert Question("tea", k=1000).k == 1000


def test_weights_take_the_place_of_a_recipe_and_no_recipe_is_made_up() -> None:
    history, _ = a_kitchen()
    question = Question("tea", recipe="meaning", weights={"terms": 2.0})
    hit = ask(views_of(history.events), history.cubes[0].id, question).hits[0]
    assert hit.score == 2.0 * hit.signals["terms"]["z"]
    with pytest.raises(Invalid, match="magic"):
        Question("tea", recipe="magic")


@pytest.mark.parametrize("weights", [{"smell": 1.0}, {"terms": -1.0}, {"terms": nan}, {"vector": inf}])
def test_weights_must_be_finite_and_of_signals_that_exist(weights: dict[str, float]) -> None:
    with pytest.raises(Invalid):
        Question("tea", weights=weights)


def test_an_answer_holds_for_the_position_that_every_view_has_reached() -> None:
    history, _ = a_kitchen()
    views, before = views_of(history.events), history.head
    remembered(history, "More tea.")
    for view in (views.scopes, views.terms, views.turns):
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


def test_a_reply_is_found_by_the_question_that_it_answers() -> None:
    history = begin()
    asked = remembered(history, "Which tea do you like best?", "Ben", context_id=TALK)
    reply = remembered(history, "Darjeeling, by far.", "Ann", context_id=TALK)
    for number in range(8):
        remembered(history, f"Train number {number} is late.", "Ann", context_id=UUID(int=99))
    question = "Which tea does Ann like best?"
    cube_id, views = history.cubes[0].id, views_of(history.events)
    assert {hit.memory_id for hit in ask(views, cube_id, question).hits[:2]} == {asked.id, reply.id}
    by_text = ask(views, cube_id, Question(question, recipe="documents")).hits
    assert reply.id not in {hit.memory_id for hit in by_text[:2]}


def test_what_one_speaker_said_is_told_before_what_others_said_of_it() -> None:
    history = begin()
    said = [
        remembered(history, f"I like the {tea} tea.", name) for name, tea in (("Ben", "green"), ("Ann Lee", "black"))
    ]
    views, cube_id = views_of(history.events), history.cubes[0].id
    for name, expected in (("Ben", said[0]), ("Ann", said[1]), ("ANN LEE", said[1])):
        first = ask(views, cube_id, f"Which tea does {name} like?").hits[0]
        assert (first.memory_id, first.signals["subject"]["part"]) == (expected.id, 2.0)
    assert "subject" not in ask(views, cube_id, "Which tea do Ann and Ben like?").hits[0].signals


def test_the_meaning_of_a_question_is_looked_for_without_the_names_of_speakers() -> None:
    history, asked = begin(), list[str]()
    remembered(history, "I like tea.", "Ann")

    def embed(text: str) -> Vectors:
        asked.append(text)
        return STORE.query(text)

    views, cube_id = views_of(history.events), history.cubes[0].id
    for who in (AS_ANN, AS_BEN):
        recall(views, cube_id, Question("What does Ann like?"), embed, who, NOW)
    assert asked == ["What does like?"]


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
            apply(views, [event], event.position)

    writer = threading.Thread(target=move_on)
    writer.start()
    answers = [ask(views, cube_id, "tea", at=before)]
    while writer.is_alive():
        answers.append(ask(views, cube_id, "tea", at=before))
        assert ask(views, cube_id, Question("tea", k=1000)).considered >= expected.considered
    writer.join()
    assert all(answer == expected for answer in answers)
    assert ask(views, cube_id, Question("tea", k=1000)).considered == 304


def test_the_graph_leads_from_the_words_of_a_question_to_what_only_a_name_joins_to_them() -> None:
    history = begin()
    remembered(history, "Our tea comes from a shop of Cleo.")
    remembered(history, "Yesterday I saw Cleo in the harbour.")
    remembered(history, "The train leaves at nine.")
    views, cube_id = views_of(history.events), history.cubes[0].id
    edges = Edges()
    edges.apply(history.events, history.head)
    views = replace(views, graphs=Graphs(edges, RustworkxAlgorithms()))
    first, second, third = ask(views, cube_id, Question("Where does our tea come from?", recipe="graph")).hits
    harbour = next(event.stream_id for event in history.events if "harbour" in str(event.data))
    assert second.memory_id == harbour
    assert second.signals["related"]["part"] > third.signals["related"]["part"]
    assert ask(views, cube_id, Question("tea", recipe="graph"), at=history.head).hits[0].memory_id == first.memory_id


def test_recall_with_the_graph_waits_for_the_edges() -> None:
    history, _ = a_kitchen()
    views = replace(views_of(history.events), graphs=Graphs(Edges(), RustworkxAlgorithms()))
    assert ask(views, history.cubes[0].id, "tea", at=history.head).hits
    with pytest.raises(ProjectionBehind):
        ask(views, history.cubes[0].id, Question("tea", recipe="graph"), at=history.head)


def test_operators_in_a_question_are_filters_and_no_part_of_its_words() -> None:
    history, _ = a_kitchen()
    remembered(history, "Ann drinks tea.", "Ann")
    views, cube_id = views_of(history.events), history.cubes[0].id
    (only,) = ask(views, cube_id, "tea speaker:ann").hits
    assert only.memory_id == history.events[-1].memory_id
    assert ask(views, cube_id, "tea type:working").hits == ()
    assert ask(views, cube_id, "tea type:nonsense").hits


def test_an_audience_is_made_once_until_something_changes_or_expires() -> None:
    history, _ = a_kitchen()
    views, cube_id = views_of(history.events), history.cubes[0].id
    audience = views.audience(cube_id, Question("tea"), AS_ANN, NOW, history.head)
    assert views.audience(cube_id, Question("train"), AS_ANN, NOW, history.head) is audience
    assert views.audience(cube_id, Question("train"), AS_BEN, NOW, history.head) is not audience
    assert views.audience(cube_id, Question("tea"), AS_ANN, NOW, history.head - 1) is not audience
    remembered(history, "Cups are white.")
    apply(views, history.events, history.head)
    assert views.audience(cube_id, Question("tea"), AS_ANN, NOW, history.head).size == audience.size + 1


def test_what_expires_between_two_questions_is_not_in_the_second_answer() -> None:
    history, memories = a_kitchen()
    memories[0].set_retention(NOW + timedelta(hours=1))
    history.save(memories[0])
    views, cube_id = views_of(history.events), history.cubes[0].id
    assert memories[0].id in {hit.memory_id for hit in ask(views, cube_id, "tea", now=NOW).hits}
    later = ask(views, cube_id, "tea", now=NOW + timedelta(hours=1))
    assert memories[0].id not in {hit.memory_id for hit in later.hits}
    assert later.dropped["expired"] == 1
