"""Probes of tiny models: planted tasks are learnt, shuffled labels are not, and nothing is left behind."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ROBERTA_SPECIALS, Family, TokenizerName, tiny_model, tiny_tokenizer
from wechsel_core.errors import ConfigError, ModelError, TrainingError
from wechsel_core.evaluation import probes
from wechsel_core.evaluation.probe_data import Labelled, Task, read_sides
from wechsel_core.evaluation.probes import ProbeConfig, probe

DATA = Path(__file__).parent / "data"
POSITIONS = 32
TRAINED = ProbeConfig(epochs=80, learning_rate=5e-3, batch_size=8)
QUICK = ProbeConfig(epochs=16, learning_rate=5e-3, batch_size=8)
FILLERS = "le la un une dort mange court dans sur jardin table maison rue vert rouge petit grand".split()
CUES = {"yes": "vraiment", "no": "jamais", "maybe": "parfois"}
NAMES = {"B-LOC": ("Lyon", "Brest", "Tours"), "B-PER": ("Paul", "Anna", "Omar")}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models of this size are slower with two, and busy machines make it worse."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def planted_pairs(n: int, seed: int) -> Labelled:
    """The label is told by one word of the hypothesis."""
    rng = random.Random(seed)
    labels = [rng.choice(list(CUES)) for _ in range(n)]
    texts = []
    for label in labels:
        hypothesis = [*rng.choices(FILLERS, k=3), CUES[label]]
        rng.shuffle(hypothesis)
        texts.append((" ".join(rng.choices(FILLERS, k=4)), " ".join(hypothesis)))
    return Labelled("planted", "", tuple(texts), tuple((label,) for label in labels))


def planted_tags(n: int, seed: int) -> Labelled:
    """The tag is told by the word."""
    rng = random.Random(seed)
    sentences = []
    for _ in range(n):
        tag = rng.choice(list(NAMES))
        sentence = [(word, "O") for word in rng.choices(FILLERS, k=4)] + [(rng.choice(NAMES[tag]), tag)]
        rng.shuffle(sentence)
        sentences.append(sentence)
    words, tags = (tuple(tuple(pair[i] for pair in sentence) for sentence in sentences) for i in (0, 1))
    return Labelled("planted", "", words, tags)


def shuffled(data: Labelled) -> Labelled:
    """The same labels at other places."""
    flat = [label for labels in data.labels for label in labels]
    random.Random(0).shuffle(flat)
    mixed = iter(flat)
    return dataclasses.replace(data, labels=tuple(tuple(next(mixed) for _ in labels) for labels in data.labels))


def saved(folder: Path, family: Family, kind: TokenizerName, data: Labelled) -> Any:
    """A tiny random model whose tokenizer knows the words of the data; gives the tokenizer."""
    lines = tuple(" ".join(texts) for texts in data.texts) * 2
    specials = ROBERTA_SPECIALS if (family, kind) == ("roberta", "bpe") else None
    if kind == "unigram":
        tokenizer = unigram_of({word for line in lines for word in line.split()})
    else:
        tokenizer = tiny_tokenizer(kind, special_tokens=specials, lines=lines, vocab_size=900)
    tiny_model(family, tokenizer, dim=32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def unigram_of(words: set[str]) -> Any:
    """A Unigram tokenizer of whole words: the trainer cuts so few of them into letters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    specials = list(dict.fromkeys(ROBERTA_SPECIALS.values()))
    vocabulary = [(token, 0.0) for token in specials] + [(f"▁{word}", -5.0) for word in sorted(words)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=specials.index("<unk>")))
    tokenizer.add_special_tokens(specials)
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    roles = {f"{role}_token": token for role, token in ROBERTA_SPECIALS.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)


def run(
    folder: Path, task: Task, train: Labelled, test: Labelled, config: ProbeConfig, **options: Any
) -> dict[str, Any]:
    from wechsel_core.tokenizers.load import load_tokenizer

    return probe(task, folder, load_tokenizer(folder), train, test, config, positions=POSITIONS, **options)


PLANTED = {"nli": (planted_pairs(120, 0), planted_pairs(60, 1)), "ner": (planted_tags(120, 0), planted_tags(60, 1))}
FAMILIES: list[tuple[Family, TokenizerName]] = [
    ("roberta", "bpe"), ("roberta", "unigram"), ("bert", "wordpiece"), ("gpt2", "bpe"), ("llama", "llama"),
]  # fmt: skip
#: One of each kind of tokenizer; the other combinations take half a minute.
FAST = [("roberta", "bpe", "nli"), ("roberta", "unigram", "ner"), ("bert", "wordpiece", "ner")]
SLOW = [(*pair, task) for pair in FAMILIES for task in ("nli", "ner") if (*pair, task) not in FAST]


@pytest.mark.parametrize("family,kind,task", [*FAST, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)])
def test_a_planted_task_is_learnt(tmp_path: Path, family: Family, kind: TokenizerName, task: Task) -> None:
    """On other sentences than it was trained on, by every architecture and tokenizer."""
    train, test = PLANTED[task]
    saved(tmp_path, family, kind, train)
    found = run(tmp_path, task, train, test, QUICK)
    assert found["score"] >= 0.8, found  # by chance a third
    if task == "nli":
        assert found["majority"] < 0.5
    else:
        assert found["n_cut"] == 0 and found["precision"] > 0.9 and found["recall"] > 0.9


@pytest.mark.parametrize("task", ["nli", "ner"])
def test_shuffled_labels_are_not(tmp_path: Path, task: Task) -> None:
    train, test = PLANTED[task]
    saved(tmp_path, "roberta", "bpe", train)
    assert run(tmp_path, task, shuffled(train), test, QUICK)["score"] < 0.6


