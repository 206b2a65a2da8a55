"""What one query may use, and how its process is held to that by the kernel."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024
# Besides what DuckDB counts: the interpreter, its libraries, the stacks of threads, an answer on its way out. Address
# space, most of which is never touched.
OVERHEAD_BYTES = 3072 * MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """`rows` and `answer_bytes` are those of the answer: with more rows it is cut, with more bytes refused."""

    seconds: float = 30.0
    rows: int = 10_000
    answer_bytes: int = 32 * MEBIBYTE
    memory_bytes: int = 1024 * MEBIBYTE
    threads: int = 2


def confine(limits: QueryLimits) -> None:
    """Time and memory of this process. Of its own will it never comes back out."""
    import resource  # Windows has none, and must be able to import this package in order to be refused

    seconds = int(limits.seconds * limits.threads) + 10
    _lower(resource.RLIMIT_CPU, seconds)
    _lower(resource.RLIMIT_AS, limits.memory_bytes + OVERHEAD_BYTES)
    _lower(resource.RLIMIT_CORE, 0)  # what is in its memory stays there


def cut_off() -> None:
    """From here on this process opens no file and writes none, whatever the SQL finds to talk DuckDB into.

    DuckDB's own settings are not enough: it goes on allowing the file of an attached database and, beside it, the
    names of its write-ahead log, so that `WITH x AS (COPY ... TO ...)` could leave one there.
    """
    import resource

    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, 0)


def _lower(kind: int, value: int) -> None:
    import resource

    hard = resource.getrlimit(kind)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (most, most))
