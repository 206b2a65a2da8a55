"""The log in segments: immutable files in the folder of the installation, which analytics read.

They have the events of all tenants, and no text: what is sealed in the log is not in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mnemolog.adapters.analytics.segments import Range, SegmentFolder
from mnemolog.api.accesses import audited
from mnemolog.api.parts import Parts, require_operator
from mnemolog.api.settings import Settings
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Unavailable

if TYPE_CHECKING:
    from mnemolog.adapters.analytics.segmenting import Segmented
    from mnemolog.adapters.analytics.verifying import SegmentsVerified

Progress = Callable[[int], None]


def segment_folder(settings: Settings) -> Path:
    return settings.home / "analytics" / "segments"


@audited("segments")
class Segments:
    """For administrators of the tenant that founded the installation."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts, self._caller = parts, caller
        self._folder = SegmentFolder(segment_folder(parts.settings))

    def write(self, progress: Progress | None = None) -> Segmented:
        """All whole ranges of `segment_events` positions that the log has and segments have not.

        Raises SegmentCorrupted, VerificationFailed, StoreUnreachable, and Unavailable where DuckDB is not installed.
        """
        require_operator(self._parts, self._caller, "write segments")
        with installed():
            from mnemolog.adapters.analytics.segmenting import write_segments
        return write_segments(self._dsn, self._folder, self._parts.settings.segment_events, progress)

    def list(self) -> tuple[Range, ...]:
        """In the order of positions. Raises SegmentCorrupted."""
        require_operator(self._parts, self._caller, "list segments")
        return self._folder.ranges()

    def verify(self, progress: Progress | None = None) -> SegmentsVerified:
        """Every file against its manifest, and every row against the log. Raises as `write` does."""
        require_operator(self._parts, self._caller, "verify segments")
        with installed():
            from mnemolog.adapters.analytics.verifying import verify_segments
        return verify_segments(self._folder, self._dsn, progress)

    @property
    def _dsn(self) -> str:
        return str(self._parts.application.datastore.pool.conninfo)


@contextmanager
def installed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        install = "install its libraries with `pip install 'mnemolog[analytics]'`"
        raise Unavailable(reason=f"there is no {error.name}; {install}") from None
