"""A model on this machine is read as its library reads it, and only its numbers and its words are taken from it."""

from __future__ import annotations

import json
import pickle
import socket
import sys
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import Any

import pytest

from mnemolog.adapters.rerankers.classifiers import MOST_TOKENS
from mnemolog.adapters.rerankers.cross_encoder import CrossEncoder
from mnemolog.domain.refusals import RerankerUnavailable
from tests.tiny_cross_encoder import expected_logits, network, save_cross_encoder, save_tokenizer, shape

QUERY = "who?"
TEXTS = ["ada moved to lisbon.", "", "she prefers tea"]  # each letter is a token


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_cross_encoder(tmp_path / "tiny")


def scores(folder: Path, query: str = QUERY, texts: list[str] = TEXTS) -> list[float]:
    return list(CrossEncoder(str(folder)).rerank(query, texts))


def refused(folder: Path) -> str:
    with pytest.raises(RerankerUnavailable) as refusal:
        scores(folder)
    assert not any(private in str(refusal.value) for private in ("who?", "lisbon"))
    return str(refusal.value)


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def spelled(query: str) -> str:
    """With a space where the tokenizer would cut."""
    return query.replace("?", " ?").replace(".", " .")


# -- scores ------------------------------------------------------------------------------------------------------------


def test_a_score_is_the_logit_of_the_question_and_the_text(folder: Path) -> None:
    expected = [expected_logits(folder, spelled(QUERY), spelled(text)) for text in TEXTS]
    assert scores(folder) == pytest.approx([logit for (logit,) in expected], abs=1e-4)
    assert len(set(scores(folder))) == len(TEXTS)


def test_of_two_classes_the_second_speaks_for_the_text_and_the_first_against_it(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path, num_labels=2)
    expected = [expected_logits(folder, spelled(QUERY), spelled(text)) for text in TEXTS]
    assert scores(folder) == pytest.approx([yes - no for no, yes in expected], abs=1e-4)


def test_weights_in_half_precision_are_computed_with_in_full(folder: Path) -> None:
    import torch

    network().to(torch.bfloat16).save_pretrained(folder)
    expected = [expected_logits(folder, spelled(QUERY), spelled(text)) for text in TEXTS]
    assert scores(folder) == pytest.approx([logit for (logit,) in expected], abs=1e-4)


