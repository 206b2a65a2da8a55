"""Nothing that a memory says leaves but through one module: proven from the syntax of the source, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit import allowed_touches
from tests.unit.allowed_touches import BEHIND_THE_EXIT, EXIT
from tests.unit.text_touches import Touch, touches

ROOT = Path(__file__).resolve().parents[2]
Allowed = Mapping[str, Mapping[str, str]]
LAYERS: dict[str, Allowed] = {
    "api": allowed_touches.API,
    "adapters": allowed_touches.ADAPTERS,
    "projections": allowed_touches.PROJECTIONS,
}
ADVICE = (
    "This gets hold of what memories say. If somebody is told any of it, let disclose(), disclose_one() or "
    "disclose_history() of api/disclosure.py tell it: they check who asks and put it on record. If nobody is, say so "
    "in tests/unit/allowed_touches.py, with the function and the reason."
)


def modules(layer: str) -> Iterator[tuple[str, Path]]:
    folder = ROOT / layer / "mnemolog" / layer
    for path in sorted(folder.rglob("*.py")):
        if (name := path.relative_to(folder).as_posix()) != EXIT or layer != "api":
            yield name, path


def found_in(layer: str, name: str, path: Path) -> list[Touch]:
    told = layer == "api" and name.partition("/")[0] in BEHIND_THE_EXIT
    return touches(path.read_text(encoding="utf-8"), told=told)


def unexplained(layer: str, allowed: Allowed, found: Mapping[str, list[Touch]]) -> list[str]:
    return [
        f"{layer}/{name}:{touch.line}: {touch.function} has {touch.what}"
        for name, here in found.items()
        for touch in here
        if not {touch.function, "*"} & allowed.get(name, {}).keys()
    ]


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_but_the_exit_tells_what_a_memory_says(layer: str) -> None:
    found = {name: found_in(layer, name, path) for name, path in modules(layer)}
    assert len(found) > 20
    places = unexplained(layer, LAYERS[layer], found)
    assert not places, "\n".join([ADVICE, *places])


@pytest.mark.parametrize("layer", LAYERS)
def test_a_reason_is_given_for_what_is_there_and_for_nothing_else(layer: str) -> None:
    found = {name: {touch.function for touch in found_in(layer, name, path)} for name, path in modules(layer)}
    stale = [
        f"{layer}/{name}: {function}"
        for name, functions in LAYERS[layer].items()
        for function in functions
        if function not in found.get(name, set()) and not (function == "*" and found.get(name))
    ]
    assert not stale, "These touch nothing any more: take them off tests/unit/allowed_touches.py\n" + "\n".join(stale)
    assert all(reason.strip() for allowed in LAYERS[layer].values() for reason in allowed.values())


def test_the_exit_itself_is_found_to_read_texts() -> None:
    source = (ROOT / "api/mnemolog/api" / EXIT).read_text(encoding="utf-8")
    assert {touch.function for touch in touches(source)} >= {"disclose", "_disclosed"}


# Each is a way out that somebody could open, and where it is found.
OPENED = {
    "an event is asked for": ("def f(self):\n    return self._parts.log.at([1])", ("f", ".log")),
    "the log has another name": ("def f(parts):\n    book = parts.log\n    return book.read(0, 9)", ("f", ".log")),
    "the log is handed on": ("def f(parts):\n    return show(parts.log)", ("f", ".log")),
    "the parts have another name": ("def f(p):\n    return p.log.read(0, 9)", ("f", ".log")),
    "a method of the log is handed on": ("def f(parts):\n    return map(parts.log.at, places)", ("f", ".log")),
    "the log is asked for by its name": ('def f(parts):\n    return getattr(parts, "log")', ("f", "getattr('log')")),
    "a memory is loaded": ("def f(p, i):\n    return p.application.load(Memory, i)", ("f", ".load")),
    "the application has another name": ("def f(p, i):\n    a = p.application\n    return a", ("f", ".application")),
    "a decision's memory is told": ("class C:\n    def f(self):\n        return self._d.load(1)[0]", ("C.f", ".load")),
    "a loaded memory's text is told": ("def f(memory):\n    return memory.text", ("f", ".text")),
    "a loaded memory is described": ("def f(memory):\n    return memory.description.tags", ("f", ".description")),
    "the text of an event": ('def f(event):\n    return event.data["text"]', ("f", '["text"]')),
    "the text of what an event said": ('def f(facts):\n    return facts["text"]', ("f", '["text"]')),
    "the text, if there is one": ('def f(facts):\n    return facts.get("text", "")', ("f", "get('text')")),
    "all that an event says": ("def f(event):\n    return {**event.data}", ("f", ".data")),
    "what an event says, by a name": ("def f(event, name):\n    return event.data[name]", ("f", ".data")),
    "the exit's answer is at hand": ("from m.api.disclosure import Disclosed", ("<module>", "import Disclosed")),
    "the exit's answer is made": ("def f(row):\n    return Disclosed(row, said, more)", ("f", "Disclosed()")),
    "an event is opened": ("from m.adapters.mapper import open_event", ("<module>", "import open_event")),
    "a row is opened": ("from m.adapters.keyring import open_sealed", ("<module>", "import open_sealed")),
    "a key is made to open": ("def f(keyring, key):\n    return keyring.cipher(key)", ("f", ".cipher")),
    "keys are handed out": ("def f(p):\n    return p.application.keyring.revealed(ids)", ("f", ".revealed")),
    "rows are read past the log": ("def f(p):\n    return p.application.log_recorder.rows", ("f", ".log_recorder")),
    "pages of the log": ("from m.domain.log import pages", ("<module>", "import pages")),
    "a text by an operator": ('first = attrgetter("text")', ("<module>", "attrgetter('text')")),
    "a nested function": ("def f(m):\n    def g():\n        return m.text\n    return g", ("f.g", ".text")),
    "a comprehension": ("def f(found):\n    return [each.text for each in found]", ("f", ".text")),
}  # fmt: skip


@pytest.mark.parametrize("opened", OPENED)
def test_a_new_way_out_would_be_found(opened: str) -> None:
    source, expected = OPENED[opened]
    assert expected in {(touch.function, touch.what) for touch in touches(source)}
    places = unexplained("api", {}, {"new.py": touches(source)})
    assert places[0].startswith("api/new.py:")


@pytest.mark.parametrize(
    "source",
    [
        "def f(parts):\n    return parts.log.head()",
        "def f(parts, moment):\n    return parts.log.position_at(moment)",
        'def f(event):\n    return event.data["kind"]',
        'def f(event):\n    return event.data.get("reason", "")',
        "def f(parts):\n    return parts.application.keyring",
        "def f(store):\n    return store.log.page()",
        "def f(text):\n    return json.load(text)",
        'def f(answer):\n    return {"text": 1}',
    ],
)
def test_what_tells_nothing_is_let_be(source: str) -> None:
    assert touches(source) == []


def test_whoever_shows_what_was_told_may_show_it_and_may_not_ask_past_the_exit() -> None:
    shows = "def f(answer):\n    return answer.text, answer.data"
    asks = "def f(store):\n    return store.parts.log.at([1])"
    assert touches(shows, told=True) == []
    assert [touch.what for touch in touches(asks, told=True)] == [".log"]


def test_a_function_without_a_reason_is_not_excused_by_another_of_its_module() -> None:
    source = "def f(memory):\n    return memory.text\ndef g(memory):\n    return memory.text"
    places = unexplained("api", {"new.py": {"f": "it is asked by the exit"}}, {"new.py": touches(source)})
    assert places == ["api/new.py:4: g has .text"]
