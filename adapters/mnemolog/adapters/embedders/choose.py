"""The embedder that a name in the configuration stands for."""

from __future__ import annotations

import logging
from functools import cache

from mnemolog.adapters.embedders.endpoint import EndpointEmbedder
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.embedders.minilm import MiniLM
from mnemolog.adapters.embedders.sentence_transformers import SentenceTransformerEmbedder
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.embedding import Embedder

CHOICES = "auto, hashing, minilm, st:<folder or model id>, openai:<url>#<model>"

log = logging.getLogger(__name__)


def choose_embedder(name: str, *, api_key: str | None = None) -> Embedder:
    """Nothing is loaded or asked yet. Raises Invalid for a name that is none of CHOICES."""
    kind, _, rest = name.partition(":")
    if kind == "st" and rest:
        return SentenceTransformerEmbedder(rest)
    if kind == "openai":
        return _endpoint(rest, api_key)
    match name:
        case "auto":
            return _best_here()
        case "hashing":
            return HashingEmbedder()
        case "minilm":
            return MiniLM()
    raise Invalid(reason=f"There is no embedder {name!r}; choose one of: {CHOICES}.")


def _endpoint(where: str, api_key: str | None) -> EndpointEmbedder:
    url, _, model = where.rpartition("#")
    if not url or not model:
        raise Invalid(reason="An endpoint is named as openai:<url>#<model>.")
    return EndpointEmbedder(url, model, api_key)


def _best_here() -> Embedder:
    minilm = MiniLM()
    missing = minilm.missing()
    if missing is None:
        return minilm
    _warn_once(missing)
    return HashingEmbedder()


@cache
def _warn_once(missing: str) -> None:
    log.warning("Search compares words, not meanings, since all-MiniLM-L6-v2 is not installed: %s", missing)
