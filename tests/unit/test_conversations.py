"""A conversation becomes memories: one for each turn, in order, under names that stay the same."""

from __future__ import annotations

from dataclasses import replace

from mnemolog.api.demo.conversations import our_own
from mnemolog.domain.metadata import SemanticType

OURS = our_own()


def test_our_own_conversation_is_long_enough_to_be_worth_asking() -> None:
    assert 60 <= len(OURS.turns) <= 80
    assert len(OURS.sessions) > 3
    assert len(OURS.speakers) == 2


def test_what_is_asked_and_changed_names_turns_that_exist() -> None:
    keys = {turn.key for turn in OURS.turns}
    changes = OURS.changes
    named = {key for question in OURS.questions for key in question.evidence}
    named |= {changes.revise[0], changes.archive, *changes.merge[0]}
    assert named <= keys


def test_the_turns_that_are_changed_are_different_ones() -> None:
    changed = [OURS.changes.revise[0], OURS.changes.archive, *OURS.changes.merge[0]]
    assert len(set(changed)) == len(changed) == 4


def test_every_turn_is_one_memory_and_they_stand_in_time_as_they_were_said() -> None:
    memories = [memory for session in OURS.sessions for memory in OURS.memories(session)]
    assert [(m.key, m.speaker, m.text) for m in memories] == [(t.key, t.speaker, t.text) for t in OURS.turns]
    moments = [memory.occurred_at for memory in memories if memory.occurred_at is not None]
    assert len(moments) == len(memories)
    assert moments == sorted(set(moments))
    assert {memory.semantic_type for memory in memories} == {SemanticType.DIALOGUE}


def test_each_session_is_a_context_of_its_own() -> None:
    contexts = [{memory.context_id for memory in OURS.memories(session)} for session in OURS.sessions]
    assert all(len(found) == 1 for found in contexts)
    assert len(set.union(*contexts)) == len(OURS.sessions)


def test_the_same_conversation_always_has_the_same_id_and_another_has_another() -> None:
    assert our_own().id == OURS.id
    assert replace(OURS, sessions=OURS.sessions[:-1]).id != OURS.id
