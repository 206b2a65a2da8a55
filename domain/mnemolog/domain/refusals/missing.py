"""What is asked for is not there (or not for this principal, which must look the same)."""

from __future__ import annotations

from mnemolog.domain.refusals.refusal import Refusal


class NotFound(Refusal):
    """There is no such {kind}: {id}"""

    code, status, exit_code = "not_found", 404, 3


class MemoryNotFound(NotFound):
    """There is no memory {memory_id}."""

    code = "memory_not_found"


class CubeNotFound(NotFound):
    """There is no cube {cube}."""

    code = "cube_not_found"


class PrincipalNotFound(NotFound):
    """There is no principal {principal_id}."""

    code = "principal_not_found"


class MemoryErased(NotFound):
    """Memory {memory_id} has been erased; its content cannot be read any more."""

    code, status = "memory_erased", 410


class SubjectErased(NotFound):
    """Data subject {subject_id} has been erased; nothing can be stored about it any more."""

    code, status = "subject_erased", 410
