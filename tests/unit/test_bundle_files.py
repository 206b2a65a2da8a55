"""Whatever is changed in a dump is found, also by somebody who can sign; and what is found has a name."""

from __future__ import annotations

import os
import pickle
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters import bundle_files
from mnemolog.adapters.bundle_events import EVENTS_FILE, FIELDS, KEYS_FILE, key_lines
from mnemolog.adapters.bundle_files import CHECKPOINT_FILE, SIGNATURE_FILE, drafting, read_bundle
from mnemolog.adapters.bundle_manifest import FILE as MANIFEST_FILE
from mnemolog.adapters.bundle_manifest import Manifest
from mnemolog.adapters.bundle_vectors import POSITIONS_FILE, VECTORS_FILE, positions_file, vectors_file
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.verify import leaf_of
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.domain.cube import CubeConfig
from mnemolog.domain.identity import new_id
from mnemolog.domain.refusals import (
    AlreadyExists,
    BundleCorrupted,
    Invalid,
    NotFound,
    SignatureRejected,
    VerificationFailed,
)
from tests.dumps import OTHER_SEED, SEED, Told, checkpoint, every_file, proof, story, write
from tests.factories import NOW

FILES = (MANIFEST_FILE, SIGNATURE_FILE, CHECKPOINT_FILE, EVENTS_FILE, KEYS_FILE, POSITIONS_FILE, VECTORS_FILE)


class Dump:
    """One that is good, and whose files nobody changes."""

    def __init__(self, told: Told, folder: Path) -> None:
        self.told, self.folder = told, folder
        self.key = write(told, folder).verifier.verifier_key
        self.files = every_file(folder)

    def __repr__(self) -> str:
        return "a dump"


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Dump:
    return Dump(story(), tmp_path_factory.mktemp("dumps") / "good")


@pytest.fixture
def copy(dump: Dump, tmp_path: Path) -> Path:
    return shutil.copytree(dump.folder, tmp_path / "copy")


def refused(folder: Path, key: str | None, match: str = ".") -> None:
    with pytest.raises(VerificationFailed, match=match) as failed:
        read_bundle(folder, key)
    assert failed.value.exit_code == 6


