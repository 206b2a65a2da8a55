"""Indexes in sealed files. One is used only when its manifest, the array and a process of its own agree on it.

hnswlib checks nothing: a file with one wrong number loads, and then crashes the process or finds the wrong rows.
"""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np

from mnemolog.adapters.durable_files import draft_of, make_folder, remove, replacing
from mnemolog.adapters.hnsw import PARAMETERS, HnswIndex, read
from mnemolog.adapters.seal import CHUNK, Seal, Unsealed
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.vector_index import VectorIndex
from mnemolog.projections.wordings import Rows

TRIAL_SECONDS = 120.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manifest:
    """`size` is that of the index in bytes; `rows_sha256` is of the rows and the numbers it was built from;
    `length` is that of the array then.
    """

    size: int
    rows_sha256: str
    count: int
    length: int
    dimensions: int
    parameters: dict[str, Any]
    library: str

    def written(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def parse(cls, content: bytes) -> Manifest:
        """Raises ValueError unless it is whole."""
        try:
            return cls(**json.loads(content))
        except TypeError:
            raise ValueError("the manifest is of another version") from None


class HnswFiles:
    """One sealed file, `path`. `secret` has 32 bytes.

    hnswlib wants to write and read files that are not sealed. These have no name, so that nothing of them is left
    when the process is killed.
    """

    def __init__(self, path: Path, secret: bytes, trial_seconds: float = TRIAL_SECONDS) -> None:
        self.path, self._draft, self._seal = path, draft_of(path), Seal(secret, "index")
        self._trial_seconds = trial_seconds

    def keep(self, index: VectorIndex, cells: Vectors) -> None:
        """Not kept when some rows are removed already, which the file would not say, or when the disk is full."""
        assert isinstance(index, HnswIndex)
        if index.removed:
            return
        try:
            self._write(index, cells)
        except OSError as error:
            log.warning("an index is not kept: %s", type(error).__name__)
            self._discard()

    def read(self, cells: Vectors) -> VectorIndex | None:
        try:
            return self._checked(cells)
        except FileNotFoundError:
            return None
        except (ValueError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            log.warning("a kept index is dropped and built again: %s", error)
            self._discard()
            return None

    def drop(self) -> None:
        """Raises OSError when something is left."""
        with suppress(NotADirectoryError):
            remove([self.path, self._draft], self.path.parent)

    def _discard(self) -> None:
        """What is left would never be used."""
        try:
            self.drop()
        except OSError as error:
            log.warning("a kept index cannot be dropped: %s", type(error).__name__)

    def _write(self, index: HnswIndex, cells: Vectors) -> None:
        make_folder(self.path.parent)
        rows = index.rows
        with TemporaryFile(dir=self.path.parent) as plain:
            index.save(_opened_path(plain))
            content = np.memmap(plain, np.uint8, "r")
            manifest = Manifest(
                len(content),
                _rows_digest(rows, cells),
                len(rows),
                len(cells),
                index.dimensions,
                PARAMETERS,
                version("hnswlib"),
            )
            with replacing(self.path, self._draft) as file:
                self._seal.write(file, manifest.written(), [content.data])

    def _checked(self, cells: Vectors) -> HnswIndex:
        """Raises ValueError, RuntimeError, OSError or TimeoutExpired when it may not be used."""
        with self.path.open("rb") as file, TemporaryFile(dir=self.path.parent) as plain:
            unsealed = self._seal.open(file)
            manifest = Manifest.parse(unsealed.header)
            self._refuse_another(manifest, cells)
            _unseal(unsealed, manifest.size, plain)
            self._try(plain, manifest)
            index = read(_opened_path(plain), manifest.dimensions)
        rows = index.rows
        if len(rows) != manifest.count or rows.max() >= len(cells) or _rows_digest(rows, cells) != manifest.rows_sha256:
            raise ValueError("it was built from other vectors")
        return index

    def _refuse_another(self, manifest: Manifest, cells: Vectors) -> None:
        if (manifest.parameters, manifest.library) != (PARAMETERS, version("hnswlib")):
            raise ValueError("it was built in another way")
        if manifest.dimensions != cells.shape[1] or manifest.length > len(cells):
            raise ValueError("it was built from another array")

    def _try(self, plain: BinaryIO, manifest: Manifest) -> None:
        command = [sys.executable, "-P", "-m", "mnemolog.adapters.hnsw_trial", str(_opened_path(plain))]
        arguments = [str(manifest.dimensions), str(manifest.count)]
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            timeout=self._trial_seconds,
            check=False,
            pass_fds=(plain.fileno(),),
        )
        if done.returncode:
            raise ValueError(f"the file ends a process that loads it, with {done.returncode}")


def _opened_path(file: BinaryIO) -> Path:
    """By which this process, and a child that is given the file, can open it although it has no name."""
    return Path(f"/dev/fd/{file.fileno()}")


def _unseal(unsealed: Unsealed, size: int, plain: BinaryIO) -> None:
    buffer = memoryview(bytearray(min(size, CHUNK)))
    for start in range(0, size, CHUNK):
        piece = buffer[: size - start]
        unsealed.fill(piece)
        plain.write(piece)
    unsealed.end()
    plain.flush()


def _rows_digest(rows: Rows, cells: Vectors) -> str:
    sha256 = hashlib.sha256(rows.astype("<i8").tobytes())
    for start in range(0, len(rows), 4096):
        sha256.update(cells[rows[start : start + 4096]].astype("<f4").tobytes())
    return sha256.hexdigest()
