"""What must forget when something is erased, besides the views that follow the log.

A view that is a `Projection` obeys `memory.erased.v1` when it folds it. Whatever else is made from memories, such as
cached activations or trained weights, is named here, and an erasure is not complete before it has forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID


class Forgetting(Protocol):
    @property
    def name(self) -> str: ...

    def forget(self, memory_ids: Sequence[UUID]) -> None:
        """Returns when nothing that was made from these memories is left, nor can be used by anybody any more.

        It is called again after a crash. Raises Unavailable when it cannot now: the erasure stays unfinished then.
        """
        ...
