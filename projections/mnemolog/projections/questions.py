"""Questions as JSON and back, so that what was asked once can be asked again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemolog.domain.metadata import MemoryType
from mnemolog.projections.filters import AllOf, AnyOf, Condition, Filter, Not, Operator, parse
from mnemolog.projections.recall import Question


def question_json(question: Question) -> dict[str, Any]:
    return {
        "text": question.text,
        "k": question.k,
        "recipe": question.recipe,
        "weights": None if question.weights is None else dict(question.weights),
        "memory_types": sorted(question.memory_types),
        "filter": None if question.filter is None else filter_json(question.filter),
        "exact": question.exact,
    }


def question_of(data: Mapping[str, Any]) -> Question:
    """Raises InvalidText or Invalid."""
    return Question(
        data["text"],
        data["k"],
        data["recipe"],
        weights=data["weights"],
        memory_types=frozenset(map(MemoryType, data["memory_types"])),
        filter=None if data["filter"] is None else parse(data["filter"]),
        exact=data["exact"],
    )


def filter_json(wanted: Filter) -> dict[str, Any]:
    """What `parse` makes the same filter of."""
    match wanted:
        case Condition():
            return {"field": wanted.field, **_operation(wanted)}
        case Not(part):
            return {"not": filter_json(part)}
        case AllOf(parts):
            return _of_one_field(parts) or {"and": [filter_json(part) for part in parts]}
        case AnyOf(parts):
            return {"or": [filter_json(part) for part in parts]}


def _of_one_field(parts: tuple[Filter, ...]) -> dict[str, Any] | None:
    """Several operators on one field are one condition in JSON: as an `and` it could be nested too deep."""
    conditions = [part for part in parts if isinstance(part, Condition)]
    fields, operators = {each.field for each in conditions}, {each.operator for each in conditions}
    if len(parts) < 2 or len(fields) > 1 or not len(parts) == len(conditions) == len(operators):
        return None
    return {"field": conditions[0].field} | {
        name: value for each in conditions for name, value in _operation(each).items()
    }


def _operation(condition: Condition) -> dict[str, Any]:
    values = [_plain(value) for value in condition.values]
    return {condition.operator.value: values if condition.operator is Operator.IN else values[0]}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | str) else value
