"""Counted: nothing of one person reaches another, whoever asks at the same time, and nothing is read past a revoke."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from threading import Event, get_ident
from typing import Any
from uuid import uuid4

import httpx
import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from tests.acceptance.test_rest import ROUTES
from tests.acceptance.test_rest_isolation import (
    NO_IDS,
    PAIRS,
    PARAMETER,
    REQUESTS,
    Ids,
    Person,
    filled,
    ids_of,
    nobody,
    settled,
    told,
)
from tests.databases import database
from tests.served import PATIENCE, Served, serving

AT_ONCE = 50
STREAM = ("GET", "/v1/log/stream")
# What is asked without an id of anybody: lists, figures, and bodies that name nothing.
ASKED = {(method, path.partition("?")[0]) for method, path, _ in REQUESTS}
WITHOUT_IDS = [
    (method, path, None)
    for method, path in ROUTES
    if (method, path) not in {*ASKED, STREAM} and set(PARAMETER.findall(path)) <= NO_IDS
]


@pytest.fixture(scope="module")
def store(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("home")
    with (
        database(server) as dsn,
        open_store(settings=Settings(home=home, dsn=dsn), embedder=HashingEmbedder()) as store,
    ):
        yield store


@pytest.fixture(scope="module")
def served(store: Store) -> Iterator[Served]:
    with serving(store, heartbeat_seconds=0.01) as (url, _):
        served = Served(store, url)
        yield served
        served.close()


@pytest.fixture(scope="module")
def people(served: Served) -> Iterator[dict[str, tuple[Person, str]]]:
    """The owner and a user of each of two tenants, each with a word that nobody else has, wherever a word can stand."""
    found: dict[str, tuple[Person, str]] = {}
    for tenant in ("A", "B"):
        made = served.client.post("/v1/tenants", json={"name": tenant}).json()
        owner = served.holding(made["key"])
        user = owner.post("/v1/principals", json={"name": "user", "kind": "user"}).json()["principal_id"]
        guest = served.holding(owner.post(f"/v1/principals/{user}/keys", json={}).json()["key"])
        group = owner.post("/v1/principals", json={"name": "all", "kind": "group"}).json()["principal_id"]
        terms = {"subject_id": group, "actions": ["read"], "cube": "main"}
        grant = owner.post("/v1/grants", json=terms).json()["grant_id"]
        erased = owner.post("/v1/cubes/main/memories", json={"text": "Gone."}).json()["memory_ids"][0]
        erasure = owner.post("/v1/erasures", json={"memory_id": erased, "basis": "case 0"}).json()["erasure_id"]
        for name, client, principal in (("owner", owner, made["owner_id"]), ("user", guest, user)):
            person = settled(client, principal, made["tenant_id"])
            person.own |= {"group": group, "grant_id": grant, "erasure_id": erasure}
            found[f"{name} of {tenant}"] = person, marked(person)
    yield found
    for person, _ in found.values():
        person.client.close()


def marked(person: Person) -> str:
    """A word of this person's own in texts, labels, names, reasons and questions."""
    word = f"canary{uuid4().hex}"
    cube, client = person.own["cube"], person.client
    labels = {"key": word, "tags": [word], "background": word, "speaker": word.title(), "sources": [word]}
    item = {"text": f"The {word} sings to {word.title()} Bird.", "visibility": "private", **labels}
    tea, jam, dog = (client.post(f"/v1/cubes/{cube}/memories", json=item).json()["memory_ids"][0] for _ in range(3))
    assert client.post("/v1/merges", json={"memory_ids": [tea, jam], "text": word}).status_code == 201
    assert client.patch(f"/v1/memories/{dog}", json={"text": f"{word} again"}).status_code == 200
    assert word in client.post("/v1/recall", json={"cube": cube, "query": word}).text
    person.own["memory_id"] = dog
    return word


