"""Each is a mistake that somebody could make. `old` stands in its file exactly once; a unit test says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


DOMAIN, PROJECTIONS = "domain/mnemolog/domain", "projections/mnemolog/projections"
ADAPTERS, API = "adapters/mnemolog/adapters", "api/mnemolog/api"

MUTANTS = (
    Mutant(
        "the last check at the exit is skipped",
        f"{API}/disclosure.py",
        "        and check.allows(row)\n",
        "        and (check.allows(row) or True)\n",
        (
            "tests/integration/test_grants.py",
            "tests/integration/test_graph.py",
            "tests/acceptance/test_rest_memories.py",
        ),
    ),
    Mutant(
        "another tenant is let in",
        f"{DOMAIN}/permissions.py",
        "if caller.tenant_id != memory.tenant_id or memory.tenant_id != cube.tenant_id:",
        "if memory.tenant_id != cube.tenant_id:",
        ("tests/unit/test_permissions.py",),
    ),
    Mutant(
        "a deny does not beat a permit",
        f"{DOMAIN}/permissions.py",
        "if reaches.read.denies(memory) or reaches.action.denies(memory):",
        "if reaches.read.denies(memory) and not reaches.read.permits(memory):",
        ("tests/unit/test_policy.py", "tests/unit/test_permissions.py"),
    ),
    Mutant(
        "purposes bind nobody",
        f"{DOMAIN}/permissions.py",
        "return not memory.purposes or caller.principal_id == memory.owner_id or caller.purpose in memory.purposes",
        "return True",
        ("tests/unit/test_permissions.py", "tests/unit/test_policy.py", "tests/unit/test_scopes.py"),
    ),
    Mutant(
        "a grant lasts one moment too long",
        f"{DOMAIN}/grants.py",
        "return begun and (self.expires_at is None or now < self.expires_at)",
        "return begun and (self.expires_at is None or now <= self.expires_at)",
        ("tests/unit/test_policy.py",),
    ),
    Mutant(
        "a grant outlives the one that it was made from",
        f"{DOMAIN}/policy.py",
        "if parent is None or len(found) >= LONGEST_CHAIN:",
        "if parent is None:\n                return tuple(found)\n            if len(found) >= LONGEST_CHAIN:",
        ("tests/unit/test_policy.py",),
    ),
    Mutant(
        "an agent may do what its user may not",
        f"{DOMAIN}/policy.py",
        "return caller, person",
        "return (caller,)",
        ("tests/unit/test_policy.py",),
    ),
    Mutant(
        "the mask forgets single denies",
        f"{PROJECTIONS}/permission_mask.py",
        "        mask &= ~_denied(cube, reach, labels)\n",
        "",
        ("tests/unit/test_permission_mask.py", "tests/unit/test_scopes.py"),
    ),
    Mutant(
        "a session's memories are shown in every session",
        f"{PROJECTIONS}/permission_mask.py",
        "open_to_cube |= (visibility == SESSION) & _same_session(cube, caller, labels)",
        "open_to_cube |= visibility == SESSION",
        ("tests/unit/test_scopes.py",),
    ),
    Mutant(
        "what has just expired is still recalled",
        f"{PROJECTIONS}/scopes.py",
        'codes.drop("expired", expires <= moment)',
        'codes.drop("expired", expires < moment)',
        ("tests/unit/test_scopes.py",),
    ),
    Mutant(
        "quarantine is open to everybody",
        f"{PROJECTIONS}/scopes.py",
        'codes.drop("quarantined", (state == STATES.index(State.GENERATED)) & ~own)',
        'codes.drop("quarantined", (state == STATES.index(State.GENERATED)) & own)',
        ("tests/unit/test_scopes.py",),
    ),
    Mutant(
        "an audience is kept although the cube has changed",
        f"{PROJECTIONS}/audience.py",
        "if kept is not None and kept.versions == versions and kept.since <= now < kept.audience.permitted.until:",
        "if kept is not None and kept.since <= now < kept.audience.permitted.until:",
        ("tests/unit/test_recall.py",),
    ),
    Mutant(
        "an audience is kept past the next expiry",
        f"{PROJECTIONS}/audience.py",
        "and kept.since <= now < kept.audience.permitted.until:",
        "and kept.since <= now:",
        ("tests/unit/test_recall.py",),
    ),
    Mutant(
        "the graph walks over what is hidden",
        f"{PROJECTIONS}/edges.py",
        "shown = _shown(cube, permitted, at)\n            key,",
        "shown = np.ones(cube.born_by(at), np.bool_)\n            key,",
        ("tests/unit/test_edges.py",),
    ),
    Mutant(
        "an erasure leaves the files of its cube",
        f"{PROJECTIONS}/cube_fold.py",
        "if event.type == Memory.Erased.TOPIC and self.wakener is not None:",
        "if event.type == Memory.Erased.TOPIC and self.wakener is None:",
        ("tests/unit/test_residence.py",),
    ),
    Mutant(
        "a state is admitted although an event was passed over",
        f"{PROJECTIONS}/cube_fold.py",
        "if self._passed.get(cube_id, 0) > max(upto, draft.position):",
        "if self._passed.get(cube_id, 0) > 10**18:",
        ("tests/unit/test_residence.py",),
    ),
    Mutant(
        "a kept state of another log is continued",
        f"{PROJECTIONS}/residence.py",
        "return saved.position == 0 or (last is not None and stamp(last) == saved.stamp)",
        "return True",
        ("tests/unit/test_residence.py",),
    ),
    Mutant(
        "erased words stay in the index of words",
        f"{PROJECTIONS}/terms.py",
        "self._drop(self._words[place], row)",
        "pass",
        ("tests/unit/test_terms.py",),
    ),
    Mutant(
        "leaves and nodes of the tree are hashed alike",
        f"{DOMAIN}/merkle.py",
        'b"\\x01"',
        'b"\\x00"',
        ("tests/unit/test_merkle.py",),
    ),
    Mutant(
        "what somebody may not read is in their rows",
        f"{ADAPTERS}/analytics/visibility.py",
        'OF_MEMORIES = f"(memory_id IN (FROM recent.{READABLE}) OR {OWN})"',
        'OF_MEMORIES = "true"',
        ("tests/integration/test_analytics_session.py",),
    ),
    Mutant(
        "a guest's session keeps the file with everybody's rows",
        f"{ADAPTERS}/analytics/visibility.py",
        '    if rows.held is not None:\n        yield "DETACH cache"',
        '    if rows.held is None:\n        yield "SELECT 1"',
        ("tests/integration/test_analytics_session.py",),
    ),
    Mutant(
        "links of the chain in segments are not made again",
        f"{ADAPTERS}/analytics/verifying.py",
        "if chain(self._link, first, moment, self._leaves) != link:",
        "if link is None:",
        ("tests/integration/test_segments.py",),
    ),
    Mutant(
        "scores of recorded answers are not compared",
        f"{API}/asked_again.py",
        "if was != is_now:",
        'if was != is_now and name != "score":',
        ("tests/integration/test_recorded_answers.py",),
    ),
    Mutant(
        "what was made from a retracted memory stays",
        f"{DOMAIN}/taking_back.py",
        "        return Cause.DERIVED",
        "        return None",
        ("tests/unit/test_taking_back.py",),
    ),
    Mutant(
        "what one may not see is undone too",
        f"{API}/undoing.py",
        'raise Denied(action="undo this: a part of it is hidden from it")',
        "continue",
        ("tests/integration/test_undo.py",),
    ),
    Mutant(
        "proofs in a dump are not looked at",
        f"{ADAPTERS}/bundle_events.py",
        'verify_inclusion(row[PLACES["leaf"]], row[0] - 1, checkpoint.size, proof, checkpoint.root)',
        "pass",
        ("tests/unit/test_bundle_files.py",),
    ),
)
