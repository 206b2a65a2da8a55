"""Where a replay leaves what it made, and finds it again after it was interrupted.

    replay.json        which log, tenant, position and versions; what is finished, with its digest
    views/             cubes of views, in the sealed files that a store keeps of them, and its mark of obeyed erasures
    catalogue.ndjson   lines of the tables, without a personal word
    access.ndjson

The state of an unfinished table is among the sealed files, under the id of the tenant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from uuid import UUID

from mnemolog.adapters.durable_files import make_folder, replacing, sync
from mnemolog.adapters.postgres.flocks import open_private, try_lock
from mnemolog.adapters.view_files import ViewFiles
from mnemolog.domain.refusals import Invalid

FORMAT = 1
PLAN, LOCK, VIEWS = "replay.json", ".lock", "views"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is made, and from what. `views` has the version of each, `chain` is the link at `chain_position`."""

    log: str | None
    tenant_id: str
    cube_id: str | None
    position: int
    chain_position: int
    chain: str
    release: str
    views: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A view of a cube, or a table, whose `cube_id` is None."""

    view: str
    cube_id: str | None
    events: int
    digest: str
    seconds: float


class ReplayFolder(AbstractContextManager["ReplayFolder"]):
    """For one process at a time. `secret` has 32 bytes, and is that of the store's own files.

    Raises Invalid for a folder that holds something else, or that another process works in, and OSError.
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder, self.files = folder, ViewFiles(folder / VIEWS, secret)
        self._check_is_ours()
        make_folder(folder)
        with ExitStack() as undo:
            locked = try_lock(folder / LOCK)
            if locked is None:
                raise Invalid(reason=f"another replay into {folder} is under way")
            undo.enter_context(locked)
            self.plan, self._finished = self._read()
            self._closing = undo.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def finished(self) -> Sequence[Finished]:
        return self._finished

    def begin(self, plan: Plan, head: int) -> int:
        """Go on with what is here, which must be of the same plan, or begin: the position up to which erasures have
        been obeyed. Raises Invalid.
        """
        if self.plan is None:
            self.plan = plan
            self._write()
        elif different := [name for name, value in asdict(plan).items() if asdict(self.plan)[name] != value]:
            raise Invalid(reason=f"{self._folder} holds a replay of another {different[0].replace('_', ' ')}")
        reached = self.files.reached()
        if reached is None:  # then nothing is left that could be gone on with
            self._finished = []
            self.files.reach(head)
        return head if reached is None else reached

    def forget(self, cube_ids: Sequence[UUID], head: int) -> None:
        """Make nothing of these cubes any more of what is here. All erasures up to `head` are obeyed with this."""
        assert self.plan is not None
        for cube_id in cube_ids:
            for view in self.plan.views:
                self.files.drop(view, cube_id)
        gone = set(map(str, cube_ids))
        self._finished = [each for each in self._finished if each.cube_id not in gone]
        self._write()
        self.files.reach(head)

    def finish(self, some: Sequence[Finished]) -> None:
        self._finished = [*self._finished, *some]
        self._write()

    def lines(self, view: str, size: int) -> LinesFile:
        """Of a table, cut off after `size` bytes."""
        return self._closing.enter_context(LinesFile(self._folder / f"{view}.ndjson", size))

    def _check_is_ours(self) -> None:
        if self._folder.exists() and not self._folder.is_dir():
            raise Invalid(reason=f"{self._folder} is no folder")
        others = {each.name for each in self._folder.iterdir()} - {LOCK} if self._folder.exists() else set()
        if others and PLAN not in others:
            raise Invalid(reason=f"{self._folder} holds something else than a replay")

    def _read(self) -> tuple[Plan | None, list[Finished]]:
        path = self._folder / PLAN
        if not path.exists():
            return None, []
        try:
            known: dict[str, Any] = json.loads(path.read_bytes())
            if known.pop("format") != FORMAT:
                raise Invalid(reason=f"{path} has another format")
            return Plan(**known["plan"]), [Finished(**each) for each in known["finished"]]
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid(reason=f"{path} cannot be read ({type(error).__name__})") from error

    def _write(self) -> None:
        assert self.plan is not None
        known = {"format": FORMAT, "plan": asdict(self.plan), "finished": [asdict(each) for each in self._finished]}
        with replacing(self._folder / PLAN, self._folder / f".{PLAN}.draft") as file:
            file.write(json.dumps(known, indent=2).encode() + b"\n")


class LinesFile:
    """Implements `Lines`."""

    def __init__(self, path: Path, size: int) -> None:
        self._file: BinaryIO = open(path, "r+b", opener=open_private)  # noqa: SIM115 - closed with this
        self._file.truncate(size)
        sync(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def before(self) -> Iterator[bytes]:
        """What is there; then it can be gone on with."""
        self._file.seek(0)
        while some := self._file.read(CHUNK):
            yield some

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def write(self, some: bytes) -> None:
        self._file.write(some)

    def keep(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
