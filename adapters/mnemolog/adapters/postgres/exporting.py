"""The log as the lines of an export (export_file.py), read a page at a time."""

from __future__ import annotations

from collections.abc import Iterator

from mnemolog.adapters.export_file import event_line, header_line
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import Rows, StoredHashes
from mnemolog.adapters.postgres.verify import PAGE, hashes_page
from mnemolog.domain.checkpoints import origin_of
from mnemolog.domain.merkle import Frontier


def log_origin(rows: Rows) -> str | None:
    """The name of the log; an empty one has none."""
    found = rows(QUERIES["first_leaf"], {})
    return origin_of(found[0][0]) if found else None


def exported(rows: Rows, first: int, last: int) -> Iterator[bytes]:
    """The appends that hold the positions from `first` to `last`. Raises VerificationFailed for what cannot be read."""
    links = rows(QUERIES["link"], {"position": first - 1})
    position, link = links[0] if links else (0, b"")
    ends = rows(QUERIES["append_end"], {"position": last})
    end = ends[0][0] if ends else last
    yield header_line(log_origin(rows) or "", end, link, Frontier.resumed(StoredHashes(rows), position))
    while page := [row for row in hashes_page(rows, position, PAGE) if row[0] <= end]:
        for row in page:
            yield event_line(row)
        position = page[-1][0]