def test_weights_in_several_files_are_read_together(folder: Path) -> None:
    whole = scores(folder)
    (folder / "model.safetensors").unlink()
    network().save_pretrained(folder, max_shard_size="4KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    assert scores(folder) == whole


def test_of_a_long_text_the_beginning_is_read(folder: Path) -> None:
    long, longer, other = scores(folder, texts=["tea " * 50, "tea " * 5_000, "cup " * 50])
    assert long == longer != other


@pytest.mark.parametrize("query", ["who " * 3_000, "w" * 50, "?" * 64])
def test_a_long_question_leaves_room_for_the_texts(folder: Path, query: str) -> None:
    assert len(set(scores(folder, query, TEXTS))) == len(TEXTS)


def test_a_network_whose_positions_start_behind_the_padding_is_not_read_beyond_its_last(tmp_path: Path) -> None:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    save_tokenizer(tmp_path)
    rewrite(tmp_path / "tokenizer_config.json", model_input_names=["input_ids", "attention_mask"])
    config = RobertaConfig(**shape(pad_token_id=0, bos_token_id=2, eos_token_id=3))
    RobertaForSequenceClassification(config).save_pretrained(tmp_path)
    long, longer, other = scores(tmp_path, texts=["tea " * 50, "tea " * 5_000, "cup " * 50])
    assert long == longer != other


def test_however_much_a_network_could_read_a_person_does_not_wait_for_it(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path, max_position_embeddings=4 * MOST_TOKENS)
    assert scores(folder, texts=["tea " * MOST_TOKENS]) == scores(folder, texts=["tea " * MOST_TOKENS + "cup"])


# -- the name ----------------------------------------------------------------------------------------------------------


def test_the_name_is_that_of_the_folder_and_tells_models_apart(tmp_path: Path) -> None:
    names = [CrossEncoder(str(save_cross_encoder(tmp_path / str(seed) / "tiny", seed))).name for seed in (1, 2)]
    assert names[0] != names[1]
    assert all(name.startswith("tiny ") and len(name) == len("tiny ") + 12 for name in names)
    assert CrossEncoder(str(save_cross_encoder(tmp_path / "again" / "tiny", 1))).name == names[0]


@pytest.mark.parametrize(
    ("file", "decides"),
    [("config.json", True), ("tokenizer.json", True), ("tokenizer_config.json", True), ("README.md", False)],
)
def test_every_file_that_can_decide_a_score_decides_the_name(folder: Path, file: str, decides: bool) -> None:
    before = CrossEncoder(str(folder)).name
    with (folder / file).open("a") as changed:
        changed.write("\n")
    assert (CrossEncoder(str(folder)).name != before) == decides


def test_a_folder_may_be_below_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert CrossEncoder("~/tiny").name == CrossEncoder(str(folder)).name


# -- what is refused ---------------------------------------------------------------------------------------------------


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def with_class_of(head: str) -> Callable[[Path], None]:
    """The weights of a network that was trained for something else."""

    def save(folder: Path) -> None:
        import transformers

        config = transformers.BertConfig(**shape())
        getattr(transformers, head)(config).save_pretrained(folder)

    return save


def with_no_number(folder: Path) -> None:
    model = network()
    model.classifier.bias.data.fill_(nan)
    model.save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: cut_short(folder / "model.safetensors"), "SafetensorError"),
        (lambda folder: cut_short(folder / "tokenizer.json"), "cannot be loaded"),
        (lambda folder: cut_short(folder / "config.json"), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors; pickled weights"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "holds no tokenizer.json"),
        (lambda folder: (folder / "config.json").unlink(), "cannot be loaded"),
        (lambda folder: network(num_labels=3).save_pretrained(folder), "tells 3 classes apart"),
        (with_class_of("BertModel"), "no cross-encoder: it lacks classifier.bias"),
        (lambda folder: network(vocab_size=20).save_pretrained(folder), "cannot read a text: IndexError"),
        (lambda folder: network(max_position_embeddings=8).save_pretrained(folder), "reads 8 tokens"),
        (lambda folder: rewrite(folder / "config.json", hidden_size=32), "cannot be loaded: RuntimeError"),
        (lambda folder: rewrite(folder / "config.json", model_type="clip"), "holds no network that classifies"),
        (lambda folder: rewrite(folder / "config.json", model_type="acme"), "cannot be loaded"),
        (with_no_number, "a score that is no number"),
    ],
)  # fmt: skip
def test_a_folder_that_makes_no_sense_is_refused_with_the_reason(
    folder: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(folder)
    assert reason in refused(folder)


@pytest.mark.parametrize("place", ["absent", "tiny/config.json"])
def test_what_is_no_folder_is_refused_when_it_is_asked(folder: Path, place: str) -> None:
    assert "is no folder here" in refused(folder.parent / place)
    with pytest.raises(RerankerUnavailable, match="is no folder here"):
        _ = CrossEncoder(str(folder.parent / place)).name


def test_a_folder_that_was_mended_is_read(folder: Path) -> None:
    (folder / "config.json").rename(folder / "away")
    model = CrossEncoder(str(folder))
    with pytest.raises(RerankerUnavailable):
        model.rerank(QUERY, TEXTS)
    (folder / "away").rename(folder / "config.json")
    assert model.rerank(QUERY, TEXTS) == scores(folder)


def test_without_the_libraries_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'mnemolog[models]'" in refused(folder)


# -- what is not done --------------------------------------------------------------------------------------------------


class Intruder:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.trace), "w")


def test_pickled_weights_are_not_read_with_others_or_without(folder: Path, tmp_path: Path) -> None:
    before, trace = scores(folder), tmp_path / "ran"
    for file in ("pytorch_model.bin", "training_args.bin", "model.bin"):
        (folder / file).write_bytes(pickle.dumps(Intruder(trace)))
    assert scores(folder) == before
    (folder / "model.safetensors").unlink()
    assert "pickled weights" in refused(folder)
    assert not trace.exists()


def test_code_that_a_model_brings_along_is_not_run(folder: Path, tmp_path: Path) -> None:
    before, trace = scores(folder), tmp_path / "ran"
    (folder / "intruder.py").write_text(f"open({str(trace)!r}, 'w')")
    named = {name: "intruder.It" for name in ("AutoConfig", "AutoModelForSequenceClassification")}
    rewrite(folder / "config.json", auto_map=named, attn_implementation="intruder/attention")
    rewrite(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "intruder.It"]})
    assert scores(folder) == before
    rewrite(folder / "config.json", model_type="intruder")
    assert "cannot be loaded" in refused(folder)
    assert not trace.exists()


def test_nothing_is_fetched_and_nothing_is_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*address: object) -> None:
        raise AssertionError(f"asked {address}")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "acme/tiny"}))
    capfd.readouterr()
    assert len(scores(folder)) == len(TEXTS)
    assert capfd.readouterr() == ("", "")
