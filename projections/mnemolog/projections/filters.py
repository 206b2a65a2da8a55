"""Conditions on what is known about a memory besides its text, as a tree: read from JSON, evaluated as masks.

What is absent fulfils no condition but `eq` and `in` with null; `not` takes exactly the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import reduce
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.metadata import MemoryType, SemanticType, Source
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.wordings import Mask

Value = str | int | datetime | UUID | None
MAX_DEPTH = 8
MAX_CONDITIONS = 100
MAX_VALUES = 1000  # of one `in`
SHOWN = 64  # characters of a name that is complained about


class Operator(StrEnum):
    EQ = "eq"
    IN = "in"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"


@dataclass(frozen=True, slots=True)
class Condition:
    """`values` is a single one, except for `in`. Of several tags, one that fits is enough."""

    field: str
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


Filter = Condition | AllOf | AnyOf | Not
Holds = Callable[[Condition], Mask]


def mask(wanted: Filter, holds: Holds) -> Mask:
    """(n,) where the filter lets through; `holds` says (n,) where a condition is fulfilled."""
    match wanted:
        case Condition():
            return holds(wanted)
        case Not(part):
            return ~mask(part, holds)
        case AllOf(parts):
            return reduce(np.logical_and, (mask(part, holds) for part in parts))
        case AnyOf(parts):
            return reduce(np.logical_or, (mask(part, holds) for part in parts))


def compare(column: NDArray[Any], operator: Operator, numbers: Sequence[int]) -> Mask:
    """(n,) `column` holds whole numbers."""
    equal = operator in (Operator.EQ, Operator.IN)
    fits: Mask = np.isin(column, numbers) if equal else _ORDERS[operator](column, numbers[0])
    return fits


def parse(data: Any) -> Filter:
    """From JSON. Raises Invalid, which says by a JSON pointer (RFC 6901) what is wrong where."""
    return _Reader().read(data, "", 1)


@dataclass(frozen=True, slots=True)
class Field:
    """`read` raises ValueError. Only what has an order can be compared by more than equality."""

    read: Callable[[Any], Value]
    ordered: bool = False
    optional: bool = False


class _Reader:
    def __init__(self) -> None:
        self._conditions = 0

    def read(self, data: Any, pointer: str, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise _wrong(pointer, f"it is nested more than {MAX_DEPTH} deep")
        if not isinstance(data, dict):
            raise _wrong(pointer, "it must be an object")
        if "field" in data:
            return self._condition(data, pointer)
        if len(data) != 1 or (name := next(iter(data))) not in ("and", "or", "not"):
            raise _wrong(pointer, "it must have `field`, or one of `and`, `or` and `not`, and nothing else")
        if name == "not":
            return Not(self.read(data["not"], f"{pointer}/not", depth + 1))
        parts = _list(data[name], f"{pointer}/{name}", MAX_CONDITIONS)
        read = tuple(self.read(part, f"{pointer}/{name}/{place}", depth + 1) for place, part in enumerate(parts))
        return AllOf(read) if name == "and" else AnyOf(read)

    def _condition(self, data: dict[str, Any], pointer: str) -> Filter:
        """One condition for each operator that is given; all of them must hold."""
        name = data["field"]
        if not isinstance(name, str) or name not in FIELDS:
            raise _wrong(f"{pointer}/field", f"there is no such field; there are {', '.join(FIELDS)}")
        given = [each for each in data if each != "field"]
        self._conditions += max(1, len(given))
        if self._conditions > MAX_CONDITIONS:
            raise _wrong(pointer, f"there are more than {MAX_CONDITIONS} conditions")
        if not given:
            raise _wrong(pointer, f"it needs one of {', '.join(Operator)}")
        parts = tuple(_operation(name, each, data[each], f"{pointer}/{_escaped(each)}") for each in given)
        return parts[0] if len(parts) == 1 else AllOf(parts)


def _operation(name: str, operator: str, data: Any, pointer: str) -> Condition:
    field = FIELDS[name]
    if operator not in set(Operator):
        raise _wrong(pointer, f"there is no such operator; there are {', '.join(Operator)}")
    if operator not in ("eq", "in") and not field.ordered:
        raise _wrong(pointer, f"{name} has no order: only eq and in can be asked")
    if operator != "in":
        return Condition(name, Operator(operator), (_value(field, data, pointer),))
    values = _list(data, pointer, MAX_VALUES)
    read = tuple(_value(field, value, f"{pointer}/{place}") for place, value in enumerate(values))
    return Condition(name, Operator.IN, read)


def _value(field: Field, data: Any, pointer: str) -> Value:
    if data is None and field.optional:
        return None
    try:
        return field.read(data)
    except ValueError as problem:
        raise _wrong(pointer, str(problem)) from None


def _list(data: Any, pointer: str, most: int) -> list[Any]:
    if not isinstance(data, list) or not 1 <= len(data) <= most:
        raise _wrong(pointer, f"it must be a list of 1 to {most}")
    return data


def _escaped(name: str) -> str:
    return name[:SHOWN].replace("~", "~0").replace("/", "~1")


def _wrong(pointer: str, reason: str) -> Invalid:
    return Invalid(reason=f"The filter cannot be read at {pointer!r}: {reason}.")


def _one_of(kind: type[StrEnum]) -> Callable[[Any], Value]:
    def read(data: Any) -> Value:
        if not isinstance(data, str) or data not in set(kind):
            raise ValueError(f"it must be one of {', '.join(kind)}")
        return kind(data)

    return read


def _priority(data: Any) -> Value:
    if type(data) is not int or not 0 <= data <= 9:
        raise ValueError("it must be a whole number from 0 to 9")
    return data


def _moment(data: Any) -> Value:
    try:
        moment = datetime.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("it must be an ISO 8601 moment with a time zone")
    return moment


def _id(data: Any) -> Value:
    try:
        return UUID(data if isinstance(data, str) else "")
    except ValueError:
        raise ValueError("it must be a UUID") from None


def _label(data: Any) -> Value:
    if not isinstance(data, str):
        raise ValueError("it must be a string")
    return data


def _name(data: Any) -> Value:
    return folded(str(_label(data)))


def folded(name: str) -> str:
    """As names of speakers are compared."""
    return " ".join(name.casefold().split())


FIELDS: dict[str, Field] = {
    "memory_type": Field(_one_of(MemoryType)),
    "semantic_type": Field(_one_of(SemanticType)),
    "source": Field(_one_of(Source)),
    "priority": Field(_priority, ordered=True),
    "occurred_at": Field(_moment, ordered=True),
    "owner_id": Field(_id),
    "context_id": Field(_id, optional=True),
    "key": Field(_label, optional=True),
    "tag": Field(_label, optional=True),
    "speaker": Field(_name, optional=True),
}
PERSONAL = frozenset({"key", "tag", "speaker"})  # sealed in the log, and gone with an erased memory
_ORDERS: dict[Operator, Callable[[NDArray[Any], int], Any]] = {
    Operator.LT: np.less,
    Operator.LTE: np.less_equal,
    Operator.GT: np.greater,
    Operator.GTE: np.greater_equal,
}
