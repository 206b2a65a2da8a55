"""Views over a history, and questions to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description, Governance, Visibility
from mnemolog.domain.permissions import Caller
from mnemolog.projections.labels import Labels
from mnemolog.projections.recall import Question, Ranking, Views, recall
from mnemolog.projections.recipes import RECIPES
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import VectorView
from tests.histories import (
    ANN,
    BEN,
    NOW,
    PEOPLE,
    SESSIONS,
    SUBJECT,
    TENANT,
    WORDS,
    History,
    begin,
    texts,
)
from tests.unit.hashed_vectors import DIMENSIONS, HashedVectors

STORE = HashedVectors()
AS_ANN, AS_BEN = Caller(ANN, TENANT, SUBJECT), Caller(BEN, TENANT, SUBJECT)
ADMINISTRATOR = Caller(UUID(int=99), TENANT, SUBJECT, administrator=True)
TALK = UUID(int=31)
HINTS = ("Ann", "Ann Lee's", "ben", "8 May 2023", "in May", "in 2026", "January")
questions = st.builds(
    Question,
    text=st.lists(st.sampled_from((*WORDS, *HINTS, *HINTS)), min_size=1, max_size=5).map(" ".join),
    k=st.just(1000),
    recipe=st.sampled_from(list(RECIPES)) | st.just("dialogue"),
)
members = st.builds(
    Caller,
    principal_id=st.sampled_from((*PEOPLE, UUID(int=99))),
    tenant_id=st.just(TENANT),
    subject_id=st.just(SUBJECT),
    administrator=st.booleans(),
    session_id=st.none() | st.sampled_from(SESSIONS),
)


@st.composite
def conversations(draw: st.DrawFn) -> History:
    """Of up to three conversations in one cube, in which not everything may be seen by everybody."""
    history = begin()
    for _ in range(draw(st.integers(1, 12))):
        labels: dict[str, Any] = {
            "visibility": draw(st.sampled_from((Visibility.PRIVATE, Visibility.TENANT, Visibility.TENANT)))
        }
        context = draw(st.sampled_from((TALK, TALK, UUID(int=32), None)))
        speaker = draw(st.sampled_from(("Ann", "Ann Lee", "Ben", None)))
        remembered(history, draw(texts), speaker, owner_id=draw(st.sampled_from(PEOPLE)), context_id=context, **labels)
    return history


def views_of(events: Sequence[Event]) -> Views:
    views = Views(Scopes(), Terms(), VectorView(HashedVectors(), DIMENSIONS), Turns(), Labels())
    apply(views, events, len(events))
    return views


def apply(views: Views, events: Sequence[Event], upto: int) -> None:
    for view in (views.scopes, views.terms, views.vectors, views.turns, views.labels):
        view.apply(events, upto)


def ask(
    views: Views,
    cube_id: UUID,
    question: Question | str,
    caller: Caller = AS_ANN,
    now: datetime = NOW,
    at: int | None = None,
) -> Ranking:
    question = Question(question) if isinstance(question, str) else question
    return recall(views, cube_id, question, STORE.query, caller, now, at)


def remembered(history: History, text: str, speaker: str | None = None, cube: int = 0, **labels: object) -> Memory:
    memory = Memory.generate(
        tenant_id=TENANT,
        cube_id=history.cubes[cube].id,
        subject_ids=(SUBJECT,),
        text=text,
        governance=replace(Governance(owner_id=ANN), **labels),  # type: ignore[arg-type]
        description=Description(speaker=speaker),
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
