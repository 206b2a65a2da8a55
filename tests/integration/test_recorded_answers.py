"""Whatever was answered is answered again to the last bit, and a record of something else is found."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.keyring import seal
from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.adapters.postgres.mapper import associated_data
from mnemolog.api.credentials import ApiKey
from mnemolog.api.principals import found_tenant
from mnemolog.api.replay_answers import Why
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.access import Access
from mnemolog.domain.commands import Remember
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.refusals import AnswerDiffers, Denied, Invalid, NotFound
from mnemolog.projections.recall import Question
from tests.databases import superuser
from tests.recorded_lives import HandClock, Life
from tests.rerank_server import rerank_server

TEA, DOG, JAM = "Tea is kept in the blue tin.", "The dog is called Pilot.", "The jam is next to the tea."
LATER = ["administrator", "scopes", "ruled_at", "judged_at", "labelled_at"]  # what older releases did not record


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(dsn: str, tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder(), clock=clock) as store:
        yield store


@contextmanager
def reopened(store: Store, dsn: str, tmp_path: Path, **options: Any) -> Iterator[Store]:
    settings = Settings(home=tmp_path / "home", dsn=dsn, **options.pop("settings", {}))
    with open_store(settings=settings, **{"embedder": HashingEmbedder(), **options}) as again:
        yield again


def asked(store: Store, *arguments: Any, **named: Any) -> int:
    """The position of the record of an answer."""
    store.recall(*(arguments or ("main", "tea")), **named)
    entry = store.audit(AccessFilter(kinds=("recall",))).items[0]
    assert entry.memory_ids
    position: int = entry.position
    return position


@pytest.mark.parametrize("seed", range(2))
def test_every_recorded_answer_is_the_same_later_and_after_more_has_come(
    store: Store, clock: HandClock, seed: int
) -> None:
    life = Life(store, clock, Random(seed)).begin().live(110)
    proven = store.replay.answers()
    assert (proven.same, proven.not_replayable) == (life.asked, {})
    before = life.asked
    life.live(60)
    again = store.replay.answers(proven.position)
    assert (again.same, again.not_replayable) == (life.asked - before, {})
    every = store.replay.answers()
    assert (every.same, every.not_replayable) == (life.asked, {})
    assert life.asked > before > 15


def test_answers_that_were_given_while_others_changed_everything_are_the_same(store: Store, clock: HandClock) -> None:
    life, enough = Life(store, clock, Random(1)).begin(), threading.Event()

    def change(other: Life) -> None:
        while not enough.is_set():
            other.change()

    def ask(other: Life) -> int:
        for _ in range(40):
            other.try_to_ask()
        return other.asked

    with ThreadPoolExecutor(4) as pool:
        changing = [pool.submit(change, life.beside(seed)) for seed in (2, 3)]
        answered = sum(pool.map(ask, (life.beside(4), life.beside(5))))
        enough.set()
        for each in changing:
            each.result()
    proven = store.replay.answers()
    assert (proven.same, proven.not_replayable) == (answered, {})
    assert answered > 10


def tampered(store: Store, dsn: str, position: int, clear: Mapping[str, Any], sealed: Mapping[str, Any]) -> None:
    """As somebody could who rules the database and has the keys."""
    keyring, event = store.parts.application.keyring, store.parts.log.at([position])[position]
    with superuser(dsn) as connection:
        connection.execute("ALTER TABLE mnemolog.event DISABLE TRIGGER event_is_immutable")
        found = connection.execute("SELECT payload FROM mnemolog.event WHERE position = %s", (position,)).fetchone()
        assert found is not None
        payload = {name: value for name, value in {**found[0], **clear}.items() if value is not ...}
        personal = {name: event.data[name] for name in Access.Recorded.SEALED} | dict(sealed)
        key = keyring.content_key(event.stream_id)
        assert key is not None
        cipher = keyring.cipher(key)
        assert cipher is not None
        associated = associated_data(event.tenant_id, event.stream_id, event.version, event.type, 1)
        connection.execute(
            "UPDATE mnemolog.event SET payload = %s, sealed = %s WHERE position = %s",
            (json.dumps(payload), seal(cipher, orjson.dumps(personal), associated), position),
        )


def test_a_record_of_other_scores_or_of_another_order_is_found(store: Store, dsn: str) -> None:
    store.memories.remember("main", TEA, JAM)
    asked(store)
    position = asked(store)
    assert store.replay.answer(position).same
    data = store.parts.log.at([position])[position].data
    first, second = data["memory_ids"]
    higher = (float.fromhex(data["scores"][0]) * (1 + 2**-52)).hex()
    forgeries: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (
            {},
            {"scores": [higher, data["scores"][1]]},
            "score of hit 1",
        ),
        ({"memory_ids": [second, first]}, {}, "memory_id of hit 1"),
        ({"text_positions": [*data["text_positions"][:1], 1]}, {}, "text_position of hit 2"),
        (
            {name: data[name][:1] for name in ("memory_ids", "text_positions")},
            {"scores": data["scores"][:1]},
            "memory_id of hit 2",
        ),
    ]
    for clear, sealed, what in forgeries:
        tampered(store, dsn, position, clear, sealed)
        for prove in (lambda: store.replay.answer(position), store.replay.answers):
            with pytest.raises(AnswerDiffers) as refused:
                prove()
            assert (refused.value.facts["position"], refused.value.facts["what"]) == (position, what)
            assert refused.value.exit_code == 6
        tampered(store, dsn, position, data, {name: data[name] for name in Access.Recorded.SEALED})
    assert store.replay.answers().same == 2


def test_what_older_releases_recorded_is_asked_again_and_accuses_nobody(
    store: Store, dsn: str, clock: HandClock
) -> None:
    life = Life(store, clock, Random(0)).begin().live(90)
    store.parts.trail.flush()
    with superuser(dsn) as connection:
        connection.execute("ALTER TABLE mnemolog.event DISABLE TRIGGER event_is_immutable")
        connection.execute(
            "UPDATE mnemolog.event SET payload = (payload::jsonb - %s::text[])::json WHERE event_type = %s",
            (LATER, Access.Recorded.TOPIC),
        )
    proven = store.replay.answers()
    assert proven.same + proven.not_replayable.get("unrecorded", 0) == life.asked
    assert proven.not_replayable.keys() <= {"unrecorded"}
    assert proven.same > life.asked * 0.7


def test_after_an_erasure_nothing_is_known_of_the_answers_of_its_cube(store: Store) -> None:
    store.cubes.found("garden")
    store.memories.remember("garden", DOG)
    store.memories.remember("main", TEA, JAM)
    (doomed,) = store.memories.remember("main", "More about tea.").memory_ids
    before, elsewhere = asked(store), asked(store, "garden", "dog")
    store.erasures.erase(memory=doomed, basis="case 7")
    after = asked(store)
    assert store.replay.answer(before).reason is Why.ERASED
    assert (store.replay.answer(elsewhere).same, store.replay.answer(after).same) == (True, True)
    proven = store.replay.answers()
    assert (proven.same, proven.not_replayable) == (2, {"erased": 1})


def test_when_whoever_asked_is_erased_the_question_is_gone(store: Store) -> None:
    store.memories.remember("main", Remember(text=TEA, visibility=Visibility.TENANT))
    ben = store.acting_as(store.principals.issue_key(store.principals.register("Ben").principal_id).key)
    cube = ben.cubes.found("of-ben")
    ben.memories.remember(cube.cube_id, TEA)
    ben.recall(cube.cube_id, "tea")
    position = store.audit(AccessFilter(kinds=("recall",))).items[0].position
    assert store.replay.answer(position).same
    store.erasures.erase(subject=ben.caller.subject_id, basis="case 8")
    told = store.replay.answer(position)
    assert (told.same, told.reason, told.scores) == (False, Why.ERASED, [])


def test_what_an_index_overlooked_is_no_forgery_and_a_score_is(store: Store, dsn: str) -> None:
    store.memories.remember("main", TEA, JAM)
    position = asked(store)
    data = store.parts.log.at([position])[position].data
    overlooked = {"exact": False, **{name: data[name][1:] for name in ("memory_ids", "text_positions")}}
    tampered(store, dsn, position, overlooked, {"scores": data["scores"][1:]})
    assert store.replay.answer(position).reason is Why.INDEX
    tampered(store, dsn, position, overlooked, {"scores": data["scores"][:1]})
    with pytest.raises(AnswerDiffers):
        store.replay.answer(position)


def test_other_models_answer_otherwise_and_prove_nothing(store: Store, dsn: str, tmp_path: Path) -> None:
    store.memories.remember("main", TEA, JAM)
    position = asked(store)
    with rerank_server() as model:
        reranking = {"reranker": f"rerank:{model.url}#tiny"}
        with reopened(store, dsn, tmp_path, settings=reranking) as again:
            reranked = asked(again, "main", "tea", rerank=True)
            assert again.replay.answers().same == 2
    with reopened(store, dsn, tmp_path, embedder=HashingEmbedder(128)) as other:
        assert other.replay.answer(position).reason is Why.ANOTHER_EMBEDDER
    assert store.replay.answer(reranked).reason is Why.ANOTHER_RERANKER
    assert store.replay.answers().not_replayable == {"another_reranker": 1}


def test_an_answer_is_told_in_ids_scores_and_positions_and_on_record(store: Store) -> None:
    store.memories.remember("main", TEA, JAM)
    told = store.recall("main", Question("tea", recipe="graph"))
    position = store.audit(AccessFilter(kinds=("recall",))).items[0].position
    again = store.replay.answer(position)
    assert list(zip(again.memory_ids, again.scores, again.text_positions, strict=True)) == [
        (hit.memory_id, hit.score.hex(), hit.position) for hit in told.hits
    ]
    assert (again.position, again.answered_at) == (position, told.position)
    entry = store.audit(AccessFilter(kinds=("replay.answer",))).items[0]
    assert entry.memory_ids == again.memory_ids
    assert "Tea" not in repr(again)


def test_only_an_administrator_replays_and_only_answers_of_the_tenant(store: Store) -> None:
    store.memories.remember("main", TEA)
    position = asked(store)
    ben = store.acting_as(store.principals.issue_key(store.principals.register("Ben").principal_id).key)
    key = ApiKey.new()
    found_tenant(store.parts, key, "somebody else")
    stranger = store.acting_as(key.reveal())
    for prove in (lambda: ben.replay.answer(position), ben.replay.answers):
        with pytest.raises(Denied):
            prove()
    with pytest.raises(NotFound):
        stranger.replay.answer(position)
    with pytest.raises(Invalid):
        store.replay.answer(position - 1)
    assert stranger.replay.answers().same == 0
