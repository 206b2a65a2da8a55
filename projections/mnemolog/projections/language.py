"""Text to terms, without a dictionary or a model: the same text gives the same terms on every machine.

Words are lower-cased, stripped of accents, and stemmed if they are English. Scripts that put no space between words
are cut into overlapping pairs of characters, so that any word of two or more characters finds the texts that hold it.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer

MAX_WORD = 64  # characters; what is longer is no word, but a blob that would be a term of its own

# Function words, which say nothing about what a text is about; and the remains of contractions ("she'll", "I've").
_FUNCTION_WORDS = """
    a about am an and are as at be been being but by can could d did do does doing for from had has have having he her
    here him his how i if in is it its just ll m me my no not of on or our re s she should so t than that the their
    them there these they this those to too us ve very was we were what when where which who whom why will with would
    you your
"""
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())

# Han, kana, Hangul and their signs; Thai, Lao, Burmese and Khmer with their vowel marks.
_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003fffd"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17d3"
)
# \w knows letters only: without their vowel marks the words of India would fall apart.
_RUNS = re.compile(rf"([{_UNSPACED}]+)|((?:(?![{_UNSPACED}_])[\w\u0900-\u0dff])+)")
_ASCII_WORDS = re.compile("[a-z0-9]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")

_stemmer = EnglishStemmer()  # the pure Python one: another build might know other rules
_stemmer_turn = threading.Lock()  # it keeps the word that it works on


def terms(text: str) -> list[str]:
    """The terms of `text`, in its order and as often as they occur."""
    if text.isascii():  # most texts, and several times as fast
        return [_stem(word[:MAX_WORD]) for word in _ASCII_WORDS.findall(text.lower()) if word not in STOP_WORDS]
    found: list[str] = []
    for unspaced, word in _RUNS.findall(_plain(text)):
        if unspaced:
            found += _pairs(unspaced)
        elif word not in STOP_WORDS:
            found.append(_stem(word[:MAX_WORD]))
    return found


def _plain(text: str) -> str:
    """Full-width letters become plain and accents go, while kana and Hangul, which decompose too, are put together."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(len(run) - 1)] or [run]


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    if not (word.isascii() and word.isalpha()):
        return word
    with _stemmer_turn:
        return str(_stemmer.stemWord(word))
