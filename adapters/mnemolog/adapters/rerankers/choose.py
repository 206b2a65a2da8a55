"""The reranker that a name in the configuration stands for."""

from __future__ import annotations

from mnemolog.adapters.rerankers.endpoint import EndpointReranker
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.reranking import Reranker


def choose_reranker(name: str, *, api_key: str | None = None) -> Reranker | None:
    """Nothing is asked yet. Raises Invalid for a name that is neither `none` nor an endpoint."""
    if name == "none":
        return None
    kind, _, where = name.partition(":")
    url, _, model = where.rpartition("#")
    if kind != "rerank" or not url or not model:
        raise Invalid(reason=f"There is no reranker {name!r}; choose none or rerank:<url>#<model>.")
    return EndpointReranker(url, model, api_key)
