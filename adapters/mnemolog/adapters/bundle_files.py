"""A dump of a cube is a folder of a few files with fixed names; docs/reference/cube-bundle.md describes each.

    manifest.json    what it is a dump of, and size and hash of every other file but the next
    signature        a signed note about the manifest, by the key that signs the checkpoints of the log
    checkpoint       a signed note that binds every event
    events.ndjson    the events, each with its proof
    keys.ndjson      what opens them; not in a dump without keys
    vectors/         what an embedding model made of the texts; not in a dump without keys

It is written under another name and gets its own when all of it is on disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnemolog.adapters.bundle_events import EVENTS_FILE, KEYS_FILE, opened, read_events, read_keys
from mnemolog.adapters.bundle_manifest import FILE as MANIFEST_FILE
from mnemolog.adapters.bundle_manifest import Entry, Manifest
from mnemolog.adapters.bundle_vectors import POSITIONS_FILE, VECTORS_FILE, positions_file, read_vectors
from mnemolog.adapters.durable_files import draft_of, sync
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.flocks import open_private
from mnemolog.adapters.signing import Ed25519Verifier
from mnemolog.domain.foreign_facts import IMPOSSIBLE
from mnemolog.domain.memory import Memory
from mnemolog.domain.note import Checkpoint, Note, Signer, open_checkpoint, open_note, to_base64
from mnemolog.domain.refusals import AlreadyExists, BundleCorrupted, Invalid, NotFound, SignatureRejected
from mnemolog.domain.reliving import Heard, cube_as_told
from mnemolog.projections.embedding import Vectors

SIGNATURE_FILE, CHECKPOINT_FILE = "signature", "checkpoint"
VECTORS_FOLDER = "vectors"
ALWAYS = frozenset({CHECKPOINT_FILE, EVENTS_FILE})
MEBIBYTE = 2**20
MOST_BYTES = {
    MANIFEST_FILE: MEBIBYTE,
    SIGNATURE_FILE: MEBIBYTE,
    CHECKPOINT_FILE: MEBIBYTE,
    EVENTS_FILE: 512 * MEBIBYTE,
    KEYS_FILE: 64 * MEBIBYTE,
    POSITIONS_FILE: 64 * MEBIBYTE,
    VECTORS_FILE: 1024 * MEBIBYTE,
}
MOST_EVENTS = 50_000  # they are appended at once, and other writers wait
WORDED = (Memory.Generated.TOPIC, Memory.Revised.TOPIC)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A dump of which everything has been verified. `vectors` are of the events at `worded`, in their order."""

    manifest: Manifest
    sha256: bytes  # of the manifest
    checkpoint: Checkpoint
    rows: Sequence[Row]
    heard: Sequence[Heard]
    worded: Sequence[int]
    vectors: Vectors | None


