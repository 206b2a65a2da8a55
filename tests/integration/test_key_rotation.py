"""Another key-encryption key: everything that was readable is, with the new key alone, and nothing else changes."""

from __future__ import annotations

import base64
import secrets
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from mnemolog.adapters import keyring
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.keyring import Keyring, derive, key_check
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.keys import PostgresKeys
from mnemolog.api import Store, key_rotation, open_store
from mnemolog.api.key_rotation import Rotated, rotate
from mnemolog.api.parts import EVERY
from mnemolog.api.receipts import read_receipt
from mnemolog.api.settings import Settings
from mnemolog.domain.commands import Remember
from mnemolog.domain.identity import new_id
from mnemolog.domain.refusals import Invalid, KeyUnavailable, SubjectErased
from tests.databases import superuser


def text_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    """With a key file."""
    return Settings(home=tmp_path / "home", dsn=dsn)


def opened(settings: Settings) -> Store:
    return open_store(settings=settings, embedder=HashingEmbedder())


def lived(settings: Settings) -> tuple[bytes, UUID]:
    """All that the store answers, and a subject that was erased."""
    with opened(settings) as store:
        ada, bob = (store.principals.register_subject(name).subject_id for name in ("Ada", "Bob"))
        told = Remember(text="Ada likes tea.", key="tea", tags=("drink",), subject_id=ada)
        store.memories.remember("main", told, Remember(text="Bob likes jam.", subject_id=bob), "Jam is in the jar.")
        store.erasures.erase(subject=bob, basis="case 1")
        store.parts.wait(EVERY, store.log.head())
        return answers(store), bob


def answers(store: Store) -> bytes:
    computed = store.parts.embeddings.computed
    (erasure,) = store.erasures.list().items
    assert erasure.receipt is not None
    assert erasure.verifier_key is not None
    said = read_receipt(erasure.receipt, erasure.verifier_key)
    listed = store.memories.list("main").items
    hits = store.recall("main", "Who likes tea?").hits
    assert computed in (0, store.parts.embeddings.computed)
    return orjson.dumps([listed, hits, said, erasure.verifier_key], default=str)


def test_a_key_file_is_replaced_and_everything_else_stays(settings: Settings) -> None:
    before, bob = lived(settings)
    file = settings.home / "key-encryption.key"
    owner, former = (settings.home / "owner.key").read_text(), file.read_bytes()
    rotated = rotate(settings)
    assert (rotated.subject_keys, rotated.key_check) == (2, key_check(file.read_bytes()))  # the owner's, and Ada's
    assert file.read_bytes() != former
    assert not file.with_name("key-encryption.key.next").exists()
    with opened(settings) as store:
        assert answers(store) == before
        assert store.parts.embeddings.computed == 0
        store.acting_as(owner)
        assert store.parts.tombstones.all() == {bob}
    file.write_bytes(former)
    with pytest.raises(KeyUnavailable):
        opened(settings)


def test_a_key_from_the_environment_is_replaced_by_the_next_one(settings: Settings) -> None:
    first, second = text_key(), text_key()
    settings = replace(settings, key_encryption_key=first)
    before, _ = lived(settings)
    with pytest.raises(Invalid, match="MNEMOLOG_NEXT_KEY_ENCRYPTION_KEY"):
        rotate(settings)
    both = replace(settings, next_key_encryption_key_command=f"echo {second}")
    with opened(both) as store:
        assert answers(store) == before
    rotate(both)
    for working in (both, replace(settings, key_encryption_key=second)):
        with opened(working) as store:
            assert answers(store) == before
    with pytest.raises(KeyUnavailable):
        opened(settings)
    with pytest.raises(Invalid, match="has already"):
        rotate(both)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_rotation_that_dies_loses_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    before, _ = lived(settings)
    rewrap = PostgresKeys.rewrap

    def dying(*arguments: Any) -> bool:
        if moment == "after":
            rewrap(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PostgresKeys, "rewrap", dying)
        with pytest.raises(KeyboardInterrupt):
            rotate(settings)
    with opened(settings) as store:
        assert answers(store) == before
    assert isinstance(rotate(settings), Rotated)
    with opened(settings) as store:
        assert answers(store) == before


def test_a_subject_that_comes_meanwhile_is_not_left_behind(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before, _ = lived(settings)
    added = list[UUID]()
    with opened(settings) as running:

        def slow(*arguments: Any) -> Any:
            if not added:
                added.append(running.principals.register_subject("Cleo").subject_id)
            return keyring.rewrapped(*arguments)

        monkeypatch.setattr(key_rotation, "rewrapped", slow)
        assert rotate(settings).subject_keys == 3
        with pytest.raises(KeyUnavailable):
            running.principals.register_subject("Dora")  # under a key that nobody would know any more
    with opened(settings) as store:
        assert answers(store) == before
        store.memories.remember("main", Remember(text="Cleo likes tea.", subject_id=added[0]))


def test_a_store_from_before_there_was_a_root_key_keeps_its_tokens_and_digests(dsn: str) -> None:
    key = secrets.token_bytes(32)
    with superuser(dsn) as connection:
        statement = "INSERT INTO mnemolog_keys.key_encryption_key (check_value) VALUES (%s)"
        connection.execute(statement, (key_check(key),))
    with closing(LogApplication(dsn, key)) as application:
        plain = Keyring(key, application.keys)
        assert application.keyring.token("tea") == plain.token("tea")
        assert application.keyring.digest_secret("secret") == plain.digest_secret("secret")
        assert application.keyring.derived(b"views") == derive(key, b"views")


def test_the_root_key_of_a_new_store_is_not_the_key_that_wraps_it(settings: Settings) -> None:
    key = text_key()
    with opened(replace(settings, key_encryption_key=key)) as store:
        plain = Keyring(base64.b64decode(key), store.parts.application.keys)
        assert store.parts.application.keyring.token("tea") != plain.token("tea")


def test_no_erased_subject_gets_a_key_again(settings: Settings) -> None:
    _, bob = lived(settings)
    rotate(settings)
    with opened(settings) as store:
        keys = store.parts.application.keys
        assert keys.destroyed([bob, new_id()]) == {bob}
        assert bob not in keys.every_subject_key()
        with pytest.raises(SubjectErased):
            keys.add_subject_key(store.caller.tenant_id, bob, b"a wrapped key")
