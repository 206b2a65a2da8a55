from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.cube import (
    DEFAULT_CAPACITIES,
    MAX_CAPACITY,
    MAX_CORROBORATIONS,
    Cube,
    CubeConfig,
    Gate,
    check_name,
)
from mnemolog.domain.metadata import MemoryType
from mnemolog.domain.refusals import Invalid, InvalidMetadata, InvalidText
from tests.unit.examples import OWNER, SUBJECT, TENANT, facts_of, fold, labels, names

configs = st.builds(
    CubeConfig,
    gate=st.sampled_from(Gate),
    corroborations=st.integers(1, MAX_CORROBORATIONS),
    capacities=st.dictionaries(st.sampled_from(MemoryType), st.integers(1, MAX_CAPACITY)),
    default_ttl_seconds=st.none() | st.floats(0, 1e11, exclude_min=True, exclude_max=True),
    models=st.dictionaries(labels, labels, max_size=3),
)


def kitchen(**config: Any) -> Cube:
    return Cube.found(tenant_id=TENANT, name="kitchen", owner_id=OWNER, subject_id=SUBJECT, config=CubeConfig(**config))


def test_a_new_cube_has_one_owner_and_the_default_rules() -> None:
    cube = kitchen()
    assert (cube.tenant_id, cube.owner_id, cube.subject_ids) == (TENANT, OWNER, (SUBJECT,))
    assert cube.config == CubeConfig()
    assert cube.config.gate is Gate.OWNER


def test_the_default_capacities_are_those_of_the_memos_paper() -> None:
    assert {kind.value: size for kind, size in DEFAULT_CAPACITIES.items()} == {
        "working": 20,
        "long_term": 1500,
        "user": 480,
    }


@given(configs)
def test_a_config_survives_json(config: CubeConfig) -> None:
    assert CubeConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@given(configs)
def test_a_recorded_config_holds_plain_json_and_no_type_of_ours(config: CubeConfig) -> None:
    plain = config.to_json()
    assert {type(key) for key in plain["capacities"]} <= {str}
    assert type(plain["gate"]) is str


def test_a_config_recorded_before_a_setting_existed_reads_with_its_default() -> None:
    assert CubeConfig.from_json({"gate": "open"}) == CubeConfig(gate=Gate.OPEN, capacities={})


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"corroborations": 0}, "corroborations"),
        ({"corroborations": 2**63}, "corroborations"),
        ({"capacities": {MemoryType.USER: 0}}, "capacities"),
        ({"capacities": {MemoryType.USER: 2**63}}, "capacities"),
        ({"default_ttl_seconds": 0.0}, "default_ttl_seconds"),
        ({"default_ttl_seconds": -1.0}, "default_ttl_seconds"),
        ({"default_ttl_seconds": float("nan")}, "default_ttl_seconds"),
        ({"default_ttl_seconds": float("inf")}, "default_ttl_seconds"),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_kept_is_refused(config: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidMetadata, match=f"^{field} is not acceptable"):
        CubeConfig(**config)


@pytest.mark.parametrize("models", [{"embedder": "a\x00"}, {"\udc00": "minilm"}, {"embedder": ""}])
def test_a_name_of_a_model_that_cannot_be_stored_is_refused(models: dict[str, str]) -> None:
    with pytest.raises(InvalidText, match="models cannot be stored"):
        CubeConfig(models=models)


@pytest.mark.parametrize("name", ["a", "0", "team-7_notes", "k" * 63])
def test_a_name_is_an_address(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a.b", "a/b", "é", "k" * 64, "a\n", "a\x00"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="a name has 1 to 63 of the characters"):
        check_name(name)
    with pytest.raises(Invalid):
        Cube.found(tenant_id=TENANT, name=name, owner_id=OWNER, subject_id=SUBJECT)


def test_a_change_of_the_rules_is_recorded_and_the_same_rules_again_are_not() -> None:
    cube = kitchen()
    cube.configure(CubeConfig(gate=Gate.OPEN))
    cube.configure(CubeConfig(gate=Gate.OPEN))
    assert cube.config.gate is Gate.OPEN
    assert names(cube) == ["founded", "configured"]


@given(st.lists(configs, max_size=4))
def test_a_cube_is_what_its_events_say(changes: list[CubeConfig]) -> None:
    cube = kitchen()
    for config in changes:
        cube.configure(config)
    assert facts_of(fold(cube.pending_events)) == facts_of(cube)


def test_cubes_do_not_share_their_capacities() -> None:
    kitchen().config.capacities[MemoryType.TOOL] = 1
    assert MemoryType.TOOL not in kitchen(gate=Gate.OPEN).config.capacities
    assert MemoryType.TOOL not in CubeConfig().capacities


@pytest.mark.parametrize("name", ["01a20738-832b-71c8-9fa8-b17dc0b4518f", "01a20738832b71c89fa8b17dc0b4518f"])
def test_a_name_that_looks_like_an_id_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="looks like an id"):
        check_name(name)
