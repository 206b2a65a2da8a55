from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.sentence_transformers import SentenceTransformerEmbedder
from mnemolog.domain.refusals import EmbedderUnavailable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Enough of a model for what happens before it is loaded."""
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def fingerprint(folder: Path) -> bytes:
    return SentenceTransformerEmbedder(str(folder)).fingerprint


@pytest.mark.parametrize(
    "file", ["model.safetensors", "1_Pooling/config.json", "2_Dense/pytorch_model.bin", "new.json"]
)
def test_every_file_that_can_decide_a_vector_decides_the_fingerprint(folder: Path, file: str) -> None:
    before = fingerprint(folder)
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("changed")
    assert fingerprint(folder) != before


@pytest.mark.parametrize("file", [".cache/fetched_at", ".gitattributes", "onnx/model.onnx", "pytorch_model.bin"])
def test_traces_of_the_download_and_of_other_runtimes_do_not(folder: Path, file: str) -> None:
    before = fingerprint(folder)
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("anything")
    assert fingerprint(folder) == before


def test_a_file_that_moved_is_another_model(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    assert fingerprint(folder) != before


def test_a_folder_is_called_by_its_last_part(folder: Path) -> None:
    assert SentenceTransformerEmbedder(str(folder)).name == folder.name


def absent(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


def test_without_the_library_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(EmbedderUnavailable, match=r"missing; .*pip install 'mnemolog\[sentence-transformers\]'"):
        SentenceTransformerEmbedder(str(folder)).embed(["tea"])


def test_a_library_that_cannot_be_imported_is_a_refusal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EmbedderUnavailable, match="cannot be imported"):
        SentenceTransformerEmbedder(str(folder)).embed(["tea"])


def test_a_library_that_would_run_code_of_models_is_not_even_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "5.9.1")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EmbedderUnavailable, match=r"5\.9\.1 is too old"):
        SentenceTransformerEmbedder(str(folder)).embed(["tea"])


def test_a_folder_without_a_model_is_a_refusal(folder: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="cannot be loaded"):
        SentenceTransformerEmbedder(str(folder)).embed(["tea"])
