"""Where a memory may claim to come from. Trust follows from the source, so a writer may lower it and never raise it."""

from __future__ import annotations

from mnemolog.domain.metadata import TRUST, Source
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import InvalidMetadata

OWN_WORD = {PrincipalKind.USER: Source.USER, PrincipalKind.AGENT: Source.AGENT}


def source_for(kind: PrincipalKind, claimed: Source | None) -> Source:
    """Raises InvalidMetadata when a writer of this kind claims a source that is trusted more than its own word."""
    own = OWN_WORD.get(kind, Source.TOOL)
    if claimed is None:
        return own
    if claimed not in TRUST or TRUST[claimed] > TRUST[own]:
        raise InvalidMetadata(field="source", reason=f"what {kind} writes cannot claim to come from {claimed}")
    return claimed
