from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from mnemolog.adapters.embedders.minilm import FOLDER_VARIABLE, PINNED, MiniLM, installed_folder
from mnemolog.adapters.embedders.sentence_transformers import SentenceTransformerEmbedder
from mnemolog.domain.refusals import EmbedderUnavailable, ModelRejected

TEXTS = ["", "She prefers tea.", "日本語のテキスト 🙂 [SEP]", "a lone \ud800 surrogate", "word " * 2_000, "x" * 9_000]


def original() -> Path:
    folder = installed_folder()
    assert folder is not None, "the model's distribution must be installed for these tests"
    return folder


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """The pinned files and no others: links, but for the small one that tests change."""
    for file in PINNED:
        (tmp_path / file).symlink_to(original() / file)
    (tmp_path / "config.json").unlink()
    shutil.copy(original() / "config.json", tmp_path)
    return tmp_path


def test_gives_the_similarities_of_the_model_card() -> None:
    person, dog, very_happy, sunny = MiniLM().embed(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    assert_allclose([person @ dog, person @ very_happy, person @ sunny], [0.6946, 0.9429, 0.2569], atol=1e-4)


def test_agrees_with_the_reference_implementation() -> None:
    reference = SentenceTransformerEmbedder(str(original()))
    assert_allclose(MiniLM().embed(TEXTS), reference.embed(TEXTS), atol=1e-5)


def test_a_file_with_one_changed_byte_is_rejected(model_folder: Path) -> None:
    config = model_folder / "config.json"
    content = bytearray(config.read_bytes())
    content[10] ^= 1
    config.write_bytes(content)
    with pytest.raises(ModelRejected, match=r"config\.json is not the one that was expected"):
        MiniLM(model_folder).embed(["tea"])


@pytest.mark.parametrize("file", sorted(PINNED))
def test_another_file_in_the_place_of_a_pinned_one_is_rejected(model_folder: Path, file: str) -> None:
    (model_folder / file).unlink()
    (model_folder / file).write_bytes(b"{}")
    with pytest.raises(ModelRejected, match=file):
        MiniLM(model_folder).embed(["tea"])


def test_no_file_that_is_not_pinned_has_a_say(model_folder: Path) -> None:
    (model_folder / "tokenizer_config.json").write_text('{"do_lower_case": false, "model_max_length": 3}')
    (model_folder / "adapter_config.json").write_text("not JSON")
    assert_allclose(MiniLM(model_folder).embed(TEXTS), MiniLM().embed(TEXTS), atol=1e-6)


def test_a_rejected_folder_can_be_mended_without_a_restart(model_folder: Path) -> None:
    embedder = MiniLM(model_folder)
    (model_folder / "config.json").write_bytes(b"{}")
    with pytest.raises(ModelRejected):
        embedder.embed(["tea"])
    shutil.copy(original() / "config.json", model_folder)
    assert embedder.embed(["tea"]).shape == (1, 384)


def test_an_absent_file_is_named(model_folder: Path) -> None:
    (model_folder / "vocab.txt").unlink()
    assert not MiniLM(model_folder).available()
    with pytest.raises(EmbedderUnavailable, match=r"lacks vocab\.txt"):
        MiniLM(model_folder).embed(["tea"])


def test_the_folder_is_the_argument_or_else_the_environments_or_else_the_installed_one(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty := model_folder / "empty").mkdir()
    assert MiniLM().available()
    monkeypatch.setenv(FOLDER_VARIABLE, str(empty))
    assert f"{empty} lacks" in (MiniLM().missing() or "")
    assert MiniLM(model_folder).available()


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert not MiniLM().available()
    with pytest.raises(EmbedderUnavailable, match=r"pip install 'mnemolog\[models\]'"):
        MiniLM().embed(["tea"])


def test_the_number_of_threads_can_be_set() -> None:
    import torch

    before = torch.get_num_threads()
    try:
        MiniLM(threads=1).embed(["tea"])
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
