"""Every method on every family, tied and not, and between tokenizers of different kinds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import GPT2_SPECIALS, LLAMA_SPECIALS, ROBERTA_SPECIALS, tiny_model, tiny_tokenizer
from tests.services import method_results, rows
from tests.services.tiny_files import DIM, ENGLISH, FRENCH, MODELS, TinyFiles, sentences
from wechsel_core.config import METHODS
from wechsel_core.services.initialise import initialise
from wechsel_core.tokenizers.load import load_tokenizer
from wechsel_core.tokenizers.table import token_table
from wechsel_core.transfer.roles import special_copies

Made = Callable[..., Path]
every_method = pytest.mark.parametrize("name", METHODS)
#: Source model and target tokenizer of different kinds: byte-level BPE, Unigram, WordPiece, BPE with byte fallback.
KINDS = (
    ("gpt2", "unigram"), ("gpt2", "llama"), ("roberta", "wordpiece"), ("llama", "bpe"),
    ("bert-wordpiece", "unigram"), ("gpt2-unigram", "bpe"),
)  # fmt: skip
SIZES = {"bpe": 400, "llama": 400, "unigram": 60, "wordpiece": 80}


@pytest.fixture(scope="session")
def kinds(files: TinyFiles) -> TinyFiles:
    """Target tokenizers of every kind, and source models with other kinds of tokenizer."""
    roles = {"bpe": GPT2_SPECIALS, "llama": LLAMA_SPECIALS, "unigram": ROBERTA_SPECIALS, "wordpiece": ROBERTA_SPECIALS}
    for kind, size in SIZES.items():
        options: Any = {"vocab_size": size, "special_tokens": roles[kind]}
        tiny_tokenizer(kind, lines=sentences(FRENCH, seed=1), **options).save_pretrained(files.folder / f"kind-{kind}")  # type: ignore[arg-type]
    for family, kind in (("bert", "wordpiece"), ("gpt2", "unigram")):
        specials: Any = {"special_tokens": ROBERTA_SPECIALS} if kind == "unigram" else {}
        tokenizer = tiny_tokenizer(kind, lines=sentences(ENGLISH), vocab_size=SIZES[kind], **specials)  # type: ignore[arg-type]
        tiny_model(family, tokenizer).save_pretrained(files.folder / f"{family}-{kind}")  # type: ignore[arg-type]
        tokenizer.save_pretrained(files.folder / f"{family}-{kind}")
    return files


def given(files: TinyFiles, name: str, make: Made, model: str = "gpt2") -> dict[str, Any]:
    """What a method is given; FOCUS vectors with n-grams, for the words of the others hold none of Llama's shared tokens."""
    more = {"target_vectors": str(files.folder / "fr.bin")} if name == "focus" else {}
    return method_results.changes(files, name, make, model) | more


def vocabulary_parts(folder: Path) -> dict[str, np.ndarray]:
    """Input rows, output rows and, where there is one, the output bias of a model as its class loads it."""
    model = rows.load(folder)
    head = model.get_output_embeddings()
    parts = {"input": model.get_input_embeddings().weight, "output": head.weight}
    if head.bias is not None:
        parts["bias"] = head.bias
    assert all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values())
    return {part: rows.array(tensor) for part, tensor in parts.items()}


def check(folder: Path, source: Path) -> None:
    """Finite and of the right shape when loaded again; special tokens have the rows of their roles."""
    before, after = vocabulary_parts(source), vocabulary_parts(folder)
    source_table, target_table = (token_table(load_tokenizer(f)) for f in (source, folder))
    assert before.keys() == after.keys()
    copies = special_copies(source_table, target_table)
    assert set(target_table.roles.values()) - set(copies) <= {target_table.roles.get("mask")}, "a mask has no stand-in"
    for part, made in after.items():
        assert made.shape == (len(target_table), *before[part].shape[1:])
        for target_id, source_id in copies.items():
            np.testing.assert_array_equal(made[target_id], before[part][source_id], err_msg=f"{part} {target_id}")
    counts = dict(zip(*np.unique(rows.kinds(folder), return_counts=True), strict=True))
    assert sum(counts.values()) == len(target_table) and counts["copied"] >= len(copies)


