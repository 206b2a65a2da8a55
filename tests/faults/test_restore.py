"""The server is lost, and what was backed up is put back: as it was then, to a moment, and to the end of its log."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.account import choose_account
from mnemolog.adapters.postgres.binaries import find_binaries
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.migrate import migrate
from mnemolog.api import Store, open_store
from mnemolog.domain.checkpoints import split_notes
from mnemolog.domain.commands import Remember
from mnemolog.domain.refusals import MemoryErased, MemoryNotFound, VerificationFailed
from tests.command_line import CommandLine
from tests.databases import database, memory_disk, superuser

ARCHIVING = {"archive_mode": "on", "full_page_writes": "on", "max_wal_size": "256MB"}
SEGMENT = "SELECT last_archived_wal FROM pg_stat_archiver"
PATIENCE = 600  # looks


@dataclass(frozen=True)
class Disaster:
    """What is left of a server: a base backup, its archived log, the home; and what was said by then."""

    folder: Path
    told: Mapping[str, UUID]
    moment: datetime
    heads: Mapping[str, int]
    verifier_key: str

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def note(self) -> Path:
        """The newest checkpoint, as a client has kept it."""
        return self.folder / "note"


def opened(home: Path, dsn: str) -> Store:
    return open_store(home, dsn, embedder=HashingEmbedder())


def head(dsn: str) -> int:
    with superuser(dsn) as connection:
        found: int = connection.execute("SELECT max(position) FROM mnemolog.event").fetchall()[0][0]
    return found


@pytest.fixture(scope="module")
def disaster() -> Iterator[Disaster]:
    folder = Path(tempfile.mkdtemp(prefix="mnemolog-restore-", dir=memory_disk()))
    folder.chmod(0o711)
    try:
        yield suffered(folder)
    finally:
        shutil.rmtree(folder)


def suffered(folder: Path) -> Disaster:
    archive, home, told, heads = folder / "archive", folder / "home", dict[str, UUID](), dict[str, int]()
    archive.mkdir()
    choose_account(folder / "none", None).give(archive)
    settings = {**ARCHIVING, "archive_command": f"test ! -f {archive}/%f && cp %p {archive}/%f"}
    server = EmbeddedPostgres(folder / "lost", durable=False, settings=settings, linger=0.1)
    with server:
        dsn = server.dsn()
        migrate(dsn)
        with opened(home, dsn) as store:
            ada = store.principals.register_subject("Ada").subject_id
            about = Remember(text="Ada takes no sugar.", subject_id=ada)
            told["early"], told["ada"] = store.memories.remember("main", "Tea is in the tin.", about).memory_ids
            store.recall("main", "tea")
        postgres("pg_basebackup", f"--pgdata={folder / 'base'}", "--checkpoint=fast", f"--dbname={dsn}")
        heads["backup"] = head(dsn)
        with opened(home, dsn) as store:
            told["later"] = store.memories.remember("main", "Jam is in the jar.").memory_ids[0]
        heads["moment"], moment = head(dsn), now(dsn)
        with opened(home, dsn) as store:
            told["last"] = store.memories.remember("main", "Figs are in the box.").memory_ids[0]
            store.erasures.erase(subject=ada, basis="case 1")
            key = store.evidence.verifier_key()
        heads["end"] = head(dsn)
        archived(dsn)
    assert server.wait_stopped()
    shutil.rmtree(folder / "lost")
    (folder / "note").write_bytes(split_notes((home / "checkpoints").read_bytes())[-1])
    return Disaster(folder, told, moment, heads, key)


def postgres(tool: str, *arguments: str) -> None:
    subprocess.run([find_binaries().tool(tool), *arguments], check=True, capture_output=True)


def now(dsn: str) -> datetime:
    with superuser(dsn) as connection:
        moment: datetime = connection.execute("SELECT clock_timestamp()").fetchall()[0][0]
    return moment


def archived(dsn: str) -> None:
    """The last segment too, which is not full."""
    with superuser(dsn) as connection:
        (segment,) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchall()[0]
        for _ in range(PATIENCE):
            (last,) = connection.execute(SEGMENT).fetchall()[0]
            if last is not None and last >= segment:
                return
            connection.execute("SELECT pg_sleep(0.1)")
    raise AssertionError("the log is not archived")


@contextmanager
def restored(disaster: Disaster, name: str, **recovery: str) -> Iterator[tuple[str, Path]]:
    """The DSN of a server on the base backup, with as much of the archived log as `recovery` says; and a home."""
    root, home = disaster.folder / name, disaster.folder / f"{name}-home"
    pgdata = root / "postgres" / "pgdata"
    shutil.copytree(disaster.folder / "base", pgdata)
    shutil.copytree(disaster.folder / "home", home)
    account = choose_account(disaster.folder / "none", None)
    for path in (pgdata, *pgdata.rglob("*")):
        account.give(path)
    pgdata.chmod(0o700)
    settings = dict(recovery)
    if recovery:
        (pgdata / "recovery.signal").touch()
        settings |= {"restore_command": f"cp {disaster.archive}/%f %p", "recovery_target_action": "promote"}
        settings["hot_standby"] = "off"  # or somebody would be let in before it is done, and find it read-only
    server = EmbeddedPostgres(root, durable=False, settings=settings, linger=0.1)
    with server:
        yield server.dsn(), home
    assert server.wait_stopped()
    shutil.rmtree(root)


def is_told(store: Store, memory_id: UUID) -> bool:
    try:
        store.memories.get(memory_id)
    except MemoryNotFound:
        return False
    return True


def check_goes_on(store: Store) -> None:
    """Everything that is there is whole, views made before the loss do not mislead, and the log grows."""
    before = store.log.head()
    written = store.memories.remember("main", "Somebody goes on.")
    assert written.position > before
    store.views.verify()
    assert store.recall("main", "Where is the tea?").hits[0].text == "Tea is in the tin."


def check_erased(store: Store, disaster: Disaster) -> None:
    """Although the keys have come back, and the log says nothing of it."""
    with pytest.raises(MemoryErased):
        store.memories.get(disaster.told["ada"])
    assert not any("sugar" in hit.text for hit in store.recall("main", "Who takes sugar?").hits)


def test_an_older_backup_forgets_what_came_later_but_not_what_was_erased_and_cannot_pass_for_the_newest(
    disaster: Disaster, tmp_path: Path
) -> None:
    with restored(disaster, "older") as (dsn, home):
        assert head(dsn) == disaster.heads["backup"]
        said = CommandLine(home, dsn)("verify", "--only", "log")
        assert (said.code, said.out) == (6, "")
        with opened(home, dsn) as store:
            check_erased(store, disaster)
            assert {name: is_told(store, disaster.told[name]) for name in ("early", "later", "last")} == {
                "early": True,
                "later": False,
                "last": False,
            }
            with pytest.raises(VerificationFailed):
                store.log.verify()
            (tmp_path / "log.ndjson").write_bytes(b"".join(store.evidence.export()))
        offline = ("--export", str(tmp_path / "log.ndjson"), "--checkpoint", str(disaster.note))
        assert CommandLine(tmp_path)("verify", *offline, "--key", disaster.verifier_key).code == 6
        (home / "checkpoints").rename(home / "checkpoints.before")  # the loss is accepted
        with opened(home, dsn) as store:
            check_goes_on(store)
            store.log.verify()
            check_erased(store, disaster)


@pytest.mark.long
def test_restored_to_a_moment_it_is_as_it_was_then_but_for_what_was_erased_since(disaster: Disaster) -> None:
    with restored(disaster, "moment", recovery_target_time=disaster.moment.isoformat(sep=" ")) as (dsn, home):
        assert head(dsn) == disaster.heads["moment"]
        (home / "checkpoints").rename(home / "checkpoints.before")
        with opened(home, dsn) as store:
            check_erased(store, disaster)
            assert is_told(store, disaster.told["later"])
            assert not is_told(store, disaster.told["last"])
            check_goes_on(store)
            store.log.verify()


def test_restored_to_the_end_of_the_archived_log_nothing_is_lost(disaster: Disaster) -> None:
    with restored(disaster, "end", recovery_target_timeline="latest") as (dsn, home):
        assert head(dsn) == disaster.heads["end"]
        with opened(home, dsn) as store:
            assert store.log.verify().bound >= disaster.heads["end"]
            assert all(is_told(store, disaster.told[name]) for name in ("early", "later", "last"))
            check_erased(store, disaster)
            check_goes_on(store)
            store.log.verify()


def test_a_dump_and_one_of_its_keys_are_together_the_same_log_and_apart_nobody_can_read_it(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    home, log, keys = tmp_path / "home", tmp_path / "log.dump", tmp_path / "keys.dump"
    with database(server) as dsn, database(server, "template0") as empty:
        with opened(home, dsn) as store:
            tea, gone = store.memories.remember("main", "Tea is in the tin.", "Jam is in the jar.").memory_ids
            postgres("pg_dump", "--format=custom", "--exclude-table-data=mnemolog_keys.*", f"--file={log}", dsn)
            postgres("pg_dump", "--format=custom", "--data-only", "--schema=mnemolog_keys", f"--file={keys}", dsn)
            store.erasures.erase(memory=gone, basis="case 1")
        postgres("pg_restore", "--exit-on-error", f"--dbname={empty}", str(log))
        with superuser(empty) as connection:
            assert connection.execute("SELECT count(*) FROM mnemolog_keys.content_key").fetchall() == [(0,)]
        postgres("pg_restore", "--exit-on-error", f"--dbname={empty}", str(keys))
        (home / "checkpoints").rename(home / "checkpoints.before")
        with opened(home, empty) as store:
            assert store.memories.get(tea).text == "Tea is in the tin."
            with pytest.raises(MemoryErased):
                store.memories.get(gone)
            check_goes_on(store)
            store.log.verify()
