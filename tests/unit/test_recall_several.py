"""One question to several cubes: each ranked as if it were asked alone, and merged by score."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, ProjectionBehind
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.recall import Question, recall_several
from tests.histories import NOW, History, begin, histories
from tests.unit.asking import ADMINISTRATOR, STORE, ask, members, questions, remembered, views_of


@given(histories(), members, questions, st.integers(1, 5), st.data())
def test_the_answers_of_the_cubes_are_merged_by_score_and_then_by_position(
    history: History, caller: Caller, question: Question, k: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, history.head))
    views, cube_ids = views_of(history.events), [cube.id for cube in history.cubes]
    merged = recall_several(views, cube_ids, replace(question, k=k), STORE.query, caller, NOW, at)
    alone = [ask(views, cube_id, question, caller, NOW, at) for cube_id in cube_ids]
    hits = [hit for each in alone for hit in each.hits]
    assert list(merged.hits) == sorted(hits, key=lambda hit: (-hit.score, hit.position))[:k]
    assert (merged.position, merged.considered) == (at, sum(each.considered for each in alone))
    codes = {code for each in alone for code in each.dropped}
    assert merged.dropped == {code: sum(each.dropped.get(code, 0) for each in alone) for code in codes}


def test_every_hit_says_its_cube_and_a_cube_that_is_named_twice_counts_once() -> None:
    history = begin()
    for cube in (0, 1):
        remembered(history, "Tea is in the tin.", cube=cube)
    first, second = (cube.id for cube in history.cubes)
    views = views_of(history.events)
    ranking = recall_several(views, [second, first, second], Question("tea"), STORE.query, ADMINISTRATOR, NOW)
    assert [hit.cube_id for hit in ranking.hits] == [first, second]
    assert ranking.considered == 2


def test_what_a_question_means_is_computed_once_for_all_cubes() -> None:
    history, asked = begin(), list[str]()
    for cube in (0, 1):
        remembered(history, "Tea is in the tin.", cube=cube)

    def embed(text: str) -> Vectors:
        asked.append(text)
        return STORE.query(text)

    cube_ids = [cube.id for cube in history.cubes]
    recall_several(views_of(history.events), cube_ids, Question("tea"), embed, ADMINISTRATOR, NOW)
    assert asked == ["tea"]


@pytest.mark.parametrize("number", [0, 101])
def test_between_one_and_a_hundred_cubes_may_be_asked(number: int) -> None:
    cube_ids = [UUID(int=each) for each in range(number)]
    with pytest.raises(Invalid, match=str(number)):
        recall_several(views_of([]), cube_ids, Question("tea"), STORE.query, ADMINISTRATOR, NOW)


def test_no_cube_is_asked_for_a_position_that_the_views_have_not_reached() -> None:
    history = begin()
    with pytest.raises(ProjectionBehind):
        recall_several(
            views_of(history.events), [history.cubes[0].id], Question("tea"), STORE.query, ADMINISTRATOR, NOW, 99
        )
