"""The reranker that a name in the configuration stands for."""

from __future__ import annotations

from mnemolog.adapters.rerankers.cross_encoder import CrossEncoder
from mnemolog.adapters.rerankers.endpoint import EndpointReranker
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.reranking import Reranker

CHOICES = "none, cross-encoder:<folder>, rerank:<url>#<model>"


def choose_reranker(name: str, *, api_key: str | None = None) -> Reranker | None:
    """Nothing is loaded or asked yet. Raises Invalid for a name that is none of CHOICES."""
    if name == "none":
        return None
    kind, _, where = name.partition(":")
    if kind == "cross-encoder" and where:
        return CrossEncoder(where)
    url, _, model = where.rpartition("#")
    if kind == "rerank" and url and model:
        return EndpointReranker(url, model, api_key)
    raise Invalid(reason=f"There is no reranker {name!r}; choose one of: {CHOICES}.")
