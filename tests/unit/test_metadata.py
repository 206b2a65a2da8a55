from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.metadata import (
    MAX_SOURCES,
    MAX_TAGS,
    TRUST,
    Description,
    Governance,
    MemoryType,
    Sensitivity,
    Source,
    Standing,
    Visibility,
    join,
)
from mnemolog.domain.refusals import InvalidMetadata, InvalidText
from tests.unit.examples import ALICE, BOB, CAROL, HOUR, NOW, OWNER, SESSIONS, descriptions, governance, governances

few = st.lists(governances(), min_size=2, max_size=3)


def joined(labels: list[Governance]) -> Governance | None:
    """The join as what it means, without the order of its sets; None when it is refused."""
    try:
        result = join(labels, CAROL)
    except InvalidMetadata:
        return None
    return replace(result, purposes=tuple(sorted(result.purposes)), access_control=tuple(sorted(result.access_control)))


def ruling(label: Governance | None) -> Governance | None:
    """A label without its kinds: of equally urgent parents, the first gives them."""
    return label and replace(label, memory_type=MemoryType.LONG_TERM, semantic_type=governance().semantic_type)


@given(descriptions)
def test_a_description_survives_json(description: Description) -> None:
    assert Description.from_json(json.loads(json.dumps(description.to_json()))) == description


@given(governances())
def test_a_governance_survives_json(label: Governance) -> None:
    assert Governance.from_json(json.loads(json.dumps(label.to_json()))) == label


@given(governances())
def test_recorded_labels_hold_plain_json_and_no_type_of_ours(label: Governance) -> None:
    assert {type(value) for value in label.to_json().values()} <= {str, int, float, list}


def test_a_label_recorded_before_a_field_existed_reads_with_its_default() -> None:
    assert Governance.from_json({"owner_id": str(OWNER)}) == governance()
    assert Description.from_json({}) == Description()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"priority": -1}, "priority"),
        ({"priority": 10}, "priority"),
        ({"confidence": -0.1}, "confidence"),
        ({"confidence": 1.1}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"visibility": Visibility.SESSION}, "visibility"),
        ({"valid_from": NOW, "valid_to": NOW}, "valid_to"),
        ({"valid_from": NOW, "valid_to": NOW - HOUR}, "valid_to"),
        ({"valid_from": NOW.replace(tzinfo=None)}, "valid_from"),
        ({"valid_to": NOW.replace(tzinfo=None)}, "valid_to"),
        ({"valid_from": NOW.replace(year=1)}, "valid_from"),
        ({"valid_to": NOW.replace(year=9999)}, "valid_to"),
        ({"purposes": tuple(map(str, range(MAX_TAGS + 1)))}, "purposes"),
    ],
    ids=str,
)
def test_a_label_that_makes_no_sense_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidMetadata, match=f"^{field} is not acceptable"):
        governance(**changes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": ""}, "key"),
        ({"speaker": "a\x00"}, "speaker"),
        ({"background": "\udc00"}, "background"),
        ({"tags": ("fine", "t" * 513)}, "tags"),
        ({"sources": (" ",)}, "sources"),
    ],
    ids=str,
)
def test_a_description_that_cannot_be_stored_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidText, match=f"^{field} cannot be stored"):
        Description(**changes)


@pytest.mark.parametrize(("field", "limit"), [("tags", MAX_TAGS), ("sources", MAX_SOURCES)])
def test_a_description_has_a_limited_number_of_labels(field: str, limit: int) -> None:
    labels = tuple(map(str, range(limit + 1)))
    assert getattr(Description(**{field: labels[:-1]}), field) == labels[:-1]  # type: ignore[arg-type]
    with pytest.raises(InvalidMetadata, match=f"{limit + 1} are given, and at most {limit} are accepted"):
        Description(**{field: labels})  # type: ignore[arg-type]


def test_trust_follows_from_the_source_and_every_source_has_its_trust() -> None:
    assert {source: Standing.of(source).trust for source in Source} == {**TRUST, Source.MERGE: 0.0}
    assert TRUST[Source.USER] > TRUST[Source.AGENT] > TRUST[Source.WEB] > TRUST[Source.IMPORT]


@given(st.sampled_from(Source), st.lists(st.floats(0, 1), min_size=1).map(tuple))
def test_what_is_merged_is_trusted_as_its_least_trusted_parent(source: Source, trust: tuple[float, ...]) -> None:
    assert Standing.of(source, trust) == Standing(trust=min(trust))


@given(st.floats(0, 1), st.integers(1, 200))
def test_corroborations_raise_trust_and_never_beyond_certainty(trust: float, times: int) -> None:
    standing = Standing(trust=trust)
    for _ in range(times):
        before, standing = standing, standing.corroborated()
        assert before.trust <= standing.trust <= 1
    assert standing.corroborations == times


# -- the labels of a merge


@given(few)
def test_a_merge_is_as_sensitive_as_its_most_sensitive_parent(labels: list[Governance]) -> None:
    if (result := joined(labels)) is not None:
        assert result.sensitivity == max(label.sensitivity for label in labels)


