"""Which files of an export are opened, and which never are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from mnemolog.adapters.imports import files
from mnemolog.adapters.imports.files import content, documents
from mnemolog.domain.refusals import CannotImport

TEXTS = b'[{"id": "1", "memory": "Tea.", "metadata": {}}]'
# What would be done by whoever opened it as what it says it is.
PICKLE = b"cos\nsystem\n(S'touch opened'\ntR."
OTHERS = ("activation_memory.pickle", "a.pkl", "b.pt", "c.safetensors", "d.bin", "e.py", "parametric_memory.adapter")


def parse(name: str, content: bytes) -> Any:
    return orjson.loads(content)


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    (tmp_path / "textual_memory.json").write_bytes(TEXTS)
    (tmp_path / "config.json").write_bytes(b'{"text_mem": {"config": {"memory_filename": "textual_memory.json"}}}')
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is opened from now on."""
    names: list[str] = []
    really = os.open

    def noted(path: str | Path, *arguments: Any, **named: Any) -> int:
        names.append(Path(path).name)
        return really(path, *arguments, **named)

    monkeypatch.setattr(os, "open", noted)
    return names


def test_of_a_dump_the_texts_are_read_and_every_other_file_is_named_and_left_alone(
    cube: Path, opened: list[str]
) -> None:
    for name in OTHERS:
        (cube / name).write_bytes(PICKLE)
    (cube / "folder").mkdir()
    found, unopened = documents(cube, parse)
    assert found == [orjson.loads(TEXTS)]
    assert {each.name for each in unopened} == {*OTHERS, "folder"}
    assert opened == [cube.name, "config.json", "textual_memory.json"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_not_json_by_its_name_is_not_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotImport, match="no pickles, no weights, no code"):
        documents(tmp_path / name, parse)  # it need not even be there


def test_texts_and_preferences_are_in_files_that_the_cube_names(cube: Path) -> None:
    config = {"pref_mem": {"config": {"memory_filename": "preferences.json"}}}
    (cube / "config.json").write_bytes(orjson.dumps(config))
    (cube / "preferences.json").write_bytes(b"{}")
    assert documents(cube, parse)[0] == [orjson.loads(TEXTS), {}]


def test_a_pickle_that_a_cube_calls_its_texts_is_not_opened(cube: Path) -> None:
    (cube / "config.json").write_bytes(b'{"text_mem": {"config": {"memory_filename": "a.pickle"}}}')
    (cube / "a.pickle").write_bytes(PICKLE)
    with pytest.raises(CannotImport, match="no pickles"):
        documents(cube, parse)


@pytest.mark.parametrize("name", ["textual_memory.json", "config.json", "other"])
def test_no_link_is_followed_and_a_folder_with_one_is_refused(cube: Path, tmp_path: Path, name: str) -> None:
    (cube / name).unlink(missing_ok=True)
    (cube / name).symlink_to("/etc/passwd")
    with pytest.raises(CannotImport, match="symbolic link") as refused:
        documents(cube, parse)
    assert refused.value.facts["what"] == name


def test_a_link_to_a_file_or_a_folder_is_refused(cube: Path) -> None:
    for name, target in (("linked.json", cube / "config.json"), ("linked_folder.json", cube)):
        (cube / name).symlink_to(target)
        with pytest.raises(CannotImport, match="symbolic link"):
            documents(cube / name, parse)


def test_a_pipe_is_not_waited_for(cube: Path) -> None:
    os.mkfifo(cube / "pipe.json")
    with pytest.raises(CannotImport, match="not a regular file"):
        documents(cube / "pipe.json", parse)


def test_an_enormous_file_is_not_read(cube: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cube / "textual_memory.json"
    monkeypatch.setattr(files, "LARGEST", len(TEXTS))
    assert content(str(path), path.name) == TEXTS
    monkeypatch.setattr(files, "LARGEST", len(TEXTS) - 1)
    with pytest.raises(CannotImport, match="more than"):
        documents(cube, parse)


def test_a_sparse_file_of_any_size_is_not_read(cube: Path) -> None:
    with open(cube / "textual_memory.json", "ab") as file:
        file.truncate(2**40)
    with pytest.raises(CannotImport, match="more than"):
        documents(cube, parse)


def test_a_folder_without_texts_is_no_dump(tmp_path: Path) -> None:
    with pytest.raises(CannotImport, match="no dump of MemOS"):
        documents(tmp_path, parse)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CannotImport, match="no\\.json cannot be imported: No such file"):
        documents(tmp_path / "no.json", parse)
