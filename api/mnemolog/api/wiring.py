"""The composition root: the only place where parts are chosen and put together."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mnemolog.adapters import secret_files
from mnemolog.adapters.embedders.choose import choose_embedder
from mnemolog.adapters.key_sources import KeyChoice, KeyFile, KeySource, source_of
from mnemolog.adapters.openid import TokenVerifier
from mnemolog.adapters.postgres.access_log import AccessLog
from mnemolog.adapters.postgres.accesses import PostgresAccesses
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.connection import unreachable_as_refusal
from mnemolog.adapters.postgres.directory import Directory
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.embeddings import CachedEmbeddings
from mnemolog.adapters.postgres.log import LogWakeups, PostgresLog
from mnemolog.adapters.postgres.migrate import check_schema, migrate
from mnemolog.adapters.postgres.policies import Policies
from mnemolog.adapters.postgres.presence import Presence
from mnemolog.adapters.rerankers.choose import choose_reranker
from mnemolog.adapters.view_files import ViewFiles
from mnemolog.api.credentials import ApiKey
from mnemolog.api.erasing import destroy_again, resume
from mnemolog.api.gaps import Gaps
from mnemolog.api.parts import ACCESS, CATALOGUE, Parts
from mnemolog.api.principals import found_tenant
from mnemolog.api.sealer import Sealer
from mnemolog.api.settings import Settings
from mnemolog.api.trail import Trail
from mnemolog.domain.log import Clock, SystemClock
from mnemolog.domain.refusals import Invalid, NotAuthenticated
from mnemolog.projections.caretaker import Caretaker
from mnemolog.projections.compiled import Graphs
from mnemolog.projections.edges import Edges
from mnemolog.projections.embedding import Embedder
from mnemolog.projections.graph import Arcs, Walks
from mnemolog.projections.labels import Labels
from mnemolog.projections.recall import Views
from mnemolog.projections.residence import Residence
from mnemolog.projections.runner import Runner
from mnemolog.projections.saved import CubeFiles, NothingKept
from mnemolog.projections.scopes import Scopes
from mnemolog.projections.shared_tail import SharedTail
from mnemolog.projections.terms import Terms
from mnemolog.projections.turns import Turns
from mnemolog.projections.vectors import Indexing, VectorView

OWNER_KEY = "owner.key"
VIEWS = "views"
KEY_ENCRYPTION_KEY = "key-encryption.key"
KEY_VARIABLE, NEXT_KEY_VARIABLE = "MNEMOLOG_KEY_ENCRYPTION_KEY", "MNEMOLOG_NEXT_KEY_ENCRYPTION_KEY"


class Algorithms:
    """rustworkx and scipy, imported with the first question that needs them: most processes ask none."""

    def compile(self, arcs: Arcs) -> Walks:
        from mnemolog.adapters.graphs import RustworkxAlgorithms

        return RustworkxAlgorithms().compile(arcs)


@contextmanager
def opened(settings: Settings, *, clock: Clock | None = None, embedder: Embedder | None = None) -> Iterator[Parts]:
    """Everything running, and everything closed again in the opposite order, whatever fails on the way."""
    with ExitStack() as closing:
        yield build(settings, database(settings, closing), closing, clock or SystemClock(), embedder)


def database(settings: Settings, closing: ExitStack) -> str:
    """The DSN of a running server whose schema is of this release."""
    if settings.dsn is not None:
        check_schema(settings.dsn)
        return settings.dsn
    dsn = closing.enter_context(EmbeddedPostgres(settings.home)).dsn()
    migrate(dsn)
    return dsn


def build(settings: Settings, dsn: str, closing: ExitStack, clock: Clock, embedder: Embedder | None) -> Parts:
    source = key_source(settings)
    with unreachable_as_refusal():
        application = LogApplication(dsn, *source.keys())
    closing.callback(application.close)
    source.settled(application.key_encryption_key)
    wakeups = LogWakeups(dsn)
    closing.callback(wakeups.close)
    token, datastore = application.keyring.token, application.datastore
    log = PostgresLog(application.log_recorder, application.keyring)
    catalogue = PostgresCatalogue(datastore, token)
    chosen = embedder or choose_embedder(settings.embedder, api_key=settings.embedder_key)
    embeddings = CachedEmbeddings(datastore, chosen, token)
    folder, secret = settings.home / VIEWS, application.keyring.derived(VIEWS.encode())
    files = view_files(folder, secret)
    vectors = VectorView(embeddings, chosen.dimensions, chosen.fingerprint.hex(), indexing(folder, secret, closing))
    graphs = Graphs(Edges(), Algorithms())
    views = Views(Scopes(), Terms(), vectors, Turns(), Labels(), graphs)
    recalled = (views.scopes, views.labels, views.terms, views.turns, views.vectors)
    accesses = PostgresAccesses(datastore)
    runner = Runner(SharedTail(log), wakeups, [catalogue, *recalled, graphs.edges, accesses])
    residence = Residence(log, (recalled, (graphs.edges,)), files, runner.park, settings.wait_seconds)
    directory = Directory(datastore, token)
    stores = (application, log, wakeups, catalogue, directory, embeddings)
    access_log = AccessLog(application)
    trail = audit_trail(settings, dsn, access_log)
    closing.callback(trail.close)
    parts = Parts(settings, clock, *stores, views, graphs, runner, residence, Policies(datastore), accesses, trail)
    if isinstance(files, ViewFiles):
        parts.is_kept = files.keeps
    parts.tokens = token_verifier(settings)
    parts.reranker = choose_reranker(settings.reranker, api_key=settings.reranker_key)
    returned = destroy_again(parts)
    start(parts, dsn, closing)
    head = log.head()
    parts.begin_at(head)
    resume(parts, returned)
    gaps = Gaps(dsn, access_log, accesses, lambda seconds: runner.wait(ACCESS, head, seconds))
    closing.callback(gaps.close)
    return parts


def audit_trail(settings: Settings, dsn: str, access_log: AccessLog) -> Trail:
    presence = Presence(dsn, access_log.process_id)
    waits = (settings.audit_seconds, settings.audit_buffer, settings.wait_seconds)
    return Trail(access_log, presence, settings.audit, *waits)


def start(parts: Parts, dsn: str, closing: ExitStack) -> None:
    settings, residence = parts.settings, parts.residence
    residence.begin()
    parts.runner.start()
    caretaker = Caretaker(residence, settings.idle_seconds, settings.resident_memories)
    caretaker.start()
    closing.callback(caretaker.stop)
    closing.callback(residence.close)
    closing.callback(parts.runner.stop)
    sealer = Sealer(dsn, settings, parts.wakeups, parts.log)
    sealer.start()
    closing.callback(sealer.stop)
    closing.callback(parts.wakeups.close)  # and before the runner, whose listener would sit out its wait


def token_verifier(settings: Settings) -> TokenVerifier | None:
    """None unless tokens are meant to be accepted. Raises Invalid when they are, and something for it is missing."""
    given = (settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks)
    if not any(given):
        return None
    issuer, audience, place = given
    if not issuer or not audience or not place:
        names = "MNEMOLOG_JWT_ISSUER, MNEMOLOG_JWT_AUDIENCE and MNEMOLOG_JWT_JWKS"
        raise Invalid(reason=f"{names} are needed together")
    return TokenVerifier(issuer, audience, place, settings.jwt_tenant_claim)


def view_files(folder: Path, secret: bytes) -> CubeFiles:
    """Views are made from the log alone where nothing can be kept."""
    files = ViewFiles(folder, secret)
    try:
        files.reached()
    except OSError as error:
        logging.getLogger(__name__).warning("views are not kept: %s", type(error).__name__)
        return NothingKept()
    return files


def indexing(folder: Path, secret: bytes, closing: ExitStack) -> Indexing | None:
    """None where hnswlib is not installed, and every question is answered by comparing all."""
    try:
        from mnemolog.adapters.hnsw_indexing import HnswIndexing
    except ImportError:
        return None
    return closing.enter_context(HnswIndexing(folder, secret))


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


def key_source(settings: Settings) -> KeySource:
    """The variable wins, then the command, then the file. While keys are being rotated there is a next one."""
    own, command = settings.key_encryption_key, settings.key_encryption_key_command
    present = source_of(KEY_VARIABLE, own, command) or KeyFile(settings.home / KEY_ENCRYPTION_KEY)
    following = next_key_source(settings)
    return present if following is None else KeyChoice(present, following)


def next_key_source(settings: Settings) -> KeySource | None:
    return source_of(NEXT_KEY_VARIABLE, settings.next_key_encryption_key, settings.next_key_encryption_key_command)


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
