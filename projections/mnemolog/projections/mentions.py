"""Whom and what a memory names, without a model: the same text gives the same names on every machine.

The rules are made for English and languages that write names like it. A name is a run of capitalised words that does
not merely begin a sentence; besides, whatever the writer gives as speaker, key or tag. What follows from that:

- Scripts without capitals (Chinese, Japanese, Korean, Arabic, Thai) are known by speaker, key and tags alone.
- German capitalises every noun, so all its nouns count as names.
- Nothing is known about who is meant: "Mel" and "Melanie" are two names, and two people called Ann are one.
- A month or weekday is never a name in a text, not even for a girl called May.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mnemolog.projections.language import STOP_WORDS

_CALENDAR_WORDS = """
    january february march april may june july august september october november december jan feb mar apr jun jul aug
    sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri
    sat sun am pm
"""
_CALENDAR = frozenset(_CALENDAR_WORDS.split())
_TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "prof", "st", "sir"))
# Words that often stand before a name at the start of a sentence, in capitals only because of where they stand.
_OPENING_WORDS = """
    absolutely after again all also although always another any anytime anyway ask aw awesome aww because before both
    btw bye call congrats congratulations dear despite during each even every everyone finally glad go good goodbye
    great hello hey hi however last later let's like look maybe meanwhile meet most much next no nope now oh ok okay
    once one only other people perhaps please recently remember right see since some someone sometimes soon sorry still
    sure tell thank thanks then though through today tomorrow tonight totally under until very visit wait well while
    without woah woohoo wow yeah yep yes yesterday yet
"""
_NO_NAMES = STOP_WORDS | _TITLES | frozenset(_OPENING_WORDS.split())
_UNTELLING = STOP_WORDS | _CALENDAR  # in capitals, or not, whatever the sentence
# Stand between the parts of a name: Bank of America, Leonardo da Vinci.
_LINKS = frozenset(("al", "bin", "da", "de", "del", "der", "di", "du", "la", "le", "of", "van", "von"))

_WORD = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]+(?:['’&-][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?…:;\n。！？：；\"“”«»‘(\[*•–—]")  # and what opens a quotation, a bracket or an item
_POSSESSIVE = re.compile(r"['’]s?$")
_NUMBER = re.compile(r"\d+(?:t\d+|st|nd|rd|th|am|pm|s|h|z)?")
MANY = 4  # capitalised words, and no other, that make a sentence a headline: there capitals tell nothing


class _Word(NamedTuple):
    text: str
    gap: str  # what stands between it and the word before


class _Run(NamedTuple):
    name: str
    sure: bool


def mentions(text: str, description: Mapping[str, Any]) -> list[str]:
    """The names in a memory, normalised, each once, in their order: speaker, key, tags, then those of the text.

    `description` is what `Description.to_json` gives.
    """
    return [name for name, sure in candidates(text, description).items() if sure]


def candidates(text: str, description: Mapping[str, Any]) -> dict[str, bool]:
    """The mentions, true, and the words that only begin a sentence, false.

    Those are names if some other wording shows it: "Caroline is here." says nothing, "I saw Caroline." does.
    """
    found = dict.fromkeys(_labels(description), True)
    for run in _runs(text):
        found[run.name] = run.sure or found.get(run.name, False)
    return found


def normalised(name: str) -> str:
    """One spelling of a name: without regard to case, width of letters or the space between words."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def _labels(description: Mapping[str, Any]) -> Iterator[str]:
    for label in (description.get("speaker"), description.get("key"), *description.get("tags", ())):
        name = normalised(label or "")
        if name and not _is_date_or_number(name):
            yield name


def _is_date_or_number(name: str) -> bool:
    return all(word in _CALENDAR or _NUMBER.fullmatch(word) for word in re.findall(r"\w+", name))


def _runs(text: str) -> Iterator[_Run]:
    for sentence in _sentences(text):
        headline = _is_headline(sentence)
        for start, words in _capitalised_runs(sentence):
            while words and _plain(words[0]) in _NO_NAMES:
                start, words = start + 1, words[1:]
            while words and _plain(words[-1]) in _NO_NAMES:
                words = words[:-1]
            if words:
                name = normalised(_POSSESSIVE.sub("", " ".join(words)))
                yield _Run(name, sure=not headline and (start > 0 or len(words) > 1))


def _sentences(text: str) -> Iterator[list[_Word]]:
    sentence: list[_Word] = []
    end = 0
    for match in _WORD.finditer(text):
        word = _Word(match[0], text[end : match.start()])
        if sentence and _SENTENCE_END.search(word.gap) and not _is_abbreviated(sentence[-1].text, word.gap):
            yield sentence
            sentence = []
        sentence.append(word)
        end = match.end()
    if sentence:
        yield sentence


def _is_abbreviated(word: str, gap: str) -> bool:
    """A title or an initial before a name, as in "Dr. Ann B. Smith"."""
    return gap == ". " and ((len(word) == 1 and word.isupper() and word != "I") or word.lower() in _TITLES)


def _is_headline(sentence: list[_Word]) -> bool:
    telling = [word.text for word in sentence if word.text[0].isalpha() and _plain(word.text) not in _UNTELLING]
    return len(telling) >= MANY and all(word[0].isupper() for word in telling)


def _capitalised_runs(sentence: list[_Word]) -> Iterator[tuple[int, list[str]]]:
    """(the place of its first word, the words) of each run of capitalised words and the links between them."""
    place = 0
    while place < len(sentence):
        end = place
        while end < len(sentence) and (end == place or _joins(sentence[end])):
            if _is_capitalised(sentence[end].text):
                end += 1
            elif end > place and _is_link(sentence, end):
                end += 2
            else:
                break
        if end > place:
            yield place, [word.text for word in sentence[place:end]]
        place = max(end, place + 1)


def _joins(word: _Word) -> bool:
    return word.gap in (" ", ". ")


def _is_link(sentence: list[_Word], place: int) -> bool:
    following = sentence[place + 1 : place + 2]
    return sentence[place].text in _LINKS and bool(following) and following[0].gap == " " and _is_name(following[0])


def _is_name(word: _Word) -> bool:
    return _is_capitalised(word.text) and _plain(word.text) not in _NO_NAMES


def _is_capitalised(word: str) -> bool:
    return word[0].isupper() and _plain(word) not in _CALENDAR and _plain(word) != "i"


def _plain(word: str) -> str:
    """Lower case and without what is contracted or possessed: "I'm" is "i", "Monday's" is "monday"."""
    return re.split(r"['’]", word.lower(), maxsplit=1)[0] if word.lower() not in _NO_NAMES else word.lower()
