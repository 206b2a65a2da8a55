"""What views keep of cubes, in sealed files: it holds the words of memories, and names.

A copy of such a folder says how many cubes there are, their ids, and how much is in each; nothing else without the key.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mnemolog.adapters.durable_files import draft_of, exclusively, make_folder, remove, replacing
from mnemolog.adapters.seal import Seal
from mnemolog.projections.saved import Saved

FORMAT = 1
SUFFIX, INDEX_SUFFIX = ".view", ".index"

log = logging.getLogger(__name__)


class ViewFiles:
    """Implements `CubeFiles`, one file for each cube of a view. Any number of threads and processes share a folder.

    An index of the same view and cube, which is written and read elsewhere, is dropped with the file. `secret` has
    32 bytes. Nothing that was kept under another one is read.
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder, self._seal, self._marks = folder, Seal(secret, "view"), Seal(secret, "reached")
        self._mark, self._draft = folder / "reached", folder / ".draft"

    def keep(self, view: str, version: str, cube_id: UUID, saved: Saved, is_current: Callable[[], bool]) -> bool:
        """`is_current` must not come back here, where it would wait for itself.

        Raises OSError, and ValueError for an array that JSON cannot describe, such as one of Python objects.
        """
        header = _header(view, version, cube_id, saved)
        parts = [_bytes(np.asarray(array, order="C")) for array in saved.arrays.values()]
        with self._alone():
            if not is_current():
                return False
            with replacing(self._path(view, cube_id), self._draft) as file:
                self._seal.write(file, header, parts)
            return True

    def read(self, view: str, version: str, cube_id: UUID) -> Saved | None:
        try:
            saved = self._opened(view, version, cube_id)
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            log.warning("what was kept of view %s is dropped: %s", view, error)
            saved = None
        if saved is None:
            self._discard(view, cube_id)
        return saved

    def drop(self, view: str, cube_id: UUID) -> None:
        if self._folder.exists():  # whoever makes it later asks whether its state is current after that
            with self._alone():
                index = index_path(self._folder, view, cube_id)
                remove([self._path(view, cube_id), index, draft_of(index)], self._folder)

    def keeps(self, view: str, cube_id: UUID) -> bool:
        return self._path(view, cube_id).exists()

    def reach(self, position: int) -> None:
        with self._alone():
            try:
                if position <= self._reached():
                    return
            except (FileNotFoundError, ValueError):
                pass  # to be written, or written again
            with replacing(self._mark, self._draft) as file:
                self._marks.write(file, json.dumps(position).encode())

    def reached(self) -> int | None:
        """Without a mark nobody knows whether erasures were obeyed, so what is there without one is dropped.

        Raises OSError when it cannot be.
        """
        if not self._folder.exists():
            return None
        with self._alone():
            try:
                return self._reached()
            except (FileNotFoundError, ValueError) as error:
                if any(self._all()):
                    log.warning("all kept views are dropped, as their mark cannot be read: %s", type(error).__name__)
                self._clear()
        return None

    def clear(self) -> None:
        if self._folder.exists():
            with self._alone():
                self._clear()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A draft that is found here was left by a process that was killed."""
        make_folder(self._folder)
        with exclusively(self._folder / ".lock"):
            self._draft.unlink(missing_ok=True)
            yield

    def _opened(self, view: str, version: str, cube_id: UUID) -> Saved | None:
        """None when it is of another version. Raises OSError, and ValueError for a file that is not as it was kept."""
        with self._path(view, cube_id).open("rb") as file:
            unsealed = self._seal.open(file)
            header = json.loads(unsealed.header)
            if (header["format"], header["version"]) != (FORMAT, version):
                return None
            if (header["view"], header["cube"]) != (view, str(cube_id)):
                raise ValueError("it is of another view or cube")
            arrays = {name: _empty(shape, described) for name, described, shape in header["arrays"]}
            for array in arrays.values():
                unsealed.fill(_bytes(array))
            unsealed.end()
        return Saved(header["position"], header["stamp"], arrays)

    def _discard(self, view: str, cube_id: UUID) -> None:
        try:
            self.drop(view, cube_id)
        except OSError as error:
            log.warning("what was kept of view %s cannot be dropped: %s", view, type(error).__name__)

    def _reached(self) -> int:
        """Raises FileNotFoundError, and ValueError for a mark that is not as it was written."""
        with self._mark.open("rb") as file:
            unsealed = self._marks.open(file)
            unsealed.end()
        return int(unsealed.header)

    def _clear(self) -> None:
        """The mark first: without it the rest is worth nothing, if this does not come to its end."""
        remove([self._mark], self._folder)
        remove(self._all(), self._folder)

    def _all(self) -> Iterator[Path]:
        for pattern in (f"*{SUFFIX}", f"*{INDEX_SUFFIX}", draft_of(Path(f"*{INDEX_SUFFIX}")).name):
            yield from self._folder.glob(pattern)
        if self._mark.exists():
            yield self._mark

    def _path(self, view: str, cube_id: UUID) -> Path:
        return self._folder / f"{view}.{cube_id}{SUFFIX}"


def index_path(folder: Path, view: str, cube_id: UUID) -> Path:
    return folder / f"{view}.{cube_id}{INDEX_SUFFIX}"


def _header(view: str, version: str, cube_id: UUID, saved: Saved) -> bytes:
    header = {
        "format": FORMAT,
        "view": view,
        "version": version,
        "cube": str(cube_id),
        "position": saved.position,
        "stamp": saved.stamp,
        "arrays": [(name, _described(array.dtype), array.shape) for name, array in saved.arrays.items()],
    }
    return json.dumps(header).encode()


def _described(dtype: np.dtype[Any]) -> Any:
    described = npy.dtype_to_descr(dtype)
    if dtype.hasobject or npy.descr_to_dtype(json.loads(json.dumps(described))) != dtype:
        raise ValueError(f"an array of {dtype} cannot be kept")
    return described


def _empty(shape: list[int], described: Any) -> NDArray[Any]:
    return np.empty(shape, npy.descr_to_dtype(described))


def _bytes(array: NDArray[Any]) -> memoryview:
    """Those of the array itself, not of a copy."""
    return array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