@every_method
@pytest.mark.parametrize("model", MODELS)
def test_family(name: str, model: str, made: Made, files: TinyFiles) -> None:
    folder = made(model, **given(files, name, made, model))
    check(folder, files.folder / model)
    loaded = rows.load(folder)
    tied = loaded.get_output_embeddings().weight.data_ptr() == loaded.get_input_embeddings().weight.data_ptr()
    assert tied is MODELS[model][1]


@every_method
@pytest.mark.parametrize(("source", "kind"), KINDS)
def test_kinds_of_tokenizer(name: str, source: str, kind: str, made: Made, kinds: TinyFiles) -> None:
    common = {"source": str(kinds.folder / source), "target_tokenizer": str(kinds.folder / f"kind-{kind}")}

    def make(model: str, **changes: Any) -> Path:
        return made(model, **changes, **common)

    check(make("gpt2", **given(kinds, name, make)), kinds.folder / source)


@every_method
def test_same_seed_same_bytes(name: str, made: Made, made_by: Made, files: TinyFiles, tmp_path: Path) -> None:
    """To the byte; another seed changes a result that draws, and no other."""
    changes = method_results.changes(files, name, made, "roberta-untied")
    found = []
    for seed, folder in ((0, made_by(name, "roberta-untied")), (0, tmp_path / "again"), (1, tmp_path / "other")):
        if not folder.exists():
            initialise(files.config("roberta-untied", **changes, seed=seed), folder)
        contents = [(folder / file).read_bytes() for file in ("model.safetensors", "neighbors.parquet")]
        found.append([hashlib.sha256(content).hexdigest() for content in contents])
    assert found[0] == found[1]
    draws = bool((rows.kinds(tmp_path / "again") == "fallback").any()) and name != "mean"
    assert (found[0][0] != found[2][0]) == draws


def test_some_of_them_draw_and_some_do_not(made_by: Made) -> None:
    """Otherwise the test before this one looks at one side alone."""
    drawing = {name for name in METHODS if (rows.kinds(made_by(name, "roberta-untied")) == "fallback").any()}
    assert {"overlap", "normal"} <= drawing and "subword-mean" not in drawing


def test_every_part_is_made_by_the_same_plan(made_by: Made, files: TinyFiles) -> None:
    """The rows of untied output embeddings and biases, too, are the stored mixture of the source's."""
    for name in ("wechsel", "overlap", "subword-mean", "focus", "omp"):
        folder = made_by(name, "roberta-untied")
        before, after = vocabulary_parts(files.folder / "roberta-untied"), vocabulary_parts(folder)
        known = rows.kinds(folder) != "fallback"
        for part, matrix in before.items():
            np.testing.assert_allclose(
                after[part][known], rows.remixed(folder, matrix)[known], atol=1e-5, err_msg=f"{name} {part}"
            )


def test_ofa_factorises_each_part(made_by: Made, files: TinyFiles) -> None:
    """A quarter of 16 dimensions: special tokens aside, input and output rows have rank 4, each its own."""
    folder = made_by("ofa", "roberta-untied")
    special = token_table(load_tokenizer(folder)).is_special
    parts = vocabulary_parts(folder)
    spaces = []
    for part in ("input", "output"):
        _, lengths, directions = np.linalg.svd(parts[part][~special].astype(np.float64), full_matrices=False)
        assert lengths[3] > 1e-3 and lengths[4] < 1e-5
        spaces.append(directions[:4])
    assert np.linalg.norm(spaces[0] @ spaces[1].T) < 1.9, "2 for one and the same space"
    assert DIM == 8 and parts["input"].shape[1] == 16
