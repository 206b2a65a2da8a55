"""Where the key-encryption key comes from: a file, a variable, or a command that asks a key service.

A key is 32 bytes; a variable and a command say them in base64. None of it is ever logged, nor what a command complains.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import shlex
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from mnemolog.adapters import secret_files
from mnemolog.adapters.durable_files import make_folder, sync
from mnemolog.domain.refusals import KeyUnavailable

KEY_BYTES = 32
COMMAND_SECONDS = 30.0


class KeySource(Protocol):
    def keys(self) -> list[bytes]:
        """The key, and after it those that may have taken its place. Raises KeyUnavailable."""
        ...

    def settled(self, key: bytes) -> None:
        """It is `key` under which the store's keys are."""
        ...


class KeyText:
    """`name` says where it stands, for those who must put it right."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text

    def keys(self) -> list[bytes]:
        return [_decoded(self._name, self._text)]

    def settled(self, key: bytes) -> None:
        """Whoever wrote it changes it."""


class KeyCommand:
    """Split as a shell would, and run without one. Its first line of output is the key."""

    def __init__(self, name: str, command: str, seconds: float = COMMAND_SECONDS) -> None:
        self._name, self._command, self._seconds = name, command, seconds

    def keys(self) -> list[bytes]:
        try:
            done = subprocess.run(
                shlex.split(self._command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise KeyUnavailable(reason=f"{self._name} took longer than {self._seconds:g} seconds") from None
        except (OSError, ValueError, IndexError) as error:
            raise KeyUnavailable(reason=f"{self._name} cannot be run ({type(error).__name__})") from None
        if done.returncode:
            raise KeyUnavailable(reason=f"{self._name} ended with {done.returncode}")
        return [_decoded(self._name, done.stdout.decode("ascii", "replace"))]

    def settled(self, key: bytes) -> None:
        """The service keeps its keys itself."""


class KeyFile:
    """Made at the first start. While keys are being rotated, the next one lies beside it."""

    def __init__(self, path: Path) -> None:
        self._path, self._next = path, path.with_name(f"{path.name}.next")

    def keys(self) -> list[bytes]:
        make_folder(self._path.parent)
        found = [secret_files.read_or_make(self._path, _new_key)]
        with suppress(FileNotFoundError):
            found.append(secret_files.read(self._next))
        return found

    def make_next(self) -> bytes:
        """On disk before anything is wrapped with it. One that is there already was never used."""
        return secret_files.read_or_make(self._next, _new_key)

    def settled(self, key: bytes) -> None:
        """Another process may do the same. One that is not used yet is left: it may be about to be."""
        with suppress(FileNotFoundError):
            if secret_files.read(self._next) == key:
                self._next.replace(self._path)
                sync(self._path.parent)


class KeyChoice:
    """The present key from one source, and the one that takes its place from another."""

    def __init__(self, present: KeySource, following: KeySource) -> None:
        self._present, self._following = present, following

    def keys(self) -> list[bytes]:
        return [*self._present.keys(), *self._following.keys()]

    def settled(self, key: bytes) -> None:
        self._present.settled(key)


def source_of(name: str, text: str | None, command: str | None) -> KeySource | None:
    """None when neither the variable `name` nor its `_COMMAND` is set. A key that stands there wins."""
    if text is not None:
        return KeyText(name, text)
    return None if command is None else KeyCommand(f"{name}_COMMAND", command)


def _new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnavailable(reason=f"{name} is not base64") from None
