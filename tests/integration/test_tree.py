"""The stored tree: what is read of it is what the leaves make, and nobody changes what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tree import GrowingTree, StoredHashes, to_store
from mnemolog.adapters.postgres.verify_evidence import verify_evidence
from mnemolog.domain.merkle import Frontier, HashLevels, Subtree, prove_consistency, prove_inclusion, root_of
from mnemolog.domain.refusals import Invalid, VerificationFailed
from tests.databases import database, superuser
from tests.sealed_logs import grow, opened_application, seal, unprotected

EVENTS = 780  # three full tiles and a part of the fourth


@pytest.fixture(scope="module")
def sealed(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with database(server) as dsn:
        with opened_application(dsn) as application:
            grow(application, EVENTS)
        assert seal(dsn, tmp_path_factory.mktemp("home") / "checkpoints") == EVENTS
        yield dsn


@pytest.fixture(scope="module")
def tree(sealed: str) -> Iterator[GrowingTree]:
    with closing(GrowingTree(sealed)) as tree:
        yield tree


@pytest.fixture(scope="module")
def levels(tree: GrowingTree) -> HashLevels:
    return HashLevels(leaf for _, leaf, _ in tree.leaves(0, EVENTS))


def test_there_is_one_row_for_256_events(tree: GrowingTree) -> None:
    assert tree.rows(QUERIES["tree_shape"], {}) == [(8, 3, 3)]
    assert tree.size() == 768


@given(data=st.data(), size=st.integers(1, EVENTS))
def test_roots_and_proofs_are_those_of_the_leaves(
    data: st.DataObject, size: int, tree: GrowingTree, levels: HashLevels
) -> None:
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert root_of(tree.hashes, size) == root_of(levels, size)
    assert prove_inclusion(tree.hashes, index, size) == prove_inclusion(levels, index, size)
    assert prove_consistency(tree.hashes, first, size) == prove_consistency(levels, first, size)


def test_every_complete_subtree_can_be_read(tree: GrowingTree, levels: HashLevels) -> None:
    subtrees = [Subtree(level, index) for level in range(10) for index in range(EVENTS >> level)]
    assert tree.hashes.read(subtrees) == levels.read(subtrees)


@pytest.mark.parametrize("subtree", [Subtree(0, EVENTS), Subtree(3, 97), Subtree(8, 3), Subtree(9, 1), Subtree(10, 0)])
def test_a_subtree_that_is_not_complete_is_refused(tree: GrowingTree, subtree: Subtree) -> None:
    with pytest.raises(Invalid):
        tree.hashes.read([subtree])


def test_nodes_two_levels_up_are_stored_too() -> None:
    frontier, stored = Frontier(), dict[Subtree, bytes]()
    for number in range(1 << 17):
        stored |= dict(to_store(frontier.append(number.to_bytes(32)), frontier.size))
    assert sorted({(subtree.level) for subtree in stored}) == [8, 16]
    assert [subtree.index for subtree in stored if subtree.level == 16] == [0, 1]

    def rows(statement: str, facts: dict[str, list[int]]) -> list[Row]:
        places = zip(facts["levels"], facts["indexes"], strict=True)
        leaves: list[Row] = [(0, position - 1, (position - 1).to_bytes(32)) for position in facts["positions"]]
        return leaves + [(level, index, stored[Subtree(level, index)]) for level, index in places]

    assert root_of(StoredHashes(rows), 1 << 17) == frontier.root()


CHANGES = ("UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}")
TABLES = (("mnemolog.tree_node", "hash"), ("mnemolog.checkpoint", "note"))
STATEMENTS = [change.format(table, column, column) for change in CHANGES for table, column in TABLES]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_application_may_only_add(sealed: str, statement: str) -> None:
    with connect(sealed) as app, pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        app.execute(statement)


@pytest.mark.parametrize("role", ["mnemolog", "mnemolog_owner"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_triggers_refuse_everybody(sealed: str, role: str, statement: str) -> None:
    with superuser(sealed) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"SET ROLE {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            connection.execute(statement)


# What is done to the evidence itself by somebody who may, and the first position that it concerns.
DAMAGES = {
    "a node is changed": ("UPDATE mnemolog.tree_node SET hash = sha256(hash) WHERE index = 1", 257),
    "a node is taken away": ("DELETE FROM mnemolog.tree_node WHERE index = 1", 1),
    "the last nodes are taken away": ("DELETE FROM mnemolog.tree_node WHERE index > 0", 1),
    "all nodes are taken away": ("DELETE FROM mnemolog.tree_node", 1),
    "a node too many": ("INSERT INTO mnemolog.tree_node SELECT level, index + 1, hash FROM mnemolog.tree_node t"
                        " WHERE index = 2", 1),
    "a node of a level too many": ("INSERT INTO mnemolog.tree_node SELECT 16, 0, hash FROM mnemolog.tree_node"
                                   " WHERE index = 0", 1),
    "a checkpoint says another size": ("UPDATE mnemolog.checkpoint SET size = 600", 600),
    "a checkpoint says another root": ("UPDATE mnemolog.checkpoint"
                                       " SET note = replace(note, E'\\n780\\n', E'\\n776\\n'), size = 776", 1),
    "a checkpoint of what is not there": ("UPDATE mnemolog.checkpoint"
                                          " SET note = replace(note, E'\\n780\\n', E'\\n781\\n'), size = 781", 781),
    "a checkpoint that is none": ("UPDATE mnemolog.checkpoint SET note = 'none'", EVENTS),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "position"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_to_the_evidence_in_the_database_is_found(
    server: EmbeddedPostgres, tmp_path: Path, statement: str, position: int
) -> None:
    with database(server) as dsn:
        with opened_application(dsn) as application:
            grow(application, EVENTS)
        seal(dsn, tmp_path / "checkpoints")
        assert verify_evidence(dsn).events == EVENTS
        with superuser(dsn) as connection:
            unprotected(connection)
            assert connection.execute(statement).rowcount > 0
        with pytest.raises(VerificationFailed) as failed:
            verify_evidence(dsn)
        assert failed.value.facts["position"] == position