class Draft:
    """A folder that nobody else has, before it has its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, Entry] = {}

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        path, size, digest = self._folder / name, 0, hashlib.sha256()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(path, "xb", opener=open_private) as file:
            for part in parts:
                size += file.write(part)
                digest.update(part)
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
        self.files[name] = Entry(size, digest.hexdigest())

    def sign(self, manifest: Manifest, signer: Signer) -> bytes:
        """The last two files. Returns the sha256 of the manifest."""
        content = manifest.encode()
        sha256 = hashlib.sha256(content).digest()
        self.write(MANIFEST_FILE, [content])
        self.write(SIGNATURE_FILE, [Note(_statement(sha256)).signed_by(signer).encode()])
        return sha256


@contextmanager
def drafting(folder: Path, check: Callable[[Path], object]) -> Iterator[Draft]:
    """What is written in the block is at `folder` after it, unless `check` of it raises.

    Raises AlreadyExists, and OSError for a place that cannot be written to.
    """
    draft = draft_of(folder)
    refuse_existing(folder)
    try:
        draft.mkdir(mode=0o700)
    except FileExistsError:
        raise AlreadyExists(kind="draft of a dump", name=str(draft)) from None
    try:
        yield Draft(draft)
        check(draft)
        refuse_existing(folder)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync(folder.parent)


def read_bundle(folder: Path, key: str | None = None) -> Bundle:
    """All of it, verified with the verifier key `key`, or with the one that the dump itself names.

    Raises BundleCorrupted, SignatureRejected, MalformedNote; NotFound where there is no folder; Invalid for a `key`
    that is none, and for a dump that is too large.
    """
    verifier = None if key is None else Ed25519Verifier.parse(key)
    content = _contents(folder)
    sha256 = hashlib.sha256(content[MANIFEST_FILE]).digest()
    manifest = Manifest.parse(content[MANIFEST_FILE])
    verifier = verifier or manifest.verifier()
    if open_note(content[SIGNATURE_FILE], [verifier]).text != _statement(sha256):
        raise SignatureRejected(reason="it was signed of another manifest")
    if manifest.verifier_key != verifier.verifier_key:
        raise BundleCorrupted(file=MANIFEST_FILE, reason="it names another key than the one that signed it")
    _check_files(content, manifest.files)
    checkpoint = open_checkpoint(content[CHECKPOINT_FILE], verifier.name, verifier)
    return _read(manifest, sha256, checkpoint, content)


def _read(manifest: Manifest, sha256: bytes, checkpoint: Checkpoint, content: Mapping[str, bytes]) -> Bundle:
    if manifest.events > MOST_EVENTS:
        raise Invalid(reason=f"a dump of {manifest.events} events is too large; at most {MOST_EVENTS} can be loaded")
    if manifest.position > checkpoint.size:
        raise BundleCorrupted(file=CHECKPOINT_FILE, reason=f"it does not bind position {manifest.position}")
    rows = read_events(content[EVENTS_FILE], checkpoint, manifest.tenant_id, manifest.cube_id, manifest.position)
    heard = opened(rows, read_keys(content.get(KEYS_FILE, b""), rows))
    worded = [each.position for each in heard if each.type in WORDED]
    _check_facts(manifest, rows, heard)
    return Bundle(manifest, sha256, checkpoint, rows, heard, worded, _vectors(manifest, content, worded))


def _vectors(manifest: Manifest, content: Mapping[str, bytes], worded: list[int]) -> Vectors | None:
    if manifest.embedder is None:
        return None
    if content[POSITIONS_FILE] != positions_file(worded):
        raise BundleCorrupted(file=POSITIONS_FILE, reason="it does not name the events that hold the texts")
    return read_vectors(content[VECTORS_FILE], len(worded), manifest.embedder.dimensions)


def _check_facts(manifest: Manifest, rows: Sequence[Row], heard: Sequence[Heard]) -> None:
    """That the manifest says what the events say."""
    try:
        name, config = cube_as_told(each for each in heard if each.stream_id == manifest.cube_id)
    except IMPOSSIBLE as error:
        raise BundleCorrupted(file=EVENTS_FILE, reason=f"the cube itself: {error}") from None
    memories = {row[1] for row in rows} - {manifest.cube_id}
    readable = {each.stream_id for each in heard if each.type == Memory.Generated.TOPIC}
    said = (manifest.name, manifest.config, manifest.events, manifest.memories, manifest.readable)
    if said != (name, config.to_json(), len(rows), len(memories), len(readable)):
        raise BundleCorrupted(file=MANIFEST_FILE, reason="it says something else than the events")


def _check_files(content: Mapping[str, bytes], files: Mapping[str, Entry]) -> None:
    found = content.keys() - {MANIFEST_FILE, SIGNATURE_FILE}
    for name in sorted(files.keys() ^ found):
        raise BundleCorrupted(file=name, reason="it is missing" if name in files else "the manifest does not name it")
    for name, entry in sorted(files.items()):
        if Entry(len(content[name]), hashlib.sha256(content[name]).hexdigest()) != entry:
            raise BundleCorrupted(file=name, reason="its bytes are not those that the manifest names")


def _statement(sha256: bytes) -> str:
    return f"mnemolog-cube/1 manifest\n{to_base64(sha256)}\n"


def _contents(folder: Path) -> dict[str, bytes]:
    """By name, the files and nothing else. No link is followed, and each is read once."""
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise NotFound(kind="dump", id=folder) from None
    try:
        found = _names(place)
        for name in sorted({MANIFEST_FILE, SIGNATURE_FILE, *ALWAYS} - found):
            raise BundleCorrupted(file=name, reason="it is missing")
        return {name: _content(place, name) for name in sorted(found)}
    finally:
        os.close(place)


def _names(place: int) -> set[str]:
    names = set(os.listdir(place))
    if VECTORS_FOLDER in names:
        names.remove(VECTORS_FOLDER)
        try:
            inner = os.open(VECTORS_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
        except OSError:
            raise BundleCorrupted(file=VECTORS_FOLDER, reason="it is not a folder") from None
        try:
            names |= {f"{VECTORS_FOLDER}/{name}" for name in os.listdir(inner)}
        finally:
            os.close(inner)
    for name in sorted(names - MOST_BYTES.keys()):
        raise BundleCorrupted(file=name, reason="no dump has such a file")
    return names


def _content(place: int, name: str) -> bytes:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    except OSError:
        raise BundleCorrupted(file=name, reason="it cannot be read, or is not a file") from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BundleCorrupted(file=name, reason="it is not a file")
        size = os.fstat(descriptor).st_size
        if size > MOST_BYTES[name]:
            raise BundleCorrupted(file=name, reason=f"it has more than {MOST_BYTES[name]} bytes")
        return file.read(size)


def refuse_existing(folder: Path) -> None:
    if os.path.lexists(folder):
        raise AlreadyExists(kind="file or folder", name=str(folder))
