"""A verified dump becomes a cube of this store: decided on what is known here, and appended once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import orjson
from eventsourcing.domain import DomainEventProtocol

from mnemolog.adapters.bundle_events import EVENTS_FILE
from mnemolog.adapters.bundle_files import WORDED, Bundle
from mnemolog.api.accesses import audited
from mnemolog.api.bundle_answers import Loaded
from mnemolog.api.decisions import DECIDED_ON
from mnemolog.api.evidence import Evidence
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator, origin, reaches
from mnemolog.domain.cube import Cube, CubeConfig
from mnemolog.domain.foreign_facts import IMPOSSIBLE
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Appended, Condition, IdempotencyKey
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import TRUST, Source
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.provenance import source_for
from mnemolog.domain.refusals import (
    AlreadyExists,
    BundleCorrupted,
    ConditionFailed,
    Denied,
    Invalid,
    SigningKeyUnavailable,
    SubjectErased,
)
from mnemolog.domain.reliving import Named, Reception, Reliving
from mnemolog.projections.vectors import wording

ATTEMPTS = 5
DECIDED = (*DECIDED_ON, Cube.Founded.TOPIC)
PAGE = 1000
Events = list[DomainEventProtocol[UUID]]


@audited("bundles")
class Loading:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def load(self, bundle: Bundle, name: str | None, trusted: bool, idempotency_key: UUID | None) -> Loaded:
        """`trusted` is whether the caller has named the key that signed the dump.

        Raises BundleCorrupted, AlreadyExists, Denied, Invalid, SubjectErased, IdempotencyKeyReused, StoreUnreachable.
        """
        if self._caller.on_behalf_of is not None or not reaches(self._caller, Action.WRITE):
            raise Denied(action="found cubes with this key")
        if bundle.manifest.memories and not bundle.manifest.readable:
            raise Invalid(reason="nothing in this dump can be read without its keys; it can be verified, not loaded")
        called = bundle.manifest.name if name is None else name
        idempotency = self._idempotency(idempotency_key, bundle, called, trusted)
        if idempotency is not None:
            earlier = self._parts.log.earlier(self._caller.tenant_id, idempotency)
            if earlier is not None:
                return self._earlier(earlier)
        for attempt in range(ATTEMPTS):
            try:
                return self._append(bundle, called, trusted, idempotency)
            except ConditionFailed:  # a cube was founded, or rules have changed, meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    def _append(self, bundle: Bundle, name: str, trusted: bool, idempotency: IdempotencyKey | None) -> Loaded:
        head = self._parts.log.head()
        self._parts.wait(CATALOGUE, head)
        if self._parts.directory.cube(self._caller.tenant_id, name) is not None:
            raise AlreadyExists(kind="cube", name=name)
        reliving = _relived(bundle, self._terms(bundle, trusted))
        founded = self._founded(bundle, name, reliving)
        condition = Condition(after=head, types=DECIDED, tenant_id=self._caller.tenant_id)
        adopted = self._adopt(bundle, reliving)
        try:
            appended = self._parts.application.append(
                [*founded, *reliving.events], origin(self._caller), condition, idempotency
            )
        except BaseException:
            self._parts.embeddings.forget(adopted)
            raise
        if appended.replayed:
            self._parts.embeddings.forget(adopted)
            return self._earlier(appended)
        self._parts.written(appended, rules=True)
        memory_ids = [memory.id for memory in reliving.memories.values()]
        return Loaded.of(appended, vars(founded[0]), reliving.terms.cube_id, memory_ids)

    def _founded(self, bundle: Bundle, name: str, reliving: Reliving) -> Events:
        manifest, terms = bundle.manifest, reliving.terms
        loaded_from = {
            "origin": bundle.checkpoint.origin,
            "cube_id": str(manifest.cube_id),
            "position": manifest.position,
            "manifest_sha256": bundle.sha256.hex(),
            "quarantined": terms.quarantined,
        }
        cube = Cube.found(
            tenant_id=terms.tenant_id,
            cube_id=terms.cube_id,
            name=name,
            owner_id=terms.owner_id,
            subject_id=terms.subject_id,
            config=terms.config(CubeConfig.from_json(manifest.config)),
            loaded_from=loaded_from,
            left_out={what: count for what, count in sorted(reliving.left_out.items()) if count},
        )
        return list(cube.collect_events())

    def _terms(self, bundle: Bundle, trusted: bool) -> Reception:
        """What is said by a store that the caller vouches for is believed as far as the caller is, and an administrator
        all of it; what this very store has written, whoever brings it back.
        """
        caller, directory = self._caller, self._parts.directory
        if self._parts.erasures.erased_subjects([caller.subject_id]):
            raise SubjectErased(subject_id=caller.subject_id)
        own = source_for(caller.kind, None)
        believed = is_administrator(caller) or bundle.manifest.verifier_key == self._verifier_key()
        with _believable():
            named = Named.by(bundle.heard)
        subjects = frozenset().union(*named.subjects.values())
        return Reception(
            tenant_id=caller.tenant_id,
            cube_id=new_id(),
            subject_id=caller.subject_id,
            owner_id=caller.principal_id,
            own_source=own,
            most_trust=TRUST[Source.IMPORT] if not trusted else 1.0 if believed else TRUST[own],
            quarantined=not trusted,
            session_id=caller.session_id,
            sets_legal_holds=is_administrator(caller),
            principals=directory.known_principals(caller.tenant_id, named.principals),
            subjects=directory.known_subjects(caller.tenant_id, subjects),
            doomed=self._doomed(bundle, named),
        )

    def _doomed(self, bundle: Bundle, named: Named) -> frozenset[UUID]:
        """What was erased there, and what was erased here since: an old dump must not bring it back."""
        memories = {row[1] for row in bundle.rows} - {bundle.manifest.cube_id}
        ended = {each.stream_id for each in bundle.heard if each.type == Memory.Erased.TOPIC}
        subjects = {subject for about in named.subjects.values() for subject in about}
        asked = sorted(memories | subjects)
        destroyed = self._parts.application.keys.destroyed(asked) | self._parts.tombstones.all()
        destroyed |= set(self._parts.erasures.erased_subjects(sorted(subjects)))
        about = {memory for memory, them in named.subjects.items() if them & destroyed}
        return frozenset((memories - named.subjects.keys()) | ended | (memories & destroyed) | about)

    def _adopt(self, bundle: Bundle, reliving: Reliving) -> list[UUID]:
        """Vectors of the same model need not be computed again, where their word is taken. Answers of whom they are."""
        embeddings, model = self._parts.embeddings, bundle.manifest.embedder
        known = model is not None and model.fingerprint == embeddings.embedder.fingerprint.hex()
        if bundle.vectors is None or not known or not reliving.terms.believes:
            return []
        texts = [each for each in bundle.heard if each.type in WORDED]
        places = [place for place, each in enumerate(texts) if each.stream_id in reliving.memories]
        items = [(reliving.memories[texts[place].stream_id].id, wording(texts[place].data)) for place in places]
        for start in range(0, len(places), PAGE):
            embeddings.adopt(items[start : start + PAGE], bundle.vectors[places[start : start + PAGE]])
        return [memory_id for memory_id, _ in items]

    def _verifier_key(self) -> str | None:
        """That of this store; None where this process has no signing key."""
        try:
            return Evidence(self._parts, self._caller).verifier_key()
        except SigningKeyUnavailable:
            return None

    def _idempotency(self, key: UUID | None, bundle: Bundle, name: str, trusted: bool) -> IdempotencyKey | None:
        if key is None:
            return None
        request = ("load", str(self._caller.principal_id), bundle.sha256.hex(), name, trusted)
        return IdempotencyKey(key, hashlib.sha256(orjson.dumps(request)).digest())

    def _earlier(self, appended: Appended) -> Loaded:
        """What was answered then."""
        events = self._parts.log.at(range(appended.first, appended.last + 1))
        founded = events[appended.first]
        assert founded.cube_id is not None
        memory_ids = dict.fromkeys(event.memory_id for event in events.values() if event.memory_id is not None)
        return Loaded.of(appended, founded.data, founded.cube_id, list(memory_ids))


def _relived(bundle: Bundle, terms: Reception) -> Reliving:
    """Raises BundleCorrupted for a history that no store could have written."""
    reliving = Reliving(terms)
    reliving.left_out["erased"] = len(terms.doomed)
    for heard in bundle.heard:
        if heard.stream_id != bundle.manifest.cube_id:
            with _believable(heard.position):
                reliving.hear(heard)
    with _believable():
        reliving.end()
    return reliving


@contextmanager
def _believable(position: int | None = None) -> Iterator[None]:
    try:
        yield
    except IMPOSSIBLE as error:
        where = "" if position is None else f"position {position}: "
        raise BundleCorrupted(file=EVENTS_FILE, reason=f"{where}{error}") from None
