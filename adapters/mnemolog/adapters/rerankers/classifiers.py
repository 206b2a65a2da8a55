"""Networks that classify pairs of texts, read from a folder of the transformers library and from nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnemolog.domain.refusals import RerankerUnavailable

MOST_TOKENS = 1024  # of a question and a text together: a person waits, and the time grows faster than the length
FEWEST_TOKENS = 16
DECIDING = {".json", ".model", ".safetensors", ".txt"}  # files whose content can change a score
LOCAL = {"local_files_only": True, "trust_remote_code": False}


def classifier(folder: Path) -> Any:
    """In float32, ready to read. Raises RerankerUnavailable."""
    import torch
    from safetensors.torch import load_file
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, AutoConfig

    config = AutoConfig.from_pretrained(folder, **LOCAL)
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise RerankerUnavailable(reason=f"{folder} holds no network that classifies, but {config.model_type}")
    if config.num_labels not in (1, 2):
        raise RerankerUnavailable(
            reason=f"{folder} tells {config.num_labels} classes apart; a cross-encoder has one score, or two classes "
            "of which the second is that of a text that answers"
        )
    weights = {name: tensor for file in _weight_files(folder) for name, tensor in load_file(file).items()}
    # Every network has eager attention, and a config could name another one that is code from elsewhere.
    settings = {"config": config, "dtype": torch.float32, "attn_implementation": "eager", "output_loading_info": True}
    with _no_progress_bar():
        network = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
        model, found = network.from_pretrained(None, state_dict=weights, **settings)
    if found["missing_keys"]:  # the library would go on with random numbers in their place
        raise RerankerUnavailable(reason=f"{folder} is no cross-encoder: it lacks {min(found['missing_keys'])}")
    return model.eval()


def tokenizer(folder: Path) -> Any:
    """Raises RerankerUnavailable."""
    from transformers import AutoTokenizer

    if not (folder / "tokenizer.json").is_file():  # the library would go on with one that knows no words
        raise RerankerUnavailable(reason=f"{folder} holds no tokenizer.json")
    return AutoTokenizer.from_pretrained(folder, **LOCAL)


def _weight_files(folder: Path) -> list[Path]:
    whole = folder / "model.safetensors"
    files = [whole] if whole.is_file() else sorted(folder.glob("model-*-of-*.safetensors"))
    if not files:
        raise RerankerUnavailable(
            reason=f"{folder} holds no model.safetensors; pickled weights, which can run code, are never read"
        )
    return files


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def tokens_read(words: Any, model: Any) -> int:
    """The most tokens of a pair that both can take. Raises RerankerUnavailable."""
    tokens: int = min(words.model_max_length, _positions(model), MOST_TOKENS)
    if tokens < FEWEST_TOKENS:
        raise RerankerUnavailable(reason=f"it reads {tokens} tokens, too few for a question and a text")
    return tokens


def _positions(model: Any) -> int:
    """RoBERTa and its kin count positions from behind the padding, so that the first are never used."""
    stated = getattr(model.config, "max_position_embeddings", None)
    if stated is None or stated < 1:  # positions are relative
        return MOST_TOKENS
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    unused = max(
        (table.padding_idx + 1 for table in tables if getattr(table, "padding_idx", None) is not None), default=0
    )
    return int(stated) - unused


def sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file that decides what the model answers."""
    files = sorted(path for path in folder.iterdir() if path.suffix in DECIDING and path.is_file())
    return {path.name: _sum(path) for path in files}


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
