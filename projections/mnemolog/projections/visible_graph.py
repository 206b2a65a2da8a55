"""From the edges that hold to the graph that one caller sees. What is hidden is left out before anything is derived."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.projections.cube_edges import MENTIONS, NEXT, POSSIBLE, SAME_CONTEXT, Table
from mnemolog.projections.graph import Graph
from mnemolog.projections.wordings import Rows


def visible_graph(cube_id: UUID, key: Hashable, held: Table, members: Rows, entities: int) -> Graph:
    """`held` are rows of EDGE, `members` (m,) the numbers of the visible memories, ascending; `entities` counts all."""
    edges = _resolved(_between(held, members), entities)
    edges = np.concatenate([edges, _following(edges)])
    contexts = _as_they_appear(edges["target"][edges["relation"] == SAME_CONTEXT])
    named = _as_they_appear(edges["target"][edges["relation"] == MENTIONS])
    return Graph(
        cube_id,
        key,
        members,
        contexts,
        named,
        _places(edges["source"], members, 0),
        _target_places(edges, members, contexts, named),
        edges["relation"],
        edges["weight"],
        edges["since"],
    )


def _between(held: Table, members: Rows) -> Table:
    """Those from a visible memory to another, to a context or to a name."""
    elsewhere = np.isin(held["relation"], (SAME_CONTEXT, MENTIONS, POSSIBLE))
    shown = np.zeros(1 + max(held["source"].max(initial=-1), held["target"].max(initial=-1), *members[-1:]), np.bool_)
    shown[members] = True
    between: Table = held[shown[held["source"]] & (elsewhere | shown[held["target"]])]
    return between


def _resolved(edges: Table, entities: int) -> Table:
    """A possible mention is one if, among what is visible now, another wording surely mentions the name."""
    certain = np.zeros(entities, np.bool_)
    certain[edges["target"][edges["relation"] == MENTIONS]] = True
    possible = edges["relation"] == POSSIBLE
    known = np.ones(len(edges), np.bool_)
    known[possible] = certain[edges["target"][possible]]
    edges["relation"][possible] = MENTIONS
    return edges[known]


def _following(edges: Table) -> Table:
    """An edge from each memory to the one born after it in its context, made when the later of both came there.

    What is hidden between two is skipped, or its absence would show.
    """
    inside = edges[edges["relation"] == SAME_CONTEXT]
    inside = inside[np.lexsort((inside["source"], inside["target"]))]
    joined = inside["target"][1:] == inside["target"][:-1]
    earlier, later = inside[:-1][joined], inside[1:][joined]
    steps: Table = earlier.copy()
    steps["since"] = np.maximum(earlier["since"], later["since"])
    steps["target"], steps["relation"] = later["source"], NEXT
    return steps


def _as_they_appear(numbers: NDArray[Any]) -> Rows:
    """Each once, in the order of its first edge: numbers themselves would tell how many others came before."""
    different, first = np.unique(numbers, return_index=True)
    return different[np.argsort(first)].astype(np.intp)


def _target_places(edges: Table, members: Rows, contexts: Rows, named: Rows) -> Rows:
    relation, targets = edges["relation"], edges["target"]
    places = np.empty(len(edges), np.intp)
    in_context, is_named = relation == SAME_CONTEXT, relation == MENTIONS
    between = ~(in_context | is_named)
    places[between] = _places(targets[between], members, 0)
    places[in_context] = _places(targets[in_context], contexts, len(members))
    places[is_named] = _places(targets[is_named], named, len(members) + len(contexts))
    return places


def _places(numbers: NDArray[Any], nodes: Rows, first: int) -> Rows:
    """The places of these nodes, of which the first has place `first`."""
    lookup = np.zeros(1 + nodes.max(initial=-1), np.intp)
    lookup[nodes] = np.arange(first, first + len(nodes))
    places: Rows = lookup[numbers]
    return places
