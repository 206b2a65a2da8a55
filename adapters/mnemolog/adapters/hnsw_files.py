"""Indexes in files. A file is used only when its manifest, its digest, the array and a process of its own agree on it.

hnswlib checks nothing: a file with one wrong number loads, and then crashes the process or finds the wrong rows.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnemolog.adapters.hnsw import PARAMETERS, HnswIndex, read
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.vector_index import VectorIndex
from mnemolog.projections.wordings import Rows

TRIAL_SECONDS = 120.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manifest:
    """`sha256` and `size` are of the index file; `rows_sha256` is of the rows and the numbers it was built from;
    `length` is that of the array then, and `position` that of the view.
    """

    sha256: str
    size: int
    rows_sha256: str
    count: int
    length: int
    dimensions: int
    position: int
    parameters: dict[str, Any]
    library: str

    def written(self) -> bytes:
        """One line with the sha256 of the rest, and the rest."""
        body = json.dumps(asdict(self), sort_keys=True).encode() + b"\n"
        return hashlib.sha256(body).hexdigest().encode() + b"\n" + body

    @classmethod
    def parse(cls, content: bytes) -> Manifest:
        """Raises ValueError unless it is whole."""
        digest, _, body = content.partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != digest:
            raise ValueError("the manifest is damaged")
        try:
            return cls(**json.loads(body))
        except TypeError:
            raise ValueError("the manifest is of another version") from None


class HnswFiles:
    """Two files, `path` and its manifest, readable by their owner only. `position` tells that of the view."""

    def __init__(self, path: Path, position: Callable[[], int], trial_seconds: float = TRIAL_SECONDS) -> None:
        self.path, self.manifest_path = path, path.with_name(f"{path.name}.manifest")
        self._position, self._trial_seconds = position, trial_seconds

    def keep(self, index: VectorIndex, cells: Vectors) -> None:
        """Not kept when some rows are removed already, which the file would not say, or when the disk is full."""
        assert isinstance(index, HnswIndex)
        if index.removed:
            return
        try:
            self._write(index, cells)
        except OSError as error:
            log.warning("an index is not kept: %s", type(error).__name__)
            self.drop()

    def read(self, cells: Vectors) -> VectorIndex | None:
        try:
            return self._checked(cells)
        except FileNotFoundError:
            return None
        except (ValueError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            log.warning("a kept index is dropped and built again: %s", error)
            self.drop()
            return None

    def drop(self) -> None:
        """Raises OSError when something is left."""
        for path in (self.manifest_path, self.path, _draft(self.path), _draft(self.manifest_path)):
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def _write(self, index: HnswIndex, cells: Vectors) -> None:
        """The manifest last, so that there is none for half an index."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.manifest_path.unlink(missing_ok=True)
        rows, draft = index.rows, _new(_draft(self.path))
        index.save(draft)
        manifest = Manifest(
            _digest(draft),
            draft.stat().st_size,
            _rows_digest(rows, cells),
            len(rows),
            len(cells),
            index.dimensions,
            self._position(),
            PARAMETERS,
            version("hnswlib"),
        )
        _settle(draft, self.path)
        draft = _new(_draft(self.manifest_path))
        draft.write_bytes(manifest.written())
        _settle(draft, self.manifest_path)

    def _checked(self, cells: Vectors) -> HnswIndex:
        """Raises ValueError, RuntimeError, OSError or TimeoutExpired when it may not be used."""
        manifest = Manifest.parse(self.manifest_path.read_bytes())
        if (manifest.parameters, manifest.library) != (PARAMETERS, version("hnswlib")):
            raise ValueError("it was built in another way")
        if manifest.dimensions != cells.shape[1] or manifest.length > len(cells):
            raise ValueError("it was built from another array")
        if manifest.position > self._position():
            raise ValueError("it was built from a later position")
        if self.path.stat().st_size != manifest.size or _digest(self.path) != manifest.sha256:
            raise ValueError("the file is damaged")
        self._try(manifest)
        index = read(self.path, manifest.dimensions)
        rows = index.rows
        if len(rows) != manifest.count or rows.max() >= len(cells) or _rows_digest(rows, cells) != manifest.rows_sha256:
            raise ValueError("it was built from other vectors")
        return index

    def _try(self, manifest: Manifest) -> None:
        command = [sys.executable, "-P", "-m", "mnemolog.adapters.hnsw_trial", str(self.path)]
        arguments = [str(manifest.dimensions), str(manifest.count)]
        done = subprocess.run([*command, *arguments], capture_output=True, timeout=self._trial_seconds, check=False)
        if done.returncode:
            raise ValueError(f"the file ends a process that loads it, with {done.returncode}")


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft")


def _new(path: Path) -> Path:
    """Empty, and private before anything is in it."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return path


def _settle(draft: Path, path: Path) -> None:
    """On disk before it has its name, and the name on disk too."""
    _sync(draft)
    draft.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows_digest(rows: Rows, cells: Vectors) -> str:
    sha256 = hashlib.sha256(rows.astype("<i8").tobytes())
    for start in range(0, len(rows), 4096):
        sha256.update(cells[rows[start : start + 4096]].astype("<f4").tobytes())
    return sha256.hexdigest()