@pytest.mark.parametrize("task,file", [("nli", "nli-fr.jsonl"), ("ner", "ner-fr.conll")])
def test_a_small_set_is_learnt_by_heart(tmp_path: Path, task: Task, file: str) -> None:
    train, test = read_sides(task, str(DATA / file), str(DATA / file))
    saved(tmp_path, "roberta", "bpe", train)
    found = run(tmp_path, task, train, test, TRAINED)
    assert found["score"] == 1.0 if task == "nli" else found["score"] > 0.9
    assert found["measure"] == {"nli": "accuracy", "ner": "entity F1"}[task]
    assert found["test"]["sha256"] == train.sha256 and found["test"]["n"] == 24 and found["config"]["epochs"] == 80
    assert found["test"]["labels"] == test.counts() and found["seconds"] > 0


def test_the_record_and_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Same seed, same score; the model is as it was; no file is left, nothing is printed, torch draws on as before."""
    import torch

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    train, test = PLANTED["ner"]
    place = tmp_path / "model"
    saved(place, "roberta", "bpe", train)
    before = {path: path.read_bytes() for path in place.iterdir()}
    capfd.readouterr()
    torch.manual_seed(7)
    steps: list[tuple[float, str]] = []
    short = ProbeConfig(epochs=1, learning_rate=5e-3, batch_size=16)
    first = run(place, "ner", train, test, short, progress=lambda *call: steps.append(call))
    drawn = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(1))
    again = run(place, "ner", train, test, short)
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert {path: path.read_bytes() for path in place.iterdir()} == before
    assert list((tmp_path / "scratch").iterdir()) == []
    assert capfd.readouterr() == ("", "")
    shares = [share for share, _ in steps]
    assert (
        shares == sorted(shares) and shares[-1] == 1.0 and (shares[0], steps[1][1]) == (0.0, "Fine-tuning: step 1 of 8")
    )


def test_the_seed_reaches_the_new_output_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = []

    def untrained(model: Any, pad: int, sides: Any, *_: Any) -> list[list[int]]:
        heads.append(model.classifier.out_proj.weight.detach())
        return [[0] for _ in sides[1]]

    monkeypatch.setattr(probes, "_fine_tuned", untrained)
    train, test = PLANTED["nli"]
    saved(tmp_path, "roberta", "bpe", train)
    for seed in (0, 0, 1):
        run(tmp_path, "nli", train, test, ProbeConfig(seed=seed))
    assert (heads[0] == heads[1]).all() and (heads[0] != heads[2]).all()


class Cancelled(Exception):
    pass


def test_cancelling_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    train, test = PLANTED["nli"]
    saved(tmp_path / "model", "roberta", "bpe", train)

    def stop(share: float, step: str) -> None:
        if "step 3" in step:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(tmp_path / "model", "nli", train, test, QUICK, progress=stop)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_words_beyond_the_model_count_as_missed(tmp_path: Path) -> None:
    """Of each sentence only the first words are read; an entity behind them is never found."""
    train, _ = PLANTED["ner"]
    words = ("le",) * 40
    test = Labelled("long", "", ((*words, "Lyon"),), (("O",) * 40 + ("B-LOC",),))
    saved(tmp_path, "bert", "wordpiece", train)
    found = run(tmp_path, "ner", train, test, ProbeConfig(epochs=1, learning_rate=5e-3))
    assert found["n_cut"] == 41 - (POSITIONS - 2) and found["score"] == found["recall"] == 0.0


def test_an_architecture_without_such_a_head(tmp_path: Path) -> None:
    from transformers import GPTNeoConfig, GPTNeoForCausalLM
    from transformers.models.auto import modeling_auto as auto

    train, test = PLANTED["nli"]
    tokenizer = saved(tmp_path, "gpt2", "bpe", train)
    config = GPTNeoConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_layers=1, num_heads=2, attention_types=[[["global"], 1]]
    )
    GPTNeoForCausalLM(config).save_pretrained(tmp_path)
    classes = auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    kept = classes.pop("gpt_neo")
    try:
        with pytest.raises(ModelError, match="no SequenceClassification for gpt_neo"):
            run(tmp_path, "nli", train, test, QUICK)
    finally:
        classes["gpt_neo"] = kept


def test_a_model_that_lacks_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    train, test = PLANTED["nli"]
    saved(tmp_path, "roberta", "bpe", train)
    state = load_file(tmp_path / "model.safetensors")
    state.pop("roberta.encoder.layer.1.output.dense.weight")
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks weights .roberta.encoder.layer.1.output.dense.weight"):
        run(tmp_path, "nli", train, test, QUICK)


def test_a_loss_that_is_no_number(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    train, test = PLANTED["nli"]
    saved(tmp_path, "roberta", "bpe", train)
    state = load_file(tmp_path / "model.safetensors")
    state["roberta.encoder.layer.1.output.dense.bias"].fill_(float("nan"))
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="loss of a probe became nan"):
        run(tmp_path, "nli", train, test, QUICK)


@pytest.mark.parametrize(
    "name,value",
    [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("learning_rate", float("nan")), ("max_tokens", 7),
     ("seed", -1), ("epochs", 1.5), ("seed", True)],
)  # fmt: skip
def test_bad_parameters(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        ProbeConfig(**{name: value})


def test_parameters_round_trip() -> None:
    assert ProbeConfig.from_dict(TRAINED.to_dict()) == TRAINED