@dataclass
class Reads:
    """What was asked by one and must tell nothing of another."""

    people: dict[str, tuple[Person, str]]
    asked: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)

    def compare(self, asking: str, victim: str, request: tuple[str, str, Any]) -> None:
        """An answer about somebody else, beside the answer about nobody: the same, to the last count and header."""
        (person, _), (other, word) = self.people[asking], self.people[victim]
        method, path, body = request
        sent = Person(_client_of(person.client), person.own)
        theirs = self._told(sent, request, ids_of(other), word)
        nobodys = self._told(sent, request, nobody(), word)
        same_tenant = asking[-1] == victim[-1] and "{subject}" in str(body)  # whom it is about is no secret there
        if theirs != nobodys and path not in WITHOUT_COUNTS and not same_tenant:
            self.leaks.append(f"{asking} is told of {victim} by {method} {path}: {theirs} instead of {nobodys}")

    def _told(self, person: Person, request: tuple[str, str, Any], ids: Ids, word: str) -> Any:
        method, path, body = request
        self.asked[f"{method} {path.partition('?')[0]}"] += 1
        status, text, headers = told(person, method, path, body, ids)
        if word in text.lower() or word in str(headers).lower():
            self.leaks.append(f"{method} {path} has the word of somebody else")
        return status, text, headers

    def stream(self, asking: str, victim: str) -> None:
        (person, _), (_, word) = self.people[asking], self.people[victim]
        self.asked[" ".join(STREAM)] += 1
        with _client_of(person.client).stream(*STREAM, params={"after": 0}) as answer:
            lines = "\n".join(islice(answer.iter_lines(), 200)) + str(answer.headers)
        if word in lines.lower():
            self.leaks.append("the stream has the word of somebody else")


# These grow while everybody asks: what they tell is looked through, and compared with nothing.
WITHOUT_COUNTS = {path for method, path, _ in WITHOUT_IDS} | {
    "/v1/audit?memory={memory_id}",
    "/v1/audit?cube={cube}",
    "/v1/audit?actor={principal_id}",
}
_CLIENTS: dict[tuple[int, str, str], httpx.Client] = {}


def _client_of(client: httpx.Client) -> httpx.Client:
    """One of its own for each thread, so that as many connections are open as there are threads."""
    place = get_ident(), str(client.base_url), client.headers["Authorization"]
    if place not in _CLIENTS:
        headers = {"Authorization": client.headers["Authorization"]}
        _CLIENTS[place] = httpx.Client(base_url=client.base_url, headers=headers, timeout=PATIENCE)
    return _CLIENTS[place]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    for client in _CLIENTS.values():
        client.close()
    _CLIENTS.clear()


