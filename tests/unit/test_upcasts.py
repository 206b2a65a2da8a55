from __future__ import annotations

from types import MappingProxyType

from mnemolog.domain.upcasts import UPCASTS, Data, Upcast, upcast

TOPIC = "memory.generated.v1"


def renamed(data: Data) -> Data:
    return {**{name: value for name, value in data.items() if name != "body"}, "text": data["body"]}


def trusted(data: Data) -> Data:
    return {**data, "trust": 0.5}


CHAIN: dict[tuple[str, int], Upcast] = {(TOPIC, 1): renamed, (TOPIC, 2): trusted}
OLDEST = MappingProxyType({"body": "tea"})


def test_an_event_of_the_newest_version_is_read_as_it_is() -> None:
    assert upcast(TOPIC, 3, {"text": "tea"}, CHAIN) == {"text": "tea"}


def test_the_oldest_event_is_brought_through_every_version() -> None:
    assert upcast(TOPIC, 1, OLDEST, CHAIN) == {"text": "tea", "trust": 0.5}


def test_an_event_of_a_middle_version_takes_only_the_steps_that_are_left() -> None:
    assert upcast(TOPIC, 2, {"text": "tea"}, CHAIN) == {"text": "tea", "trust": 0.5}


def test_steps_of_another_type_of_event_are_not_taken() -> None:
    assert upcast("memory.revised.v1", 1, OLDEST, CHAIN) == OLDEST


def test_what_the_log_holds_is_never_changed() -> None:
    upcast(TOPIC, 1, OLDEST, CHAIN)
    assert OLDEST == {"body": "tea"}


def test_every_registered_step_starts_from_a_version_that_was_once_written() -> None:
    assert all(version >= 1 for _, version in UPCASTS)
    assert upcast(TOPIC, 1, OLDEST) == OLDEST or (TOPIC, 1) in UPCASTS
