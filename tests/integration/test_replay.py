"""Views made again as they were at any moment, beside those that the store lives by, and left in a folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.accesses import ACCESS
from mnemolog.adapters.postgres.catalogue import memory_row
from mnemolog.api.credentials import ApiKey
from mnemolog.api.pace import Pace
from mnemolog.api.parts import EVERY
from mnemolog.api.principals import found_tenant
from mnemolog.api.replay_answers import Replayed
from mnemolog.api.store import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.refusals import CubeNotFound, Denied, Invalid, InvalidPosition, NotFound, Refusal
from mnemolog.projections import replay
from mnemolog.projections.replayed_tables import line, memory_json
from tests.databases import superuser
from tests.recorded_lives import HandClock, Life

IN_MEMORY = {"edges", "labels", "scopes", "terms", "turns", "vectors"}
MEMORIES = """SELECT memory_id, from_position, version, tenant_id, cube_id, state, governance, trust, corroborations,
    legal_hold, occurred_at, created_at, changed_at, expires_at, text_position, created_position, key_token, tag_tokens,
    subject_ids, parents, merged_into FROM mnemolog.memory WHERE tenant_id = %s ORDER BY from_position"""
PATTERNS = """SELECT memory_id, tenant_id, owner_id, reads, last_position, last_read_at FROM mnemolog.access_pattern
    WHERE tenant_id = %s ORDER BY memory_id"""
PROCESSES = """SELECT process_id, stream_id, version, last_position, ended FROM mnemolog.access_process
    WHERE tenant_id = %s ORDER BY process_id"""
Digests = Mapping[tuple[str, UUID | None], str]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(dsn: str, tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder(), clock=clock) as store:
        yield store


@pytest.fixture
def life(store: Store, clock: HandClock) -> Life:
    """Of a store that another tenant is in too."""
    found_tenant(store.parts, ApiKey.new(), "somebody else")
    return Life(store, clock, Random(5)).begin().live(60)


def settled(store: Store) -> int:
    """The head of the log, which all views have reached."""
    store.parts.trail.flush()
    head = store.parts.log.head()
    store.parts.runner.wait((*EVERY, "access"), head, 30)
    return head


def held(store: Store, dsn: str) -> Digests:
    """What the views are that the store lives by."""
    settled(store)
    found: dict[tuple[str, UUID | None], str] = {}
    for row in store.parts.directory.cubes(store.caller.tenant_id, None, 0, 100):
        for view in store.parts.residence.views:
            store.parts.residence.wake(view, row.cube_id)
            found[view.name, row.cube_id] = view.digest_of(row.cube_id)[1]
    return {**found, ("catalogue", None): _catalogue(store, dsn), ("access", None): _accesses(store, dsn)}


def _catalogue(store: Store, dsn: str) -> str:
    with superuser(dsn) as connection:
        rows = connection.execute(MEMORIES, (store.caller.tenant_id,)).fetchall()
    return digest(line({"table": "memory", **memory_json(memory_row(row))}) for row in rows)


def _accesses(store: Store, dsn: str) -> str:
    tenant, tables = (store.caller.tenant_id,), []
    with superuser(dsn) as connection:
        every = f"SELECT {', '.join(ACCESS)} FROM mnemolog.access WHERE tenant_id = %s ORDER BY position"
        for table, statement in (("access", every), ("access_pattern", PATTERNS), ("access_process", PROCESSES)):
            cursor = connection.execute(statement, tenant)
            names = [column.name for column in cursor.description or ()]
            tables += [line({"table": table, **dict(zip(names, row, strict=True))}) for row in cursor]
    return digest(tables)


def digest(rows: Iterator[str] | list[str]) -> str:
    return sha256("".join(f"{row}\n" for row in rows).encode()).hexdigest()


def digests(replayed: Replayed) -> Digests:
    return {(each.view, each.cube_id): each.digest for each in replayed.items}


def test_up_to_the_head_all_views_are_those_that_the_store_lives_by(store: Store, dsn: str, life: Life) -> None:
    expected = held(store, dsn)
    before = [view.held() for view in store.parts.residence.views]
    replayed = store.replay()
    assert digests(replayed) == expected
    assert {each.view for each in replayed.items} == {*IN_MEMORY, "catalogue", "access"}
    assert replayed.position == store.log.head()
    assert [view.held() for view in store.parts.residence.views] == before


def test_what_was_at_a_position_is_made_again_from_the_events_up_to_there(store: Store, dsn: str, life: Life) -> None:
    then: dict[int, Digests] = {}
    for _ in range(4):
        expected = held(store, dsn)
        then[settled(store)] = expected
        life.live(15)
    for position, expected in then.items():
        assert digests(store.replay(position)) == expected


KILLED = """
import os, signal, sys
from pathlib import Path
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api.store import open_store
from mnemolog.projections import replay

