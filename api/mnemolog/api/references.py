"""How clients refer to things that have an id and may have a name."""

from __future__ import annotations

import re
from uuid import UUID

CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def id_or_name(text: str) -> UUID | str:
    """What has the form of an id is one, whatever names there are."""
    return UUID(text) if CANONICAL.fullmatch(text) else text
