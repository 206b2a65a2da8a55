"""A log in which every kind of event occurs, as aggregates make them or, where none does, made up from its class."""

from __future__ import annotations

import types
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.domain.aggregate import Recorded
from mnemolog.domain.events import EVENTS
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Origin
from tests.factories import NOW, House
from tests.lives import SECRET, lives

IN_THE_CLEAR = 'tea "café" \\ 咖啡'
PLAIN: dict[Any, Any] = {str: IN_THE_CLEAR, int: 2**40, float: 0.1, bool: True, datetime: NOW}


def record_every_event(application: LogApplication, house: House | None = None) -> int:
    """Returns the last position. What is personal holds SECRET."""
    house = house or House()
    origin = Origin(house.owner_id, None, new_id())
    aggregates = lives(house)
    met = {each.TOPIC for aggregate in aggregates for each in aggregate.pending_events if isinstance(each, Recorded)}
    for aggregate in aggregates:
        application.record(aggregate, origin=origin)
    for topic in sorted(EVENTS.keys() - met):
        appended = application.append([made_up(EVENTS[topic], house)], Origin())
    return appended.last


def made_up(event_class: type[Recorded], house: House) -> Any:
    """An event with a value for each fact; those that nobody has to say are said too."""
    hints = get_type_hints(event_class)
    own = {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}
    facts = {name: SECRET if name in event_class.SEALED else example(hint) for name, hint in own.items()}
    facts |= {
        "originator_id": new_id(),
        "originator_version": 1,
        "timestamp": NOW,
        "tenant_id": house.tenant_id,
        "cube_id": house.cube_id,
        "subject_ids": (house.owner_id,),
    }
    event = object.__new__(event_class)
    event.__dict__.update(facts)
    return event


def example(hint: Any) -> Any:
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return example(next(each for each in arguments if each is not type(None)))
    if get_origin(hint) is tuple:
        return [example(arguments[0]), example(arguments[0])]
    if get_origin(hint) is dict or hint is dict:
        return {"a": [1, None, {"b": IN_THE_CLEAR}]}
    if hint is UUID:
        return new_id()
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint)).value
    return PLAIN.get(hint, IN_THE_CLEAR)
