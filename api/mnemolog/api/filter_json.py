"""Filters as text, on a command line or in a URL."""

from __future__ import annotations

from mnemolog.api.strict_json import parse as parse_json
from mnemolog.domain.refusals import Invalid, MalformedJson
from mnemolog.projections.filters import Filter, parse


def read_filter(name: str, text: str) -> Filter:
    """`name` is what complaints call it. Raises Invalid and its kin."""
    try:
        return parse(parse_json(text.encode(errors="surrogateescape")))
    except MalformedJson as problem:
        raise Invalid(reason=f"{name} is not JSON: {problem.facts['reason']}") from None