def refused_copy(dump: Dump, name: str, content: bytes, key: str | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = shutil.copytree(dump.folder, Path(scratch) / "copy")
        (folder / name).write_bytes(content)
        refused(folder, key)


def test_a_dump_is_read_as_it_was_told(dump: Dump) -> None:
    bundle = read_bundle(dump.folder, dump.key)
    assert sorted(dump.files) == sorted(FILES)
    said = [(each.position, each.data["text"]) for each in bundle.heard if "text" in each.data]
    assert tuple(said) == dump.told.texts
    assert [row[:16] for row in bundle.rows] == [(*row[:12], None, *row[13:16]) for row in dump.told.rows]
    assert bundle.vectors is not None
    assert bundle.vectors.shape == (3, 8)
    assert read_bundle(dump.folder).sha256 == bundle.sha256


def test_nobody_but_its_owner_may_look_into_it(dump: Dump) -> None:
    for path in (dump.folder, *dump.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_what_nothing_proves_is_not_in_a_line(dump: Dump) -> None:
    (line, *_) = dump.files[EVENTS_FILE].splitlines()
    assert tuple(orjson.loads(line)) == FIELDS
    assert not {"recorded_at", "chain"} & set(FIELDS)


@given(data=st.data(), name=st.sampled_from(FILES), named=st.booleans())
def test_one_bit_anywhere_in_any_file_is_found(dump: Dump, data: st.DataObject, name: str, named: bool) -> None:
    content = bytearray(dump.files[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    refused_copy(dump, name, bytes(content), dump.key if named else None)


@given(data=st.data(), name=st.sampled_from(FILES), junk=st.binary(max_size=40))
def test_anything_cut_out_or_put_in_anywhere_is_found(dump: Dump, data: st.DataObject, name: str, junk: bytes) -> None:
    content = dump.files[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    changed = content[:start] + junk + content[end:]
    if changed != content:
        refused_copy(dump, name, changed, dump.key)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_is_named(dump: Dump, copy: Path, name: str) -> None:
    (copy / name).unlink()
    refused(copy, dump.key, match=name)


@pytest.mark.parametrize("name", ["notes.txt", "vectors/more.npy", "adapters", ".hidden"])
def test_a_file_that_no_dump_has_is_named(dump: Dump, copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"")
    refused(copy, dump.key, match=name)


@pytest.mark.parametrize("name", FILES)
def test_a_link_is_not_followed_although_it_leads_to_the_same_bytes(dump: Dump, copy: Path, name: str) -> None:
    (copy / name).unlink()
    (copy / name).symlink_to(dump.folder / name)
    refused(copy, dump.key, match=name)


def test_a_link_in_place_of_a_folder_is_not_followed(dump: Dump, copy: Path) -> None:
    shutil.rmtree(copy / "vectors")
    (copy / "vectors").symlink_to(dump.folder / "vectors")
    refused(copy, dump.key, match="vectors")


def test_what_is_no_file_is_not_waited_for(dump: Dump, copy: Path) -> None:
    (copy / EVENTS_FILE).unlink()
    os.mkfifo(copy / EVENTS_FILE)
    refused(copy, dump.key, match=f"{EVENTS_FILE}: it is not a file")


def test_a_file_that_is_too_large_is_not_read(dump: Dump, copy: Path) -> None:
    os.truncate(copy / KEYS_FILE, 2**33)
    refused(copy, dump.key, match=f"{KEYS_FILE}: it has more than")


def test_no_folder_is_no_dump(tmp_path: Path, dump: Dump) -> None:
    for place in (tmp_path / "none", dump.folder / MANIFEST_FILE):
        with pytest.raises(NotFound):
            read_bundle(place)


def test_another_key_than_the_one_that_signed_is_not_believed(dump: Dump, tmp_path: Path) -> None:
    other = write(dump.told, tmp_path / "other", seed=OTHER_SEED)
    with pytest.raises(SignatureRejected):
        read_bundle(dump.folder, other.verifier.verifier_key)
    with pytest.raises(Invalid):
        read_bundle(dump.folder, "nobody's key")
    read_bundle(tmp_path / "other")


@pytest.mark.parametrize("name", [CHECKPOINT_FILE, SIGNATURE_FILE])
def test_a_note_of_another_key_is_not_believed(dump: Dump, copy: Path, tmp_path: Path, name: str) -> None:
    write(dump.told, tmp_path / "other", seed=OTHER_SEED)
    (copy / name).write_bytes((tmp_path / "other" / name).read_bytes())
    refused(copy, dump.key)


# -- somebody who has the key of the store, and signs what was never so


Forgery = Callable[[Told], dict[str, Any]]


def with_row(told: Told, place: int, **changes: Any) -> tuple[Row, ...]:
    """With a leaf that fits."""
    names = {"position": 0, "stream_id": 1, "version": 2, "event_type": 3, "tenant_id": 5, "cube_id": 6, "payload": 13}
    row = list(told.rows[place])
    for name, value in changes.items():
        row[names[name]] = value
    row[16] = leaf_of(tuple(row))
    return (*told.rows[:place], tuple(row), *told.rows[place + 1 :])


def with_leaf_of_before(told: Told, place: int, **changes: Any) -> tuple[Row, ...]:
    """Whose proof is as good as ever."""
    rows = list(with_row(told, place, **changes))
    rows[place] = (*rows[place][:16], told.rows[place][16], None)
    return tuple(rows)


def swapped(told: Told) -> tuple[Row, ...]:
    first, second, *rest = told.rows
    return (second, first, *rest)


def zipped(array: np.ndarray) -> bytes:
    file = BytesIO()
    np.savez(file, array)
    return file.getvalue()


def pickled() -> bytes:
    file = BytesIO()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    return file.getvalue()


def unlike(told: Told, **facts: Any) -> dict[str, Any]:
    return {"facts": facts}


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "two lines change places": (lambda t: {"rows": swapped(t)}, "line 2"),
    "a line twice": (lambda t: {"rows": (*t.rows, t.rows[-1])}, "not in its place"),
    "the first event of a stream is missing": (lambda t: {"rows": t.rows[:1] + t.rows[2:]}, "before it is missing"),
    "the last event of a stream is missing": (lambda t: {"rows": t.rows[:-1]}, MANIFEST_FILE),
    "no events": (lambda t: {"rows": ()}, "never founded|opens nothing"),
    "another payload": (lambda t: {"rows": with_row(t, 2, payload='{"gate":"me"}')}, "another root"),
    "another payload beside the old leaf": (
        lambda t: {"rows": with_leaf_of_before(t, 2, payload='{"gate":"me"}')},
        "not the one that was written",
    ),
    "another tenant": (lambda t: {"rows": with_row(t, 2, tenant_id=new_id())}, "another cube"),
    "another cube": (lambda t: {"rows": with_row(t, 2, cube_id=new_id())}, "another cube"),
    "another stream": (lambda t: {"rows": with_row(t, 0, stream_id=new_id())}, "another stream"),
    "an event of a later release": (lambda t: {"rows": with_row(t, 2, event_type="memory.dreamt.v1")}, "knows no"),
    "an event of something else": (lambda t: {"rows": with_row(t, 2, event_type="grant.issued.v1")}, "knows no"),
    "another position": (lambda t: {"rows": with_row(t, -1, position=t.levels.size)}, "another root"),
    "a position after the end": (lambda t: {"rows": with_row(t, -1, position=t.levels.size + 9)}, "not in its place"),
    "a position before the beginning": (lambda t: {"rows": with_row(t, 0, position=-3)}, "not in its place"),
    "the proof of another event": (lambda t: {"proofs": {t.rows[0][0]: proof(t, t.rows[1][0])}}, "another root|hashes"),
    "a proof that is too short": (lambda t: {"proofs": {t.rows[0][0]: []}}, "it must have"),
    "a proof that never ends": (lambda t: {"proofs": {t.rows[0][0]: [b"\x00" * 32] * 65}}, "not an event"),
    "the key of another stream": (
        lambda t: {"keys": dict(zip(t.keys, reversed([*t.keys.values()]), strict=True))},
        "does not belong",
    ),
    "a key too many": (lambda t: {"keys": {**t.keys, new_id(): b"k" * 32}}, "opens nothing"),
    "a key too few": (lambda t: {"keys": dict(list(t.keys.items())[1:])}, "says something else|does not name"),
    "a key that is too short": (lambda t: {"keys": {each: b"k" * 16 for each in t.keys}}, "not written"),
    "keys in another order": (
        lambda t: {"files": {KEYS_FILE: b"".join(reversed([*key_lines(t.keys)]))}},
        "not written",
    ),
    "a checkpoint of less": (
        lambda t: {"files": {CHECKPOINT_FILE: checkpoint(t, signer_of(t), t.rows[-1][0] - 1)}},
        "does not bind",
    ),
    "a checkpoint of another log": (
        lambda t: {"files": {CHECKPOINT_FILE: checkpoint(story(), signer_of(t))}},
        "another root|does not bind|hashes",
    ),
    "another name": (lambda t: unlike(t, name="pantry"), MANIFEST_FILE),
    "another configuration": (lambda t: unlike(t, config=CubeConfig(corroborations=9).to_json()), MANIFEST_FILE),
    "more events": (lambda t: unlike(t, events=7), MANIFEST_FILE),
    "fewer memories": (lambda t: unlike(t, memories=1), MANIFEST_FILE),
    "more that can be read": (lambda t: unlike(t, readable=3), MANIFEST_FILE),
    "another position of it all": (lambda t: unlike(t, position=1), "not in its place"),
    "a position that no log has": (lambda t: unlike(t, position=2**63), MANIFEST_FILE),
    "a number that is none": (lambda t: unlike(t, events=float("nan")), MANIFEST_FILE),
    "a negative number": (lambda t: unlike(t, left_out=-1), MANIFEST_FILE),
    "a name that is no text": (lambda t: unlike(t, name=7), MANIFEST_FILE),
    "the key of somebody else": (lambda t: unlike(t, verifier_key=other_key(t)), "another key"),
    "no model": (lambda t: unlike(t, embedder=None), MANIFEST_FILE),
    "vectors that pickle": (lambda t: {"files": {VECTORS_FILE: pickled()}}, VECTORS_FILE),
    "vectors in an archive": (lambda t: {"files": {VECTORS_FILE: zipped(np.eye(3, 8))}}, VECTORS_FILE),
    "vectors that are pickled": (lambda t: {"files": {VECTORS_FILE: pickle.dumps([1.0])}}, VECTORS_FILE),
    "vectors of other shape": (lambda t: {"files": {VECTORS_FILE: vectors_file(eye(3, 4))}}, VECTORS_FILE),
    "vectors without number": (lambda t: {"files": {VECTORS_FILE: vectors_file(eye(3, 8) * np.nan)}}, "no unit"),
    "vectors without end": (lambda t: {"files": {VECTORS_FILE: vectors_file(eye(3, 8) * np.inf)}}, "no unit"),
    "vectors that outshine others": (lambda t: {"files": {VECTORS_FILE: vectors_file(eye(3, 8) * 9)}}, "no unit"),
    "vectors of other texts": (lambda t: {"files": {POSITIONS_FILE: positions_file([1, 2, 3])}}, POSITIONS_FILE),
}


def eye(rows: int, columns: int) -> Any:
    return np.eye(rows, columns, dtype=np.float32)


def signer_of(told: Told) -> Ed25519Signer:
    return Ed25519Signer(told.origin, SEED)


def other_key(told: Told) -> str:
    return Ed25519Signer(told.origin, OTHER_SEED).verifier.verifier_key


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_that_is_signed_is_refused_by_name(name: str, dump: Dump, tmp_path: Path) -> None:
    forgery, match = FORGERIES[name]
    write(dump.told, tmp_path / "forged", **forgery(dump.told))
    refused(tmp_path / "forged", dump.key, match=match)


@pytest.mark.parametrize("name", ["../events.ndjson", "/etc/hostname", "vectors/../../x", "", "\x00", "manifest.json"])
def test_a_name_in_a_manifest_opens_nothing(name: str, dump: Dump, tmp_path: Path) -> None:
    files = Manifest.parse(dump.files[MANIFEST_FILE]).files
    write(dump.told, tmp_path / "forged", facts={"files": {**files, name: files[EVENTS_FILE]}})
    refused(tmp_path / "forged", dump.key, match="missing")


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace(b"  ", b" "),
        lambda text: text.rstrip(),
        lambda text: text.replace(b'"events": 6', b'"events": 6.0'),
        lambda text: text.replace(b'"events": 6', b'"events": 6, "events": 6'),
        lambda text: text.replace(b'"events": 6', b'"events": NaN'),
        lambda text: text.replace(b'"events": 6', b'"events": 1e400'),
        lambda text: text.replace(b'"events": 6', b'"events": ' + b"9" * 400),
        lambda text: text.replace(b'"events": 6', b'"event": 6'),
        lambda text: text.replace(b"mnemolog-cube/1", b"mnemolog-cube/2"),
        lambda text: text.replace(b'"dimensions": 8', b'"dimensions": 8000000000'),
        lambda text: b"[" * 100_000,
        lambda text: text.replace(b'"models": {}', b'"models": ' + b"[" * 900 + b"]" * 900),
        lambda text: b"\xff" + text,
        lambda text: b"null",
        lambda text: b"",
    ],
)
def test_a_manifest_has_one_writing(dump: Dump, written: Callable[[bytes], bytes]) -> None:
    content = dump.files[MANIFEST_FILE]
    assert written(content) != content
    with pytest.raises(BundleCorrupted, match=MANIFEST_FILE):
        Manifest.parse(written(content))


def test_without_keys_a_dump_proves_and_says_nothing(dump: Dump, tmp_path: Path) -> None:
    whole = write(dump.told, tmp_path / "whole")
    read = read_bundle(dump.folder)
    with drafting(tmp_path / "bare", lambda draft: None) as draft:
        for name in (CHECKPOINT_FILE, EVENTS_FILE):
            draft.write(name, [dump.files[name]])
        draft.sign(replace(read.manifest, readable=0, embedder=None, files=draft.files), whole)
    bundle = read_bundle(tmp_path / "bare", dump.key)
    assert len(bundle.rows) == 6
    assert not bundle.worded
    assert bundle.vectors is None
    assert all(text.encode() not in b"".join(every_file(tmp_path / "bare").values()) for _, text in dump.told.texts)


# -- written whole or not at all


def test_a_dump_that_does_not_come_to_its_end_leaves_nothing(dump: Dump, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), drafting(tmp_path / "d", read_bundle) as draft:
        draft.write(EVENTS_FILE, full_disk())
    with pytest.raises(VerificationFailed), drafting(tmp_path / "d", read_bundle) as draft:
        draft.write(EVENTS_FILE, [b"{}\n"])
    assert list(tmp_path.iterdir()) == []


def full_disk() -> Iterator[bytes]:
    yield b"{}"
    raise OSError(28, "the disk is full")


def test_what_is_there_is_never_written_over(dump: Dump, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".killed.draft").mkdir()
    before = sorted(tmp_path.iterdir())
    for name in ("file", "folder", "link", "killed"):
        with pytest.raises(AlreadyExists), drafting(tmp_path / name, read_bundle):
            pytest.fail("it must not begin")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_dump_that_is_larger_than_can_be_loaded_says_so(dump: Dump, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_files, "MOST_EVENTS", 5)
    with pytest.raises(Invalid, match="6 events is too large; at most 5"):
        read_bundle(dump.folder, dump.key)


def test_the_moment_of_a_dump_is_written_in_one_way(dump: Dump) -> None:
    manifest = Manifest.parse(dump.files[MANIFEST_FILE])
    assert manifest.made_at == NOW
    assert isinstance(manifest.cube_id, UUID)
    assert Manifest.parse(manifest.encode()) == manifest
