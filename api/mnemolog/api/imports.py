"""Memories from exports of other systems: all in quarantine, each with where it came from, none of them twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from mnemolog.adapters.imports import memos
from mnemolog.adapters.imports.files import Unopened, documents
from mnemolog.adapters.imports.formats import AUTO, READERS, detect
from mnemolog.adapters.imports.imported import Reading
from mnemolog.api.accesses import audited
from mnemolog.api.answers import Written
from mnemolog.api.import_batches import ImportBatches
from mnemolog.api.parts import Parts
from mnemolog.api.strict_json import parse
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import CannotImport, Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAnswer:
    """`memories` and `links` are what is imported, `left_out` counts by why what is not, `unopened` are files.

    `replayed` when all of it had been imported before. Of a dry run there are no ids and no position.
    """

    format: str
    memories: int
    links: int
    left_out: Mapping[str, int]
    naive_times: int
    unopened: Sequence[Unopened]
    memory_ids: tuple[UUID, ...]
    replayed: bool
    position: int | None


@audited("imports")
class Imports:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def file(self, cube: str | UUID, path: Path | str, format: str = AUTO, *, dry_run: bool = False) -> ImportAnswer:
        """A JSON file, or the folder of a MemOS dump. Raises CannotImport, CubeNotFound, Denied and their kin."""
        found, unopened = documents(Path(path), _parsed)
        chosen = memos.NAME if format == AUTO and Path(path).is_dir() else format
        return self._import(cube, found, unopened, chosen, dry_run=dry_run)

    def document(self, cube: str | UUID, document: Any, format: str = AUTO, *, dry_run: bool = False) -> ImportAnswer:
        """What an export's JSON says. Raises CannotImport, CubeNotFound, Denied and their kin."""
        return self._import(cube, [document], [], format, dry_run=dry_run)

    def _import(
        self, cube: str | UUID, found: Sequence[Any], unopened: Sequence[Unopened], format: str, *, dry_run: bool
    ) -> ImportAnswer:
        self._parts.wait_for_rules()
        cube_id = self._parts.cube(self._caller, cube, Action.WRITE).cube_id
        readings, batches = list[Reading](), list[ImportBatches]()
        for document in found:
            digest = _digest(document)
            name = detect(document) if format == AUTO else format
            readings.append(_read(document, name))
            batches.append(ImportBatches(self._parts, self._caller, cube_id, readings[-1], f"{name}:{digest}"))
        for each in batches:  # all of them before anything is written
            each.check()
        written = [] if dry_run else [written for each in batches for written in each.write()]
        return _answer(name, readings, unopened, written)


def _answer(
    format: str, readings: Sequence[Reading], unopened: Sequence[Unopened], written: Sequence[Written]
) -> ImportAnswer:
    left_out: Counter[str] = sum((reading.left_out for reading in readings), Counter())
    return ImportAnswer(
        format=format,
        memories=sum(len(reading.memories) for reading in readings) - left_out["expired"],
        links=sum(len(reading.links) for reading in readings),
        left_out=dict(sorted(left_out.items())),
        naive_times=sum(reading.naive_times for reading in readings),
        unopened=unopened,
        memory_ids=tuple(memory_id for each in written for memory_id in each.memory_ids),
        replayed=bool(written) and all(each.replayed for each in written),
        position=written[-1].position if written else None,
    )


def _read(document: Any, format: str) -> Reading:
    if format not in READERS:
        raise Invalid(reason=f"a format is one of {', '.join((*READERS, AUTO))}, not {format[:40]!r}")
    return READERS[format](document)


def _parsed(name: str, content: bytes) -> Any:
    try:
        return parse(content)
    except Invalid as refusal:
        raise CannotImport(what=name, reason=str(refusal)) from None
    except RecursionError:
        raise CannotImport(what=name, reason="it is nested too deeply") from None


def _digest(document: Any) -> str:
    """Of what it says: the order of keys and the spaces between them are not part of that."""
    try:
        return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
    except orjson.JSONEncodeError as error:
        raise CannotImport(what="The export", reason=str(error)) from None