def at_once(jobs: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()


def cross_reads(served: Served, people: dict[str, tuple[Person, str]], count: int, logged: Callable[[], str]) -> Reads:
    """At least `count` reads; every request in every direction, over and over."""
    reads = Reads(people)
    jobs: list[Callable[[], None]] = []
    for request, (asking, victim) in islice(_everything(), max(1, (count + 1) // 2)):
        if request[:2] == STREAM:
            jobs += [lambda a=asking, v=victim: reads.stream(a, v)] * 2  # type: ignore[misc]
        else:
            jobs.append(lambda a=asking, v=victim, r=request: reads.compare(a, v, r))  # type: ignore[misc]
    at_once(jobs)
    figures = served.client.get("/metrics").text
    for _, word in people.values():
        assert word not in figures
        assert word not in logged()
    return reads


def _everything() -> Iterator[tuple[tuple[str, str, Any], tuple[str, str]]]:
    requests = [*REQUESTS, *WITHOUT_IDS, (*STREAM, None)]
    return ((request, pair) for pair in cycle(PAIRS) for request in requests)


def test_every_route_is_asked() -> None:
    asked = ASKED | {route[:2] for route in WITHOUT_IDS} | {STREAM}
    assert set(ROUTES) - asked == set(), "these routes need a line in REQUESTS"


def test_nobody_is_told_a_word_of_anybody_else_a_short_run(
    served: Served, people: dict[str, tuple[Person, str]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        reads = cross_reads(served, people, 200, lambda: caplog.text)
    assert reads.leaks == []
    assert reads.asked.total() >= 200


@pytest.mark.long
def test_nobody_is_told_a_word_of_anybody_else_in_ten_thousand_reads(
    served: Served, people: dict[str, tuple[Person, str]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        reads = cross_reads(served, people, 10_000, lambda: caplog.text)
    print(f"{reads.asked.total()} reads over {len(reads.asked)} routes, {len(reads.leaks)} leaks")
    assert reads.leaks == []
    assert reads.asked.total() >= 10_000


def test_a_word_that_reached_somebody_would_be_found(people: dict[str, tuple[Person, str]]) -> None:
    """What may be read is found by the same search: whoever looks for their own word is told it."""
    person, word = people["owner of A"]
    reads = Reads({"owner of A": (person, word), "owner of B": (person, word)})
    reads.compare("owner of A", "owner of B", ("GET", "/v1/memories/{memory_id}", None))
    assert len(reads.leaks) == 2


@dataclass(frozen=True)
class Read:
    began: float
    disclosed: bool


# Every way to read what a grant on a cube lets somebody read.
WAYS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/v1/memories/{memory}", None),
    ("GET", "/v1/memories/{memory}/history", None),
    ("GET", "/v1/memories/{memory}/lineage", None),
    ("GET", "/v1/cubes/{cube}/memories", None),
    ("POST", "/v1/recall", {"cube": "{cube}", "query": "canary"}),
    ("POST", "/v1/traversals", {"cube": "{cube}", "start": ["{memory}"]}),
    ("POST", "/v1/related", {"cube": "{cube}", "start": ["{memory}"]}),
)


class Race:
    """Many read by a grant, through two servers of one database, while it is revoked through one of them."""

    def __init__(self, owner: httpx.Client, guests: Sequence[httpx.Client], guest_id: str) -> None:
        self.owner, self.guests, self.guest_id = owner, guests, guest_id
        cube = owner.post("/v1/cubes", json={"name": f"cube-{uuid4().hex}"}).json()["cube_id"]
        item = {"memories": [{"text": f"The canary sings, {number}."} for number in range(2)]}
        made = owner.post(f"/v1/cubes/{cube}/memories", json=item)
        assert made.status_code == 201, made.text
        first, second = made.json()["memory_ids"]
        assert owner.post(f"/v1/memories/{first}/links", json={"target_id": second}).status_code == 201
        self.ids = {"cube": cube, "memory": first}

    def run(self, readers: int, each: int) -> tuple[list[Read], float]:
        """(what was read, when the revoke was acknowledged)."""
        terms = {"subject_id": self.guest_id, "actions": ["read"], "cube": self.ids["cube"]}
        grant = self.owner.post("/v1/grants", json=terms).json()["grant_id"]
        begun, reads = Event(), list[Read]()

        def read(number: int) -> None:
            for turn in range(each):
                client, way = self.guests[(number + turn) % 2], WAYS[(number + turn) % len(WAYS)]
                reads.append(self._read(_client_of(client), *way))
                if turn >= each // 4:
                    begun.set()

        with ThreadPoolExecutor(readers) as pool:
            running = [pool.submit(read, number) for number in range(readers)]
            assert begun.wait(PATIENCE)
            response = self.owner.post(f"/v1/grants/{grant}/revoke", json={})
            acknowledged = time.monotonic()
            assert response.status_code == 200, response.text
            for each_running in running:
                each_running.result()
        return reads, acknowledged

    def _read(self, client: httpx.Client, method: str, path: str, body: Any) -> Read:
        began = time.monotonic()
        response = client.request(method, filled(path, self.ids), json=filled(body, self.ids))
        assert response.status_code in (200, 404), response.text
        return Read(began, "canary sings" in response.text)


@pytest.fixture
def race(store: Store, served: Served) -> Iterator[Race]:
    agent = served.client.post("/v1/principals", json={"name": "guest", "kind": "agent"}).json()["principal_id"]
    key = served.client.post(f"/v1/principals/{agent}/keys", json={}).json()["key"]
    with (
        open_store(settings=store.parts.settings, embedder=HashingEmbedder()) as other,
        serving(other) as (url, _),
        served.holding(key) as one,
        httpx.Client(base_url=url, headers=one.headers, timeout=PATIENCE) as two,
    ):
        yield Race(served.client, [one, two], agent)


def raced(race: Race, rounds: int, readers: int, each: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _ in range(rounds):
        reads, acknowledged = race.run(readers, each)
        late = [read for read in reads if read.began > acknowledged]
        counts["reads"] += len(reads)
        counts["disclosed"] += sum(read.disclosed for read in reads)
        counts["late"] += len(late)
        counts["disclosed late"] += sum(read.disclosed for read in late)
    return counts


def test_no_read_that_began_after_a_revoke_was_acknowledged_discloses_anything_a_short_run(race: Race) -> None:
    counts = raced(race, rounds=2, readers=10, each=8)
    assert counts["disclosed late"] == 0
    assert counts["disclosed"] > 0
    assert counts["late"] > 0


@pytest.mark.long
def test_no_read_that_began_after_a_revoke_was_acknowledged_discloses_anything_in_ten_thousand(race: Race) -> None:
    counts = raced(race, rounds=20, readers=AT_ONCE, each=10)
    print(dict(counts))
    assert counts["disclosed late"] == 0
    assert counts["reads"] >= 10_000
    assert min(counts["disclosed"], counts["late"]) > 1000
