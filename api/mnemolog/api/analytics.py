"""SQL over the log: questions of one's own to the events of one's tenant, as of exactly one position.

No text of a memory is in any table. An administrator asks all rows of the tenant; everybody else asks those that they
may see (adapters/analytics/visibility.py), of which a session is made that has no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnemolog.adapters.analytics.limits import QueryLimits
from mnemolog.adapters.analytics.macros import macros
from mnemolog.adapters.analytics.queries import Found, Session, UnusableSession
from mnemolog.adapters.analytics.schema import ENVELOPE, EVENT, tables
from mnemolog.adapters.analytics.segments import SegmentFolder
from mnemolog.adapters.postgres.verify import rows_of
from mnemolog.api.accesses import audited, current
from mnemolog.api.moments import At, moment_of
from mnemolog.api.parts import Parts
from mnemolog.api.query_answers import NamedColumn, QueryAnswer, QueryMacro, QueryTable, QueryTables
from mnemolog.api.segments import installed, segment_folder
from mnemolog.api.viewing import check_still_visible, viewer_of
from mnemolog.domain.content import check_text
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, QueryRefused, Unavailable

if TYPE_CHECKING:
    from mnemolog.adapters.analytics.cache import AnalyticsCache
    from mnemolog.adapters.analytics.visibility import Viewer

ROWS = QueryLimits().rows
MOST_ROWS = 1_000_000
MOST_RECENT = 1_000_000  # events that are read from the log for one query
ATTEMPTS = 2


@audited("analytics")
class Analytics:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._segments = SegmentFolder(segment_folder(parts.settings))

    def tables(self) -> QueryTables:
        """What can be asked: the tables with their columns, and the macros."""
        named = {EVENT: ENVELOPE, **{name: table.columns for name, table in tables().items()}}
        return QueryTables(
            tables=[
                QueryTable(name, [NamedColumn(each.name, each.type) for each in columns])
                for name, columns in named.items()
            ],
            macros=[QueryMacro(each.signature, each.description) for each in macros()],
        )

    def query(self, sql: str, *, at: At = None, limit: int = ROWS, seconds: float | None = None) -> QueryAnswer:
        """One question in DuckDB's SQL, of the events up to now or up to `at`; at most `limit` rows of the answer.

        Who may see what is always as of now. Raises QueryRefused, QueryTimedOut, QueryTooLarge, InvalidText, Invalid,
        InvalidPosition, Conflict when something was taken from the caller meanwhile, SegmentCorrupted,
        ProjectionBehind, and Unavailable also where DuckDB is not installed, and while there are too many queries.
        """
        check_text("sql", sql)
        limits = self._limits(limit, seconds)
        with installed(), self._parts.queries.turn():
            position = self._position(at)
            viewer = viewer_of(self._parts, self._caller, position)
            try:
                found = self._found(sql, position, viewer, limits)
            finally:  # why a query is refused may tell something of rows, too
                check_still_visible(self._parts, self._caller, viewer)
        current().ran(sql, position)
        return QueryAnswer(table=found.table, types=found.types, position=position, truncated=found.truncated)

    def _limits(self, rows: int, seconds: float | None) -> QueryLimits:
        settings = self._parts.settings
        longest = settings.query_seconds
        if not 1 <= rows <= MOST_ROWS:
            raise Invalid(reason=f"limit must be between 1 and {MOST_ROWS}, not {rows}")
        if seconds is not None and not 0 < seconds <= longest:
            raise Invalid(reason=f"a query may take more than 0 and up to {longest:g} seconds, not {seconds:g}")
        return QueryLimits(seconds=seconds or longest, rows=rows, memory_bytes=settings.query_memory_bytes)

    def _position(self, at: At) -> int:
        """What this process has answered so far is in the log by then."""
        self._parts.trail.flush()
        return self._parts.log.head() if at is None else moment_of(self._parts, self._caller, at).position

    def _found(self, sql: str, position: int, viewer: Viewer | None, limits: QueryLimits) -> Found:
        """A cache that cannot be read is made anew, once."""
        from mnemolog.adapters.analytics.cache import AnalyticsCache

        cache = AnalyticsCache(segment_folder(self._parts.settings).parent, self._caller.tenant_id)
        for attempt in range(ATTEMPTS):
            try:
                return self._parts.queries.ask(self._session(cache, position, viewer), sql, limits)
            except UnusableSession as unusable:
                damaged = cache.thrown_away_if_damaged()
                if unusable.prepared and not damaged:
                    raise QueryRefused(reason="it needs what is not in the tables", sql=sql) from None
                if attempt == ATTEMPTS - 1:
                    raise Unavailable(reason="the tables for this query cannot be made") from unusable
        raise AssertionError("unreachable")  # pragma: no cover

    def _session(self, cache: AnalyticsCache, position: int, viewer: Viewer | None) -> Session:
        from mnemolog.adapters.analytics.reading import read_events
        from mnemolog.adapters.analytics.segmenting import check_bound, head_of
        from mnemolog.adapters.analytics.session import Rows, everything
        from mnemolog.adapters.analytics.visibility import permitted

        dsn = str(self._parts.application.datastore.pool.conninfo)
        with rows_of(self._parts.application.log_recorder) as ask:
            check_bound(ask, self._segments, head_of(ask))
        held = cache.brought_up(self._segments)
        reached = 0 if held is None else held.reached
        if position - reached > MOST_RECENT:
            reason = f"{position - reached} events are in no segment yet; run `mnemolog segments write`"
            raise Unavailable(reason=reason)
        recent = read_events(dsn, reached, position, self._caller.tenant_id)
        rows = Rows(held, recent, position)
        return everything(rows) if viewer is None else permitted(rows, viewer)
