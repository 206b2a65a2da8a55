"""Where a source file gets hold of what memories say, found in its syntax tree.

The words of a memory come from four places: the opened events of the log, an aggregate that was loaded, what a key
opens, and what the exit has disclosed. Getting hold of any of them is a touch, whatever is done with it then: an alias,
an argument and a return value are found where the handle is taken. What cannot be found: names that are computed at run
time, and a value that is handed on under a name that says nothing of where it comes from - so whatever takes one of the
handles must be known by name, with a reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from mnemolog.domain.memory import Memory

WORDS = Memory.Generated.SEALED  # text and description
# What a log can be asked that tells no event, and an application that tells no aggregate.
HARMLESS = {"log": {"head", "position_at", "earlier"}, "application": {"record", "append", "datastore", "keyring"}}
HANDLES = frozenset({"repository", "mapper", "recorder", "log_recorder", "select_events", "cipher", "revealed", "load"})
OPENING = frozenset({"open_event", "open_sealed", "pages", "PostgresLog", "LogMapper", "Disclosed", "wording"})
GETTERS = frozenset({"getattr", "attrgetter", "itemgetter", "get", "pop"})
STORES = frozenset({"store", "owner", "with_agent"})  # `.log` of these is a capability, and asks the exit itself
FILES = frozenset({"json", "orjson", "tomllib", "np", "numpy"})


class Touch(NamedTuple):
    function: str
    what: str
    line: int


def touches(source: str, *, told: bool = False) -> list[Touch]:
    """`told` is a source that has only what was told already: there, only the handles count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    found = [(node, what) for node in ast.walk(tree) for what in _what(node, told)]
    return sorted({Touch(_function(node), what, getattr(node, "lineno", 0)) for node, what in found})


def _what(node: ast.AST, told: bool) -> Iterator[str]:
    match node:
        case ast.Attribute(attr=attr):
            yield from _attribute(node, attr, told)
        case ast.Subscript(slice=ast.Constant(value=str(name))) if name in WORDS and not told:
            yield f'["{name}"]'
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments) if name in GETTERS:
            strings = [each.value for each in arguments if isinstance(each, ast.Constant)]
            yield from (f"{name}({each!r})" for each in strings if each in _SECRET and not (told and each in WORDS))
        case ast.Call(func=ast.Name(id=name)) if name in OPENING and not told:
            yield f"{name}()"
        case ast.ImportFrom(names=names):
            yield from (
                f"import {each.name}" for each in names if each.name in OPENING - ({"wording"} if told else set())
            )


def _attribute(node: ast.Attribute, attr: str, told: bool) -> Iterator[str]:
    if attr in HARMLESS:
        capability = attr == "log" and _last(node.value) in STORES
        above = _parent(node)
        if not capability and not (isinstance(above, ast.Attribute) and above.attr in HARMLESS[attr]):
            yield f".{attr}"
    elif attr in HANDLES:
        if _last(node.value) not in FILES:
            yield f".{attr}"
    elif attr == "data" and not told and not _is_one_fact(node):
        yield ".data"
    elif attr in WORDS and not told and isinstance(node.ctx, ast.Load):
        yield f".{attr}"


def _is_one_fact(node: ast.Attribute) -> bool:
    """`event.data["kind"]` and `event.data.get("kind")` tell one fact, by its name."""
    above = _parent(node)
    if isinstance(above, ast.Attribute) and above.attr == "get" and isinstance(call := _parent(above), ast.Call):
        return bool(call.args) and _is_fact(call.args[0])
    return isinstance(above, ast.Subscript) and _is_fact(above.slice)


def _is_fact(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value not in WORDS


def _last(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _parent(node: ast.AST) -> ast.AST | None:
    return getattr(node, "parent", None)


def _function(node: ast.AST) -> str:
    """The qualified name of what it stands in."""
    names: list[str] = []
    above: ast.AST | None = node
    while above is not None:
        if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(above.name)
        above = _parent(above)
    return ".".join(reversed(names)) or "<module>"


_SECRET = WORDS | HANDLES | HARMLESS.keys() | {"data"}
