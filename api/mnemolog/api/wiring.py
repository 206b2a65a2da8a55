"""The composition root: the only place where parts are chosen and put together."""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mnemolog.adapters import secret_files
from mnemolog.adapters.embedders.choose import choose_embedder
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.connection import unreachable_as_refusal
from mnemolog.adapters.postgres.directory import Directory
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.embeddings import CachedEmbeddings
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.adapters.postgres.migrate import check_schema, migrate
from mnemolog.adapters.rerankers.choose import choose_reranker
from mnemolog.api.credentials import ApiKey
from mnemolog.api.parts import CATALOGUE, Parts
from mnemolog.api.principals import found_tenant
from mnemolog.api.settings import Settings
from mnemolog.domain.log import Clock, SystemClock
from mnemolog.domain.refusals import KeyUnavailable, NotAuthenticated
from mnemolog.projections.compiled import Graphs
from mnemolog.projections.edges import Edges
from mnemolog.projections.embedding import Embedder
from mnemolog.projections.graph import Arcs, Walks
from mnemolog.projections.labels import Labels
from mnemolog.projections.projection import Projection
from mnemolog.projections.recall import Views
from mnemolog.projections.runner import Runner
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.shared_tail import SharedTail
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import VectorView

OWNER_KEY = "owner.key"
KEY_ENCRYPTION_KEY = "key-encryption.key"


class Algorithms:
    """rustworkx and scipy, imported with the first question that needs them: most processes ask none."""

    def compile(self, arcs: Arcs) -> Walks:
        from mnemolog.adapters.graphs import RustworkxAlgorithms

        return RustworkxAlgorithms().compile(arcs)


@contextmanager
def opened(settings: Settings, *, clock: Clock | None = None, embedder: Embedder | None = None) -> Iterator[Parts]:
    """Everything running, and everything closed again in the opposite order, whatever fails on the way."""
    with ExitStack() as closing:
        dsn = settings.dsn
        if dsn is None:
            dsn = closing.enter_context(EmbeddedPostgres(settings.home)).dsn()
            migrate(dsn)
        else:
            check_schema(dsn)
        yield build(settings, dsn, closing, clock or SystemClock(), embedder)


def build(settings: Settings, dsn: str, closing: ExitStack, clock: Clock, embedder: Embedder | None) -> Parts:
    with unreachable_as_refusal():
        application = LogApplication(dsn, key_encryption_key(settings))
    closing.callback(application.close)
    wakeups = LogWakeups(dsn)
    closing.callback(wakeups.close)
    token, datastore = application.keyring.token, application.datastore
    log = PostgresLog(application.log_recorder, application.keyring)
    catalogue = PostgresCatalogue(datastore, token)
    chosen = embedder or choose_embedder(settings.embedder, api_key=settings.embedder_key)
    embeddings = CachedEmbeddings(datastore, chosen, token)
    views = Views(Scopes(), Terms(), VectorView(embeddings, chosen.dimensions), Turns(), Labels())
    graphs = Graphs(Edges(), Algorithms())
    projections: list[Projection] = [
        catalogue, views.scopes, views.labels, views.terms, views.turns, views.vectors, graphs.edges,
    ]  # fmt: skip
    runner = Runner(SharedTail(log), wakeups, projections)
    directory = Directory(datastore, token)
    parts = Parts(settings, clock, application, log, wakeups, catalogue, directory, embeddings, views, graphs, runner)
    parts.reranker = choose_reranker(settings.reranker, api_key=settings.reranker_key)
    runner.start()
    closing.callback(runner.stop)
    closing.callback(wakeups.close)  # and before the runner, whose listener would sit out its wait
    parts.begin_at(log.head())
    return parts


def owner_key(parts: Parts) -> str:
    """The key of whoever owns this installation: from the environment, or made at the first start of a new store.

    The file is written before the log knows the key, so that a crash between the two loses nothing: the next start
    finds the file and goes on. Raises NotAuthenticated when the store has an owner whose key is not here.
    """
    if parts.settings.api_key is not None:
        parts.wait(CATALOGUE)
        return parts.settings.api_key
    path = parts.settings.home / OWNER_KEY
    with _only_one(parts.settings.home):
        text = secret_files.read_or_make(path, lambda: (ApiKey.new().reveal() + "\n").encode()).decode().strip()
        key = ApiKey.parse(text)
        parts.wait(CATALOGUE, parts.log.head())
        if parts.directory.credential(key.key_id) is None:
            if not parts.directory.is_new():
                raise NotAuthenticated
            found_tenant(parts, key, "owner")
        return text


def key_encryption_key(settings: Settings) -> bytes:
    """32 bytes from the environment (base64), or from a file that is made at the first start. Raises KeyUnavailable."""
    if settings.key_encryption_key is None:
        _make_home(settings.home)
        return secret_files.read_or_make(settings.home / KEY_ENCRYPTION_KEY, lambda: secrets.token_bytes(32))
    try:
        return base64.b64decode(settings.key_encryption_key, validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnavailable(reason="MNEMOLOG_KEY_ENCRYPTION_KEY is not base64") from None


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """One process at a time founds a store."""
    _make_home(home)
    descriptor = os.open(home / "founding.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_home(home: Path) -> None:
    if not home.exists():
        home.mkdir(parents=True, mode=0o700)
