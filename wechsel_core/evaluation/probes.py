"""Fine-tune a model on a labelled task and score it: what its text representation is good for."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from logging import ERROR
from pathlib import Path
from typing import Any

from wechsel_core.config import _Config, option
from wechsel_core.errors import ConfigError, ModelError, TrainingError
from wechsel_core.evaluation.probe_data import Labelled, Task
from wechsel_core.evaluation.probe_scores import MEASURES, counts_of, majority, score
from wechsel_core.evaluation.probe_tokens import NOT_JUDGED, Example, encode
from wechsel_core.types import Progress

#: How the tasks are called to a person.
NAMES: dict[Task, str] = {"nli": "sentence pairs", "ner": "tagged words"}


@dataclass(frozen=True)
class ProbeConfig(_Config):
    """Everything that determines a probe besides its data and its model."""

    epochs: int = option(3, "Times that a probe goes through its training data.")
    learning_rate: float = option(
        2e-5, "Peak learning rate of a probe; the default suits models of RoBERTa's size, small ones need 1e-3 or more."
    )
    batch_size: int = option(16, "Examples a step of a probe.")
    max_tokens: int = option(128, "Tokens of an example that a probe reads; longer ones are cut.")
    seed: int = option(0, "Seed of a probe: its new output layer and the order of its data.")

    def __post_init__(self) -> None:
        self._check()
        for name, low, high in (
            ("epochs", 1, 10_000), ("batch_size", 1, 100_000), ("max_tokens", 8, 100_000), ("seed", 0, 2**32 - 1),
            ("learning_rate", 1e-9, 10.0),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value:g}", f"a number from {low:g} to {high:g}", "correct it")


def probe(
    task: Task,
    folder: Path,
    tokenizer: Any,
    train: Labelled,
    test: Labelled,
    config: ProbeConfig,
    *,
    positions: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fine-tune a model with a new output layer on labelled data, and score it on other data.

    All weights are trained, with AdamW and a learning rate that falls to zero. The model in ``folder`` stays as it is,
    nothing else is written, and nothing is sent anywhere.

    Parameters
    ----------
    task : {"nli", "ner"}
        Sequence-pair classification or token classification.
    folder : Path
        A model as ``save_pretrained`` writes it, masked or causal.
    tokenizer : transformers.PreTrainedTokenizerFast
        Its tokenizer.
    train, test : Labelled
        As ``read_sides`` gives them.
    config : ProbeConfig
    positions : int
        Tokens that the model takes at once.
    progress : callable, optional
        Told the share done after every step; an exception that it raises cancels.

    Returns
    -------
    dict
        task, measure ("accuracy" or "entity F1"), score (0 to 1) and for ner precision and recall; majority, the
        score of a baseline that looks at no text; train and test, each with name, sha256, n and labels; n_cut, the
        words beyond ``max_tokens``, which count as O; config, seconds.

    Raises
    ------
    ModelError
        If transformers has no such head for the architecture, or the weights do not fit.
    TokenizerError
        If a text cannot be framed.
    TrainingError
        If the loss becomes no number.

    Notes
    -----
    The libraries' random generators are seeded as a side effect, torch's excepted.
    """
    import torch

    tell = progress or (lambda share, step: None)
    begun = time.perf_counter()
    labels = sorted({*train.counts(), *(["O"] if task == "ner" else [])})
    tell(0.0, f"Preparing {NAMES[task]}")
    longest = min(config.max_tokens, positions)
    sides = [encode(task, tokenizer, side, labels, longest) for side in (train, test)]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(config.seed)
        model = _with_head(task, folder, labels)
        predicted = _fine_tuned(model, _pad_id(model, tokenizer), sides, config, tell)
    guessed = [_labels_of(task, *pair, labels) for pair in zip(sides[1], predicted, test.labels, strict=True)]
    n_cut = sum(len(tags) - len(entry.words) for tags, entry in zip(test.labels, sides[1], strict=True))
    tell(1.0, "Done")
    return {
        "task": task,
        "measure": MEASURES[task],
        **score(task, test.labels, guessed),
        "majority": majority(task, train, test),
        "train": counts_of(task, train),
        "test": counts_of(task, test),
        **({"n_cut": n_cut} if task == "ner" else {}),
        "model": type(model).__name__,
        "config": config.to_dict(),
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _with_head(task: Task, folder: Path, labels: list[str]) -> Any:
    """The model with a new output layer for these labels, float32."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification
    from transformers.models.auto import modeling_auto as auto

    from wechsel_core.models.load import readable
    from wechsel_core.models.quiet import quiet

    loader: Any = AutoModelForSequenceClassification if task == "nli" else AutoModelForTokenClassification
    classes = (
        auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
        if task == "nli"
        else auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES
    )
    with readable(str(folder)), quiet(), _silent():
        numbers = dict(enumerate(labels))
        config = AutoConfig.from_pretrained(
            str(folder), trust_remote_code=False, id2label=numbers, label2id={v: k for k, v in numbers.items()}
        )
        if config.model_type not in classes:
            raise ModelError(
                f"transformers has no {loader.__name__.removeprefix('AutoModelFor')} for {config.model_type}",
                "RoBERTa, BERT, GPT-2, Llama or another architecture that has it",
                "leave this probe out",
            )
        model, info = loader.from_pretrained(
            str(folder), config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False,
            output_loading_info=True,
        )  # fmt: skip
    body = f"{model.base_model_prefix}."
    # BERT's pooler belongs to the head of a classifier; language models are saved without it.
    missing = sorted(name for name in info["missing_keys"] if name.startswith(body) and ".pooler." not in name)
    if missing:
        raise ModelError(f"{folder} lacks weights ({missing[0]}...)", "the whole model", "choose a complete checkpoint")
    return model


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without the table of weights that are new or left over: here that is meant."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _pad_id(model: Any, tokenizer: Any) -> int:
    """The id to fill up with; a causal model finds its last token by it, so its config has to name the same."""
    text_config = model.config.get_text_config()
    known = (tokenizer.pad_token_id, text_config.pad_token_id, tokenizer.eos_token_id, tokenizer.sep_token_id, 0)
    pad = next(int(token_id) for token_id in known if token_id is not None)
    if text_config.pad_token_id is None:
        text_config.pad_token_id = pad
    return pad


def _fine_tuned(
    model: Any, pad: int, sides: list[list[Example]], config: ProbeConfig, tell: Progress
) -> list[list[int]]:
    """Train on the first side; gives the label numbers of the second, one a pair or one a judged token."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    with tempfile.TemporaryDirectory(prefix="wechsel-probe-") as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=config.epochs,
            per_device_train_batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            seed=config.seed,
            logging_strategy="no",
            logging_nan_inf_filter=False,  # a loss of NaN has to be seen
            save_strategy="no",
            eval_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        trainer = Trainer(
            model, arguments, train_dataset=sides[0], data_collator=lambda part: _collate(part, pad, model.config)
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(_steps_told(tell))
        loss = trainer.train().training_loss
    if not math.isfinite(loss):
        raise TrainingError(f"the loss of a probe became {loss}: try a lower learning rate")
    return _predicted(model, pad, sides[1], config.batch_size, tell)


def _collate(examples: list[Example], pad: int, config: Any) -> dict[str, Any]:
    """Examples of unequal length as tensors (n_examples, n_tokens); labels (n_examples,) or like the tokens."""
    import torch

    width = max(len(entry.ids) for entry in examples)

    def filled(rows: list[list[int]], value: int) -> Any:
        return torch.tensor([row + [value] * (width - len(row)) for row in rows])

    tagged = len(examples[0].labels) == len(examples[0].ids)
    labels = [entry.labels for entry in examples]
    batch = {
        "input_ids": filled([entry.ids for entry in examples], pad),
        "attention_mask": filled([[1] * len(entry.ids) for entry in examples], 0),
        "labels": filled(labels, NOT_JUDGED) if tagged else torch.tensor([label for (label,) in labels]),
    }
    if (getattr(config, "type_vocab_size", None) or 0) > 1:
        batch["token_type_ids"] = filled([entry.type_ids for entry in examples], 0)
    return batch


def _steps_told(tell: Progress) -> Any:
    from transformers import TrainerCallback

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            share = 0.9 * state.global_step / max(state.max_steps, 1)
            tell(share, f"Fine-tuning: step {state.global_step} of {state.max_steps}")

    return Told()


def _predicted(model: Any, pad: int, examples: list[Example], batch_size: int, tell: Progress) -> list[list[int]]:
    import torch

    model.eval()
    found: list[list[int]] = []
    with torch.no_grad():
        for first in range(0, len(examples), batch_size):
            part = examples[first : first + batch_size]
            batch = {name: value.to(model.device) for name, value in _collate(part, pad, model.config).items()}
            labels = batch.pop("labels")
            best = model(**batch).logits.argmax(-1)
            judged = labels != NOT_JUDGED
            found += [row[where].tolist() for row, where in zip(best, judged, strict=True)]
            tell(0.9 + 0.1 * len(found) / len(examples), "Scoring the test data")
    return found


def _labels_of(
    task: Task, example: Example, numbers: list[int], right: tuple[str, ...], labels: list[str]
) -> list[str]:
    """The label of a pair; or a tag for every word of a sentence, O where the model did not see the word."""
    if task == "nli":
        return [labels[number] for number in numbers]
    tags = ["O"] * len(right)
    for word, number in zip(example.words, numbers, strict=True):
        tags[word] = labels[number]
    return tags
