"""A cross-encoder on this machine: a folder with a transformers network that classifies pairs of texts.

Nothing is fetched, and code that a model brings along is never run.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from threading import Lock

from mnemolog.adapters.embedders.vectors import encodable, fingerprint_of
from mnemolog.adapters.rerankers.classifiers import classifier, sums, tokenizer, tokens_read
from mnemolog.adapters.rerankers.endpoint import LONGEST
from mnemolog.domain.refusals import RerankerUnavailable


class CrossEncoder:
    """Loaded when it is first asked, also for its name."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser().absolute()
        self._loading = Lock()
        self._network: _Network | None = None

    @property
    def name(self) -> str:
        """The name of the folder and the beginning of the sha256 of what is in it. Raises RerankerUnavailable."""
        return f"{self._folder.name} {self._loaded().fingerprint.hex()[:12]}"

    def rerank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        return self._loaded().scores(query, texts) if texts else []

    def _loaded(self) -> _Network:
        with self._loading:
            if self._network is None:
                self._network = self._load()
            return self._network

    def _load(self) -> _Network:
        if not self._folder.is_dir():
            raise RerankerUnavailable(reason=f"{self._folder} is no folder here")
        try:
            return _Network(self._folder)
        except RerankerUnavailable:
            raise
        except ImportError as problem:
            install = "install its libraries with `pip install 'mnemolog[models]'`"
            raise RerankerUnavailable(reason=f"{self._folder} cannot be loaded ({problem}); {install}") from problem
        except Exception as problem:  # for a damaged file, tokenizers raises that and nothing narrower
            why = f"{type(problem).__name__}: {str(problem).strip().partition(chr(10))[0]}"
            raise RerankerUnavailable(reason=f"{self._folder} cannot be loaded: {why}") from problem


class _Network:
    """The tokenizer and the network in memory. Raises whatever the libraries do."""

    def __init__(self, folder: Path) -> None:
        import torch

        self._torch = torch
        self._turn = Lock()
        self.fingerprint = fingerprint_of(kind="cross-encoder", dtype="float32", files=sums(folder))
        self._model = classifier(folder)
        self._tokenizer = tokenizer(folder)
        self._tokens = tokens_read(self._tokenizer, self._model)
        self._question_tokens = (self._tokens - self._tokenizer.num_special_tokens_to_add(pair=True)) // 2
        self.scores("Do they", ["fit?"])  # a network that cannot read what this tokenizer writes is refused here

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """Pair by pair, so that a score is to the bit the same whatever other texts there are. (n,) logits."""
        with self._turn:
            question = self._beginning(encodable(query[:LONGEST]))
        return [self._score(question, encodable(text[:LONGEST])) for text in texts]

    def _beginning(self, query: str) -> str:
        """At most half of the tokens that are read: the other half is for a text."""
        limit = self._question_tokens
        cut = {"add_special_tokens": False, "truncation": True, "max_length": limit}
        places = self._tokenizer(query, return_offsets_mapping=True, **cut)["offset_mapping"]
        return query if len(places) < limit else query[: places[-1][1]]

    def _score(self, question: str, text: str) -> float:
        with self._turn:  # given up after each text: a short list need not wait for a long one
            cut = {"truncation": "only_second", "max_length": self._tokens}
            # As lists of one, since outside of a list an empty text counts as none.
            pair = self._tokenizer([question], [text], return_tensors="pt", **cut)
            try:
                with self._torch.inference_mode():
                    logits = self._model(**pair).logits[0].tolist()
            except (IndexError, RuntimeError) as problem:  # a token that the network lacks; memory
                raise RerankerUnavailable(reason=f"it cannot read a text: {type(problem).__name__}") from problem
        score: float = logits[0] if len(logits) == 1 else logits[1] - logits[0]
        if not isfinite(score):
            raise RerankerUnavailable(reason="it gave a score that is no number")
        return score