@given(few)
def test_a_merge_is_as_visible_as_its_least_visible_parent(labels: list[Governance]) -> None:
    order = [Visibility.SESSION, Visibility.PRIVATE, Visibility.CUBE, Visibility.TENANT]
    if (result := joined(labels)) is not None:
        assert order.index(result.visibility) == min(order.index(label.visibility) for label in labels)


@given(few)
def test_a_merge_serves_only_purposes_that_every_parent_serves(labels: list[Governance]) -> None:
    if (result := joined(labels)) is None:
        return
    limited = [set(label.purposes) for label in labels if label.purposes]  # no purpose named means any
    assert set(result.purposes) == (set.intersection(*limited) if limited else set())
    assert bool(result.purposes) == bool(limited)


@given(few)
def test_a_merge_is_shared_only_with_readers_of_every_parent(labels: list[Governance]) -> None:
    if (result := joined(labels)) is not None:
        assert set(result.access_control) == set.intersection(*(set(label.access_control) for label in labels))


@given(few)
def test_a_merge_is_valid_only_while_every_parent_is_and_as_sure_as_the_least_sure(labels: list[Governance]) -> None:
    if (result := joined(labels)) is None:
        return
    assert result.confidence == min(label.confidence for label in labels)
    assert all(
        label.valid_from is None or result.valid_from >= label.valid_from for label in labels if result.valid_from
    )
    assert all(label.valid_to is None or result.valid_to <= label.valid_to for label in labels if result.valid_to)
    assert (result.valid_from is None) == all(label.valid_from is None for label in labels)
    assert (result.valid_to is None) == all(label.valid_to is None for label in labels)


@given(few)
def test_the_labels_of_a_merge_do_not_depend_on_the_order_of_its_parents(labels: list[Governance]) -> None:
    results = [ruling(joined(list(order))) for order in permutations(labels)]
    assert all(result == results[0] for result in results)


@given(st.lists(governances(), min_size=3, max_size=3))
def test_merging_a_merge_labels_as_merging_all_at_once(labels: list[Governance]) -> None:
    first, second, third = labels
    pair = joined([first, second])
    assert ruling(pair and joined([pair, third])) == ruling(joined(labels))


@given(governances())
def test_merging_equals_changes_nothing_but_the_owner_and_the_source(label: Governance) -> None:
    assert join([label, label], ALICE) == replace(label, owner_id=ALICE, source=Source.MERGE)


@given(few)
def test_the_kind_of_a_merge_is_that_of_its_most_urgent_parent(labels: list[Governance]) -> None:
    if (result := joined(labels)) is not None:
        urgent = max(labels, key=lambda label: label.priority)
        assert (result.memory_type, result.semantic_type) == (urgent.memory_type, urgent.semantic_type)
        assert result.priority == urgent.priority


def test_purposes_without_a_common_one_cannot_be_merged_even_beside_one_for_any_purpose() -> None:
    care, billing, any_purpose = governance(purposes=("care",)), governance(purposes=("billing",)), governance()
    assert join([care, any_purpose], OWNER).purposes == ("care",)
    with pytest.raises(InvalidMetadata, match="no purpose in common"):
        join([care, any_purpose, billing], OWNER)


def test_a_session_memory_takes_a_wider_one_into_its_session() -> None:
    said = governance(visibility=Visibility.SESSION, session_id=SESSIONS[0])
    for wider in (governance(), governance(visibility=Visibility.TENANT, session_id=SESSIONS[1])):
        result = join([said, wider], OWNER)
        assert (result.visibility, result.session_id) == (Visibility.SESSION, SESSIONS[0])


def test_memories_of_two_sessions_cannot_be_merged() -> None:
    with pytest.raises(InvalidMetadata, match="of one session cannot be merged into another"):
        join([governance(visibility=Visibility.SESSION, session_id=session) for session in SESSIONS], OWNER)


def test_a_private_memory_and_one_of_a_session_cannot_be_merged_because_neither_label_is_narrow_enough() -> None:
    private = governance(visibility=Visibility.PRIVATE, session_id=SESSIONS[0])
    with pytest.raises(InvalidMetadata, match="visibility is not acceptable"):
        join([private, replace(private, visibility=Visibility.SESSION)], OWNER)


def test_memories_that_were_never_true_together_cannot_be_merged() -> None:
    with pytest.raises(InvalidMetadata, match="valid_to is not acceptable"):
        join([governance(valid_to=NOW), governance(valid_from=NOW)], OWNER)


def test_a_context_is_kept_only_when_it_is_that_of_every_parent() -> None:
    here, there, nowhere = governance(context_id=ALICE), governance(context_id=BOB), governance()
    assert join([here, here], OWNER).context_id == ALICE
    assert join([here, there], OWNER).context_id is None
    assert join([here, nowhere], OWNER).context_id is None


def test_a_merge_belongs_to_who_made_it_and_says_that_it_is_one() -> None:
    result = join([governance(source=Source.USER), governance(source=Source.WEB)], BOB)
    assert (result.owner_id, result.source) == (BOB, Source.MERGE)


def test_sensitivity_counts_from_public_to_secret() -> None:
    assert list(Sensitivity) == sorted(Sensitivity)
    assert Sensitivity.PUBLIC < Sensitivity.INTERNAL < Sensitivity.PERSONAL < Sensitivity.SECRET
