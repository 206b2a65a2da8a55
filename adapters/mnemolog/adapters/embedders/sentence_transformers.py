"""Any model of the sentence-transformers library: a folder, or an id of the Hugging Face hub."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatch
from functools import cached_property
from importlib import metadata
from pathlib import Path
from threading import Lock, RLock
from typing import Any

import numpy as np

from mnemolog.adapters.embedders.vectors import encodable, fingerprint_of, unit_rows
from mnemolog.domain.refusals import EmbedderUnavailable
from mnemolog.projections.embedding import Vectors

# Before 6.0 a model folder could name code of its own, and it was run whatever `trust_remote_code` said.
OLDEST_MAJOR = 6
BATCH = 32

# The same weights for other runtimes, which are neither fetched nor part of the fingerprint.
OTHER_RUNTIMES = ("onnx/*", "openvino/*", "pytorch_model*.bin", "*.h5", "*.ot", "*.msgpack", "*.onnx", ".*")


class SentenceTransformerEmbedder:
    """Loaded when it is first asked for anything but its name. Code that a model brings along is never run."""

    def __init__(self, model: str, revision: str | None = None) -> None:
        self._model_name = model
        self._revision = revision
        self._loading = RLock()
        self._turn = Lock()

    @property
    def name(self) -> str:
        local = Path(self._model_name).expanduser()
        return local.name if local.is_dir() else self._model_name

    @property
    def dimensions(self) -> int:
        stated: int | None = self._loaded().get_embedding_dimension()
        return stated or self.embed(["How many dimensions?"]).shape[1]

    @property
    def fingerprint(self) -> bytes:
        with self._loading:
            return self._fingerprint

    def embed(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        model = self._loaded()
        encode = model.encode_query if as_query else model.encode_document
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        with self._turn:
            rows = encode([encodable(text) for text in texts], batch_size=BATCH, show_progress_bar=False)
        return unit_rows(rows)

    def _loaded(self) -> Any:
        with self._loading:
            return self._model

    @cached_property
    def _fingerprint(self) -> bytes:
        return fingerprint_of(kind="sentence-transformers", dtype="float32", files=_sums(self._folder))

    @cached_property
    def _folder(self) -> Path:
        local = Path(self._model_name).expanduser()
        if local.is_dir():
            return local
        _library()
        from huggingface_hub import snapshot_download

        try:
            found = snapshot_download(self._model_name, revision=self._revision, ignore_patterns=list(OTHER_RUNTIMES))
        except (OSError, ValueError) as problem:
            raise EmbedderUnavailable(
                reason=f"{self._model_name} is no folder here, and the hub does not give it "
                f"({type(problem).__name__}); fetch the model once with a network, or name its folder."
            ) from problem
        return Path(found)

    @cached_property
    def _model(self) -> Any:
        library = _library()
        try:
            return library.SentenceTransformer(
                str(self._folder),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": "float32", "use_safetensors": True},
            )
        except (OSError, ValueError, ImportError) as problem:
            why = str(problem).strip().partition("\n")[0]
            raise EmbedderUnavailable(reason=f"{self._model_name} cannot be loaded: {why}") from problem


def _library() -> Any:
    install = "install it with `pip install 'mnemolog[sentence-transformers]'`"
    try:
        version = metadata.version("sentence-transformers")
    except metadata.PackageNotFoundError as problem:
        raise EmbedderUnavailable(reason=f"sentence-transformers is missing; {install}.") from problem
    if int(version.partition(".")[0]) < OLDEST_MAJOR:
        raise EmbedderUnavailable(reason=f"sentence-transformers {version} is too old; {install}.")
    try:
        import sentence_transformers
    except ImportError as problem:
        raise EmbedderUnavailable(
            reason=f"sentence-transformers cannot be imported ({problem}); {install}."
        ) from problem
    return sentence_transformers


def _sums(folder: Path) -> dict[str, str]:
    """The sha256 of every file that decides what the model answers, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): _sum(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _skipped(path.relative_to(folder))
    }


def _skipped(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return hidden or any(fnmatch(path.as_posix(), pattern) for pattern in OTHER_RUNTIMES)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
