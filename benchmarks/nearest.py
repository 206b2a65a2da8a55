"""The nearest vectors by an index, and under filters, also such that have to do with the question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from statistics import fmean

import numpy as np

from benchmarks.corpus import ASKED, CUBE, HITS, Corpus, against_scan, top
from benchmarks.figure import Figure
from mnemolog.projections.nearest import NearestRows
from mnemolog.projections.signals import NEAR_LEAST
from mnemolog.projections.vector_index import Mask, VectorIndex
from mnemolog.projections.wordings import Rows

HIDDEN = 0.03


def nearest(corpus: Corpus, indexed: NearestRows, index: VectorIndex) -> Iterator[Figure]:
    """Ten of the nearest as recall finds them, and as many candidates as it asks for. Then the ten without looking up
    which rows are permitted, and at last also without the mean and the deviation of all.
    """
    rows, everyone = np.arange(corpus.size), np.ones(corpus.size, np.bool_)
    for k, slowest in ((HITS, 1 / 20), (NEAR_LEAST, None)):
        search, name = partial(found, corpus, rows=rows, k=k), f"index, {k} candidates of {corpus.size:,}"
        right = fmean(share(search(number), corpus.scan(number)) for number in range(ASKED))
        yield Figure.at_least(0.98, f"{name}: recall@{HITS}", right, "share")
        yield from against_scan(corpus, name, search, slowest)

    def all_permitted(number: int) -> Rows:
        near = indexed.candidates(corpus.cells, everyone, corpus.asked[number], HITS)
        return rows[:0] if near is None else corpus.nearest_of(number, near.rows)

    def alone(number: int) -> Rows:
        return corpus.nearest_of(number, index.search(corpus.asked[number], HITS))

    for label, answer in (("all permitted", all_permitted), ("the index alone", alone)):
        yield from against_scan(corpus, f"index, {HITS} candidates of {corpus.size:,}, {label}", answer)


def filtered(corpus: Corpus) -> Iterator[Figure]:
    """A hundredth at random, which is compared without an index; and filters that have to do with the question."""
    drawn = np.sort(np.random.default_rng(1).choice(corpus.size, corpus.size // 100, replace=False))
    name = f"a filter that 1 % of {corpus.size:,} pass"
    yield from against_scan(corpus, name, lambda number: found(corpus, number, drawn, HITS), 1 / 20)
    for label, passing in FILTERS.items():
        shares, indexed = list[float](), 0
        for number in range(ASKED):
            mask, query = passing(corpus, number), corpus.asked[number]
            rows, exact = np.flatnonzero(mask), top(np.where(mask, corpus.cells @ query, -np.inf))
            indexed += corpus.views.vectors.near(CUBE, query, rows, HITS) is not None
            shares.append(share(found(corpus, number, rows, HITS), exact))
        yield Figure.at_least(0.95, f"filter, {label}: recall@{HITS}", fmean(shares), "share")
        yield Figure(f"filter, {label}: answered by the index", indexed / ASKED, "share")


def found(corpus: Corpus, number: int, rows: Rows, k: int) -> Rows:
    """The nearest of `rows`, as recall finds them: by the index, or where that declines, by comparing all of them."""
    view, query = corpus.views.vectors, corpus.asked[number]
    near = view.near(CUBE, query, rows, k)
    compared = rows if near is None else rows[near.places]
    return compared[top(view.products(CUBE, query, compared))]


def share(found: Rows, right: Rows) -> float:
    return len(np.intersect1d(found, right)) / len(right)


def _one_user(corpus: Corpus, number: int) -> Mask:
    own: Mask = corpus.clusters == corpus.asked_clusters[number]
    return own


def _other_users(corpus: Corpus, number: int) -> Mask:
    others: Mask = corpus.clusters % 3 != corpus.asked_clusters[number] % 3
    return others


def _without_cluster(corpus: Corpus, number: int) -> Mask:
    return ~_one_user(corpus, number)


def _without_nearest(corpus: Corpus, number: int, step: int = 1) -> Mask:
    passing = np.ones(corpus.size, np.bool_)
    passing[top(corpus.cells @ corpus.asked[number], int(HIDDEN * corpus.size))[::step]] = False
    return passing


def _without_every_second(corpus: Corpus, number: int) -> Mask:
    return _without_nearest(corpus, number, 2)


def _without_some(corpus: Corpus, number: int) -> Mask:
    passing: Mask = np.random.default_rng(number).random(corpus.size) > HIDDEN
    return passing


FILTERS: Mapping[str, Callable[[Corpus, int], Mask]] = {
    "the items of one user, who asks about them": _one_user,
    "those of two thirds of the users, but not of the one asked about": _other_users,
    "all but the nearest cluster": _without_cluster,
    f"all but the nearest {HIDDEN:.0%}": _without_nearest,
    f"all but every second of the nearest {HIDDEN:.0%}": _without_every_second,
    f"all but {HIDDEN:.0%} at random": _without_some,
}
