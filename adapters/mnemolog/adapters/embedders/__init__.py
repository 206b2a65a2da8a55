"""Text to vectors: one module for each kind of model, all behind `mnemolog.projections.embedding.Embedder`."""
