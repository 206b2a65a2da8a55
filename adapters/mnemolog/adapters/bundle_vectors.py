"""The vectors of a dump as arrays in NumPy's format 1.0, of which the header is known before it is read.

So nothing of a file is interpreted: what is not byte by byte the header that must be there is refused.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mnemolog.domain.refusals import BundleCorrupted
from mnemolog.projections.embedding import Vectors

POSITIONS_FILE, VECTORS_FILE = "vectors/positions.npy", "vectors/vectors.npy"
POSITION, COMPONENT = np.dtype("<i8"), np.dtype("<f4")
TOLERANCE = 1e-3  # of the length of a unit vector
MOST_DIMENSIONS = 16_000


def positions_file(positions: list[int]) -> bytes:
    """(n,) of the events that hold the texts."""
    return _header(POSITION, (len(positions),)) + np.array(positions, POSITION).tobytes()


def vectors_file(vectors: Vectors) -> bytes:
    """(n, dimensions) in the same order."""
    rows, dimensions = vectors.shape
    return _header(COMPONENT, (rows, dimensions)) + vectors.astype(COMPONENT).tobytes()


def read_vectors(content: bytes, count: int, dimensions: int) -> Vectors:
    """(count, dimensions). Raises BundleCorrupted unless it is an array of as many unit vectors."""
    header = _header(COMPONENT, (count, dimensions))
    if len(content) != len(header) + count * dimensions * COMPONENT.itemsize or not content.startswith(header):
        raise BundleCorrupted(file=VECTORS_FILE, reason=f"it is not an array of {count} vectors")
    vectors: Vectors = np.frombuffer(content, COMPONENT, offset=len(header)).reshape(count, dimensions)
    lengths: NDArray[Any] = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not np.isfinite(lengths).all() or (np.abs(lengths - 1) > TOLERANCE).any():
        raise BundleCorrupted(file=VECTORS_FILE, reason="it holds something that is no unit vector")
    return vectors


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    file = BytesIO()
    npy.write_array_header_1_0(file, {"descr": dtype.str, "fortran_order": False, "shape": shape})
    return file.getvalue()
