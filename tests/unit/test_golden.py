"""What every release has written, this one reads; and what this one writes is what it says that it writes.

When a test here fails because an event is written in another way: an optional fact needs a golden file beside the old
one (`python -m tests.golden WORD TYPE`), and everything else a new schema version with an upcast from the old one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, cast, get_origin, get_type_hints
from uuid import UUID

import orjson
import pytest

from mnemolog.adapters.keyring import seal
from mnemolog.adapters.postgres.envelope import LogEvent, LogRow
from mnemolog.adapters.postgres.mapper import ENVELOPE, associated_data, clear_part
from mnemolog.domain.aggregate import Root
from mnemolog.domain.events import EVENTS
from mnemolog.domain.upcasts import UPCASTS, Data
from tests.factories import NOW
from tests.golden.frozen import Frozen, golden, ids_of, mapper, written_now
from tests.golden.streams import streams

GOLDEN = golden()
TODAY = written_now(streams(), ids_of(GOLDEN))
LOADED_BY_NOBODY = "access"
every_file = pytest.mark.parametrize("file", GOLDEN.values(), ids=GOLDEN.keys())


def loaded(file: Frozen) -> Root.Event:
    """As the mapper reads it from a row of the log."""
    by, stream_id = mapper(), UUID(file.stream_id)
    row = LogRow(
        schema_version=file.schema_version,
        tenant_id=UUID(file.tenant_id),
        cube_id=None if file.cube_id is None else UUID(file.cube_id),
        memory_id=None if file.memory_id is None else UUID(file.memory_id),
        occurred_at=NOW,
        recorded_at=NOW,
    )
    if file.personal is not None:
        key, cipher = by.keyring.new_content_key(row.tenant_id, stream_id, (stream_id,))
        place = associated_data(row.tenant_id, stream_id, file.version, file.type, file.schema_version)
        row = replace(row, sealed=seal(cipher, file.personal.encode(), place), key_id=stream_id, content_key=key)
    stored = LogEvent(stream_id, file.version, file.type, file.payload.encode(), row)
    return cast(Root.Event, by.to_domain_event(stored))


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> Frozen:
    """A memory as a release long before the first might have written it, and the upcasts since then."""

    def renamed(data: Data) -> Data:
        return {**{name: value for name, value in data.items() if name != "body"}, "text": data.get("body", "")}

    def described(data: Data) -> Data:
        return {**data, "description": {}, "trust": data["trust_percent"] / 100}

    monkeypatch.setitem(UPCASTS, ("memory.generated.v1", -1), renamed)
    monkeypatch.setitem(UPCASTS, ("memory.generated.v1", 0), described)
    first = GOLDEN["memory.generated.v1.1"]
    payload = {name: value for name, value in orjson.loads(first.payload).items() if name != "trust"}
    clear = orjson.dumps(payload | {"trust_percent": 90}).decode()
    return replace(first, schema_version=-1, payload=clear, personal='{"body":"Tea."}')


def test_an_event_of_an_older_version_is_brought_through_every_version_before_it_is_read(older: Frozen) -> None:
    event: Any = loaded(older)
    assert (event.text, event.description, event.trust) == ("Tea.", {}, 0.9)
    assert event.mutate(None).text == "Tea."


def test_what_is_left_of_an_erased_event_of_an_older_version_is_brought_through_them_too(older: Frozen) -> None:
    left = clear_part(LogEvent(UUID(older.stream_id), 1, older.type, older.payload.encode(), LogRow(schema_version=-1)))
    assert left["trust"] == 0.9


def plain(event: Root.Event) -> dict[str, Any]:
    facts = {name: value for name, value in vars(event).items() if name not in ENVELOPE}
    found: dict[str, Any] = orjson.loads(orjson.dumps(facts))
    return found


def contains(now: Any, then: Any) -> bool:
    if isinstance(then, dict) and isinstance(now, dict):
        return all(name in now and contains(now[name], value) for name, value in then.items())
    return bool(now == then)


def test_every_event_has_a_golden_file_of_its_schema_version() -> None:
    missing = [name for topic, each in EVENTS.items() if (name := f"{topic}.{each.SCHEMA_VERSION}") not in GOLDEN]
    assert missing == [], "freeze them with: python -m tests.golden"


def test_every_golden_file_is_of_an_event_that_there_is_and_is_called_like_it() -> None:
    for name, file in GOLDEN.items():
        assert file.type in EVENTS
        assert (name + ".").startswith(file.name + ".")


@every_file
def test_a_golden_file_is_read_as_its_event_and_says_what_it_said(file: Frozen) -> None:
    event = loaded(file)
    assert type(event) is EVENTS[file.type]
    if file.schema_version == EVENTS[file.type].SCHEMA_VERSION:
        assert plain(event) == file.said


@pytest.mark.parametrize("place", TODAY, ids=lambda place: f"{place[0]}{place[1]}")
def test_what_is_written_today_is_what_was_frozen_to_the_byte(place: tuple[str, int]) -> None:
    files = [file for file in GOLDEN.values() if file.place == place]
    assert any(TODAY[place].same_as(file) for file in files), TODAY[place]


@every_file
def test_nothing_that_a_version_ever_wrote_is_missing_or_changed_in_what_it_writes_today(file: Frozen) -> None:
    today = TODAY[file.place]
    if today.schema_version == file.schema_version:
        assert contains(today.said, file.said)


def test_every_fact_of_every_event_is_in_a_golden_file() -> None:
    for topic, event_class in EVENTS.items():
        hints = get_type_hints(event_class)
        facts = {name for name, hint in hints.items() if get_origin(hint) is not ClassVar} - ENVELOPE
        said = {name for file in GOLDEN.values() if file.type == topic for name in file.said}
        assert facts <= said, topic


@pytest.mark.parametrize("newest", [False, True], ids=["as first written", "as last written"])
def test_the_frozen_lives_fold(newest: bool) -> None:
    """Also those that lack what was added later."""
    ordered = sorted(GOLDEN.items(), key=lambda item: len(item[0]), reverse=not newest)
    chosen = {file.place: file for _, file in ordered}
    for life in {life for life, _ in chosen}:
        files = [chosen[place] for place in sorted(place for place in chosen if place[0] == life)]
        assert [file.version for file in files] == list(range(1, len(files) + 1))
        if files[0].type.startswith(LOADED_BY_NOBODY):
            continue
        folded: Any = None
        for file in files:
            folded = cast(Any, loaded(file)).mutate(folded)
        assert (str(folded.id), folded.version) == (files[0].stream_id, len(files))
