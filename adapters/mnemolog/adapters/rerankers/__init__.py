"""Which text answers best: models behind `mnemolog.projections.reranking.Reranker`."""
