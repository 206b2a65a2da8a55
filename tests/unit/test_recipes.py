from __future__ import annotations

from dataclasses import asdict
from math import inf, nan

import pytest

from mnemolog.domain.refusals import Invalid
from mnemolog.projections.recipes import MAX_WEIGHT, RECIPES, SIGNALS, Recipe, recipe, weighed


def test_the_recipes_are_the_documented_ones() -> None:
    assert {name: {s: w for s, w in asdict(each).items() if w} for name, each in RECIPES.items()} == {
        "dialogue": {
            "vector": 0.6,
            "terms": 0.4,
            "previous": 0.4,
            "following": 0.3,
            "near": 0.2,
            "context": 0.4,
            "subject": 2.0,
            "date": 1.0,
        },
        "documents": {"vector": 0.6, "terms": 0.4},
        "graph": {"vector": 0.6, "terms": 0.4, "subject": 2.0, "date": 1.0, "related": 1.0},
        "keyword": {"terms": 1.0},
        "meaning": {"vector": 1.0},
    }


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_can_be_given_as_weights_too(name: str) -> None:
    assert weighed(asdict(recipe(name))) == recipe(name)


def test_what_is_not_named_weighs_nothing() -> None:
    assert weighed({"terms": 2, "date": MAX_WEIGHT}) == Recipe(terms=2, date=MAX_WEIGHT)
    assert not any(asdict(weighed({})).values())


@pytest.mark.parametrize("name", ["", "Dialogue", "magic", "recipe"])
def test_a_recipe_that_does_not_exist_is_refused_with_those_that_do(name: str) -> None:
    with pytest.raises(Invalid, match="dialogue, documents, graph, keyword, meaning"):
        recipe(name)


@pytest.mark.parametrize("signal", ["smell", "neighbours", ""])
def test_a_signal_that_does_not_exist_is_refused_with_those_that_do(signal: str) -> None:
    with pytest.raises(Invalid, match=", ".join(SIGNALS)):
        weighed({signal: 1.0})


@pytest.mark.parametrize("weight", [-0.1, nan, inf, -inf, 1000.1, 1e308])
def test_a_weight_is_a_number_between_0_and_1000(weight: float) -> None:
    with pytest.raises(Invalid, match="between 0 and 1000"):
        weighed({"terms": weight})
