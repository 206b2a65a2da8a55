"""What another store has written, taken for facts only where this one would have written it the same.

Everything else raises one of IMPOSSIBLE.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Any

from mnemolog.domain.cube import CubeConfig
from mnemolog.domain.metadata import Description, Governance
from mnemolog.domain.refusals import Refusal
from mnemolog.domain.retention import check_moment

IMPOSSIBLE = (Refusal, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it is no text")
    return value


def number(value: Any) -> float:
    """Of a share of something: from 0 to 1."""
    if type(value) not in (int, float) or not isfinite(value) or not 0 <= value <= 1:
        raise ValueError("it is no number from 0 to 1")
    return float(value)


def whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("it is no whole number")
    return value


def moment(field: str, value: Any) -> datetime:
    return check_moment(field, datetime.fromisoformat(text_of(value))).astimezone(UTC)


def governance(data: Any) -> Governance:
    """Most memories of a cube have the same."""
    return _governance(json.dumps(data, sort_keys=True))


@lru_cache(maxsize=4096)
def _governance(text: str) -> Governance:
    data = json.loads(text)
    said = Governance.from_json(data)
    whole(said.priority)
    number(said.confidence)
    _agree(said.to_json(), data)
    return said


def description(data: Any) -> Description:
    said = Description.from_json(data)
    if not isinstance(said.tags, tuple) or not isinstance(said.sources, tuple):
        raise TypeError("it is no list of labels")
    _agree(said.to_json(), data)
    return said


def cube_config(data: Any) -> CubeConfig:
    said = CubeConfig.from_json(data)
    for count in (said.corroborations, *said.capacities.values()):
        whole(count)
    _agree(said.to_json(), data)
    return said


def _agree(again: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """What is not said has its default, as for events of older releases; what is said comes out as it went in."""
    if any(again.get(name) != value for name, value in data.items() if name in again or value not in (None, [])):
        raise ValueError("it is written as no store writes it")
