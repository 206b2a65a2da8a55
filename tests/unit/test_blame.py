"""Each word and each field comes from the event that put it there, and from no other."""

from __future__ import annotations

from hypothesis import given

from mnemolog.domain.blame import blame
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Description
from tests.factories import NOW, House
from tests.histories import ANN, History, histories


def written(*memories: Memory) -> list[Event]:
    history = History()
    history.save(*memories)
    return history.events


def test_a_word_that_survives_a_revision_keeps_its_origin() -> None:
    memory = House().generated("Tea is in the blue tin.")
    memory.revise(NOW, "Tea is in the red tin.")
    memory.revise(NOW, "Tea is in the red tin, of course.")
    parts = [(part.text, part.position) for part in blame(written(memory)).parts]
    assert parts == [("Tea is in the ", 1), ("red", 2), (" tin", 1), (", of course", 3), (".", 1)]


def test_a_word_that_was_gone_comes_from_where_it_was_put_back() -> None:
    memory = House().generated("blue tin")
    memory.revise(NOW, "tin")
    memory.revise(NOW, "blue tin")
    assert [(part.text, part.position) for part in blame(written(memory)).parts] == [("blue ", 3), ("tin", 1)]


def test_a_field_comes_from_the_event_that_changed_it_last() -> None:
    memory = House().generated(priority=3)
    memory.revise(NOW, description=Description(key="Tea"))
    memory.activate(gate="reviewer")
    memory.set_retention(NOW)
    memory.corroborate(ANN)
    fields = blame(written(memory)).fields
    found = {name: (said.value, said.position) for name, said in fields.items() if said.value is not None}
    assert found["key"] == ("Tea", 2)
    assert found["priority"] == (3, 1)
    assert found["state"] == ("activated", 3)
    assert found["expires_at"] == (NOW.isoformat(), 4)
    assert found["corroborations"] == (1, 5)
    assert fields["background"].position == 1


def test_a_link_comes_from_the_event_that_made_it_and_is_gone_when_it_is() -> None:
    house = House()
    memory, other = house.activated(), house.activated()
    memory.link(other, Relation.SUPPORTS, 0.5)
    memory.link(other, Relation.CAUSES)
    memory.unlink(other.id, Relation.CAUSES)
    (link,) = blame(written(memory)).links.items()
    assert (link[0], link[1].value, link[1].position) == ((other.id, Relation.SUPPORTS), 0.5, 3)


def test_a_merge_joins_and_a_return_parts() -> None:
    house = House()
    memory, result = house.activated(), house.activated()
    memory.merge_into(result)
    assert blame(written(memory)).links[result.id, Relation.MERGED_TO].position == 3
    memory = house.activated()
    memory.merge_into(result)
    memory.archive(Reason.MANUAL)
    memory.transition_state(State.ACTIVATED)
    assert blame(written(memory)).links == {}


@given(histories(max_steps=12, erasures=False))
def test_the_parts_joined_are_the_text_and_every_field_is_as_the_memory_says(history: History) -> None:
    for memory in history.memories:
        events = [event for event in history.events if event.memory_id == memory.id]
        found, positions = blame(events), {event.position for event in events}
        assert found.text == memory.text
        assert {part.position for part in found.parts} <= positions
        assert all(one.position != other.position for one, other in zip(found.parts, found.parts[1:], strict=False))
        assert {link: said.value for link, said in found.links.items()} == memory.links
        assert found.fields["state"].value == memory.state
        assert found.fields["legal_hold"].value == memory.legal_hold
        assert found.fields["corroborations"].value == memory.standing.corroborations
        told = {name: said.value for name, said in found.fields.items() if said.value is not None}
        assert told.items() >= memory.governance.to_json().items()
        assert told.items() >= memory.description.to_json().items()
        assert found.fields["key"].value == memory.description.key
