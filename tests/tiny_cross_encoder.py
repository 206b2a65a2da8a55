"""A cross-encoder small enough to be made in a test, with weights drawn from a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LETTERS = [*"abcdefghijklmnopqrstuvwxyz?!.,:"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
TOKENS = 64  # of a pair


def save_tokenizer(folder: Path) -> None:
    from transformers import BertTokenizer

    BertTokenizer(vocab={token: place for place, token in enumerate(VOCABULARY)}).save_pretrained(folder)


def shape(**changes: Any) -> dict[str, Any]:
    """The scores of untrained weights are far apart only when these are large."""
    stated = {"vocab_size": len(VOCABULARY), "max_position_embeddings": TOKENS, "num_labels": 1, "num_hidden_layers": 1}
    sizes = {"num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32, "initializer_range": 0.5}
    return {**stated, **sizes, **changes}


def network(seed: int = 7, **changes: Any) -> Any:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    return BertForSequenceClassification(BertConfig(**shape(**changes)))


def save_cross_encoder(folder: Path, seed: int = 7, **changes: Any) -> Path:
    save_tokenizer(folder)
    network(seed, **changes).save_pretrained(folder)
    return folder


def expected_logits(folder: Path, query: str, text: str) -> list[float]:
    """What the library itself says about a short pair, whose letters are its tokens."""
    import torch
    from transformers import BertForSequenceClassification

    def tokens(words: str) -> list[int]:
        return [VOCABULARY.index(f"##{letter}" if place else letter)
                for word in words.split() for place, letter in enumerate(word)]  # fmt: skip

    start, end = SPECIAL.index("[CLS]"), SPECIAL.index("[SEP]")
    first, second = [start, *tokens(query), end], [*tokens(text), end]
    model = BertForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        kinds = torch.tensor([[0] * len(first) + [1] * len(second)])
        logits: list[float] = model(input_ids=torch.tensor([first + second]), token_type_ids=kinds).logits[0].tolist()
    return logits
