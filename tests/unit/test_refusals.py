from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from string import Formatter

import pytest

from mnemolog.domain import refusals
from mnemolog.domain.refusals import Refusal

# code: (HTTP status, exit code). Clients and scripts rely on these: a line is added, never edited.
PUBLISHED = {
    "refused": (409, 5),
    "invalid": (422, 2),
    "malformed_json": (400, 2),
    "duplicate_json_key": (400, 2),
    "unknown_field": (422, 2),
    "invalid_text": (422, 2),
    "invalid_metadata": (422, 2),
    "invalid_retention": (422, 2),
    "invalid_position": (422, 2),
    "invalid_cursor": (400, 2),
    "body_too_large": (413, 2),
    "unsupported_media_type": (415, 2),
    "query_refused": (422, 2),
    "query_timed_out": (422, 2),
    "query_too_large": (422, 2),
    "not_found": (404, 3),
    "memory_not_found": (404, 3),
    "cube_not_found": (404, 3),
    "principal_not_found": (404, 3),
    "memory_erased": (410, 3),
    "subject_erased": (410, 3),
    "denied": (403, 4),
    "not_authenticated": (401, 4),
    "insecure_binding": (403, 4),
    "conflict": (409, 5),
    "illegal_transition": (409, 5),
    "memory_frozen": (409, 5),
    "memory_not_editable": (409, 5),
    "memory_expired": (409, 5),
    "legal_hold": (409, 5),
    "subject_held": (409, 5),
    "stale_version": (412, 5),
    "version_conflict": (409, 5),
    "condition_failed": (409, 5),
    "idempotency_key_reused": (422, 5),
    "cannot_merge": (409, 5),
    "cannot_undo": (409, 5),
    "cannot_import": (422, 2),
    "answer_differs": (500, 6),
    "already_exists": (409, 5),
    "body_too_slow": (408, 7),
    "cannot_deactivate": (409, 5),
    "cannot_join": (409, 5),
    "too_many_requests": (429, 7),
    "migration_changed": (409, 5),
    "schema_missing": (409, 5),
    "verification_failed": (500, 6),
    "segment_corrupted": (500, 6),
    "view_differs": (500, 6),
    "model_rejected": (500, 6),
    "erased_keys_damaged": (500, 6),
    "bundle_corrupted": (422, 6),
    "proof_rejected": (422, 6),
    "malformed_note": (422, 6),
    "signature_rejected": (422, 6),
    "unavailable": (503, 7),
    "audit_unavailable": (503, 7),
    "store_unreachable": (503, 7),
    "postgres_not_found": (503, 7),
    "embedded_start_failed": (503, 7),
    "projection_behind": (503, 7),
    "embedder_unavailable": (503, 7),
    "reranker_unavailable": (503, 7),
    "key_unavailable": (503, 7),
    "signing_key_unavailable": (503, 7),
}


def tree(root: type[Refusal]) -> Iterator[type[Refusal]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


REFUSALS = sorted((r for r in tree(Refusal) if r.__module__.startswith(refusals.__name__)), key=lambda r: r.code)
every_refusal = pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: r.__name__)


def fields(refusal: type[Refusal]) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(refusal.__doc__ or "") if name]


def test_codes_statuses_and_exit_codes_are_the_published_ones() -> None:
    assert {refusal.code: (refusal.status, refusal.exit_code) for refusal in REFUSALS} == PUBLISHED


def test_every_code_names_one_refusal() -> None:
    assert len({refusal.code for refusal in REFUSALS}) == len(REFUSALS)


@every_refusal
def test_a_refusal_has_a_code_of_its_own_that_can_end_an_address(refusal: type[Refusal]) -> None:
    assert "code" in vars(refusal)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.code)


@every_refusal
def test_a_refusal_is_an_error_over_http_and_on_the_command_line(refusal: type[Refusal]) -> None:
    assert 400 <= refusal.status < 600
    assert refusal.exit_code in range(2, 8)  # 0 is success, and 1 what Python returns for a crash


@every_refusal
def test_a_message_says_every_fact_and_keeps_none_of_its_braces(refusal: type[Refusal]) -> None:
    facts = {name: f"<{name}>" for name in fields(refusal)}
    message = str(refusal(**facts))
    assert message
    assert all(fact in message for fact in facts.values())
    assert not set("{}") & set(message)


@every_refusal
def test_a_message_is_a_sentence_without_the_indent_of_its_docstring(refusal: type[Refusal]) -> None:
    message = str(refusal(**{name: "x" for name in fields(refusal)}))
    assert message == inspect.cleandoc(message)
    assert "\n " not in message


def test_facts_stay_available_to_programs() -> None:
    facts = {"state": "erased", "target": "activated"}
    assert refusals.IllegalTransition(**facts).facts == facts


def test_a_fact_with_braces_is_told_as_it_is() -> None:
    assert str(refusals.UnknownField(field="{text}")) == "'{text}' is not a field of this request."


def test_a_title_is_the_code_in_words() -> None:
    assert refusals.MemoryIsFrozen(memory_id=1).title == "Memory frozen"


def test_a_fact_that_is_missing_is_noticed_where_the_refusal_is_made() -> None:
    with pytest.raises(KeyError, match="memory_id"):
        refusals.LegalHold()


def test_what_may_not_be_read_looks_like_what_is_not_there() -> None:
    assert issubclass(refusals.MemoryNotFound, refusals.NotFound)
    assert not issubclass(refusals.MemoryNotFound, refusals.Denied)
