"""Every event that the log can hold, by the name under which it is stored."""

from __future__ import annotations

from mnemolog.domain import access, cube, erasure, grants, memory, principal, retraction, subject, tenant
from mnemolog.domain.aggregate import Recorded

EVENTS: dict[str, type[Recorded]] = {
    **memory.EVENTS,
    **cube.EVENTS,
    **principal.EVENTS,
    **subject.EVENTS,
    **erasure.EVENTS,
    **grants.EVENTS,
    **tenant.EVENTS,
    **retraction.EVENTS,
    **access.EVENTS,
}