replay.PAGE, replay.KEEP_SECONDS, replay.SHARE = 5, 0.0, 0
home, dsn, folder, steps = sys.argv[1:]
left = int(steps)

def told(pace):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with open_store(home, dsn, embedder=HashingEmbedder()) as store:
    store.replay(into=Path(folder), progress=told)
"""


def kill(dsn: str, home: Path, folder: Path, steps: int) -> None:
    """A process that makes a replay, after so many steps of it."""
    command = [sys.executable, "-c", KILLED, str(home), dsn, str(folder), str(steps)]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("kills", [(2, 2), (9, 12)])
def test_a_replay_that_was_killed_goes_on_and_makes_the_same(
    store: Store, dsn: str, life: Life, tmp_path: Path, kills: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 5)
    folder, position = tmp_path / "then", settled(store)
    expected = digests(store.replay(position))
    for steps in kills:
        kill(dsn, tmp_path / "home", folder, steps)
    life.live(10)
    paces: list[Pace] = []
    resumed = store.replay(into=folder, progress=paces.append)
    assert (resumed.position, digests(resumed)) == (position, expected)
    whole: list[Pace] = []
    store.replay(position, into=tmp_path / "another", progress=whole.append)
    assert len(paces) <= len(whole) - (sum(kills) - len(kills)) // 2
    for name in ("catalogue", "access"):
        ours, others = (each / f"{name}.ndjson" for each in (folder, tmp_path / "another"))
        assert ours.read_bytes() == others.read_bytes()
        assert sha256(ours.read_bytes()).hexdigest() == expected[name, None]
    assert digests(store.replay(into=folder)) == expected


def test_what_is_left_says_what_it_is_and_holds_no_word_of_a_memory(store: Store, tmp_path: Path) -> None:
    secret = "Schäufele am Donnerstag"
    memory = Remember(text=secret, tags=(secret,), key=secret, speaker=secret)
    store.memories.remember("main", memory)
    settled(store)
    chain = store.log.verify().chain.hex()
    replayed = store.replay(into=tmp_path / "then")
    known = json.loads((tmp_path / "then" / "replay.json").read_text())
    assert known["plan"]["tenant_id"] == str(store.caller.tenant_id)
    assert (known["plan"]["position"], known["plan"]["chain"]) == (replayed.position, replayed.chain)
    assert known["plan"]["chain"] == chain
    assert {each["view"]: each["digest"] for each in known["finished"]} == {
        each.view: each.digest for each in replayed.items
    }
    files = [path for path in (tmp_path / "then").rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".view"]) == len(IN_MEMORY)
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        for word in ("Schäufele", "Donnerstag", json.dumps("Schäufele")[1:-1]):
            assert word.encode() not in path.read_bytes()


def test_a_folder_of_something_else_is_refused(store: Store, life: Life, tmp_path: Path) -> None:
    folder, position = tmp_path / "then", settled(store)
    store.replay(position - 1, into=folder, views=["terms"])
    before = (folder / "replay.json").read_bytes()
    refused: list[dict[str, Any]] = [
        {"to": position},
        {"to": position - 1},
        {"to": position - 1, "views": ["terms", "turns"]},
        {"to": position - 1, "views": ["terms"], "cube": life.cubes[0]},
    ]
    for asked in refused:
        with pytest.raises(Invalid, match="holds a replay of another"):
            store.replay(into=folder, **asked)
    known = json.loads(before)
    for name in ("tenant_id", "log", "chain", "release"):
        other = {**known, "plan": {**known["plan"], name: "another"}}
        (folder / "replay.json").write_text(json.dumps(other))
        with pytest.raises(Invalid, match="holds a replay of another"):
            store.replay(into=folder, views=["terms"])
    (folder / "replay.json").write_bytes(b"{}")
    with pytest.raises(Invalid, match="cannot be read"):
        store.replay(into=folder)
    (folder / "replay.json").write_bytes(before)
    assert store.replay(into=folder, views=["terms"]).position == position - 1
    with pytest.raises(Invalid, match="something else"):
        store.replay(into=tmp_path / "home")


def test_two_replays_do_not_work_in_one_folder(store: Store, life: Life, tmp_path: Path) -> None:
    def again(pace: Pace) -> None:
        with pytest.raises(Invalid, match="under way"):
            store.replay(into=tmp_path / "then")
        seen.append(pace)

    seen: list[Pace] = []
    store.replay(into=tmp_path / "then", progress=again)
    assert seen


@pytest.mark.parametrize("when", ["before it goes on", "while it is made"])
def test_what_is_erased_meanwhile_is_in_nothing_that_is_left(
    store: Store, dsn: str, life: Life, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 5)
    monkeypatch.setattr(replay, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(replay, "SHARE", 0)
    position = settled(store)
    doomed = store.memories.remember(life.cubes[0], "Nobody must know this.").memory_ids[0]
    position = settled(store)
    erased: list[UUID] = []

    def erase(pace: Pace) -> None:
        if not erased and pace.cube == "garden":  # the kitchen is finished by then
            erased.append(doomed)
            store.erasures.erase(memory=doomed, basis="case 7")

    if when == "while it is made":
        made = store.replay(position, into=tmp_path / "then", progress=erase)
    else:
        kill(dsn, tmp_path / "home", tmp_path / "then", 25)
        erase(Pace("", "garden", 0, 0, 0, None))
        made = store.replay(into=tmp_path / "then")
    assert erased
    assert digests(made) == digests(store.replay(position))


def test_damage_to_what_was_left_only_costs_time(
    store: Store, dsn: str, life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, position = tmp_path / "then", settled(store)
    expected = digests(store.replay(position))
    kill(dsn, tmp_path / "home", folder, 25)
    for path in [*folder.glob("views/*.view"), *folder.glob("*.ndjson")]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    known = json.loads((folder / "replay.json").read_text())
    (folder / "replay.json").write_text(json.dumps({**known, "finished": []}))
    assert digests(store.replay(into=folder)) == expected


def test_one_view_one_cube_and_the_beginning(store: Store, life: Life) -> None:
    (only,) = store.replay(views=["turns"], cube="garden").items
    assert (only.view, only.cube_id) == ("turns", life.cubes[1])
    assert only.events > 0
    assert {each.view for each in store.replay(cube="garden").items} == IN_MEMORY
    nothing = store.replay(0)
    assert {(each.view, each.events) for each in nothing.items} == {("catalogue", 0), ("access", 0)}
    assert (nothing.position, nothing.chain) == (0, "")


def test_what_cannot_be_replayed_is_refused(store: Store, life: Life) -> None:
    refused: tuple[tuple[type[Refusal], dict[str, Any]], ...] = (
        (NotFound, {"views": ["nonsense"]}),
        (CubeNotFound, {"cube": "nowhere"}),
        (CubeNotFound, {"cube": "garden", "to": 1}),
        (Invalid, {"cube": "garden", "views": ["catalogue"]}),
        (InvalidPosition, {"to": 10_000}),
    )
    for refusal, asked in refused:
        with pytest.raises(refusal):
            store.replay(**asked)
    with pytest.raises(Denied):
        life.people[1].replay()
    narrow = Store(store.parts, replace(store.caller, scopes=frozenset()))
    with pytest.raises(Denied):
        narrow.replay.answers()
