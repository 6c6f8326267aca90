"""What a model is worth on text and on tasks: held-out scores, token translation, probes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# The command line takes its help texts from here when it starts, so nothing at the top may be slow to import.
from wechsel_core.config import InitConfig
from wechsel_core.errors import ConfigError, InputError, ModelError, OutputError, TextError
from wechsel_core.evaluation.probe_data import Labelled, Task, read_sides
from wechsel_core.evaluation.probes import NAMES, ProbeConfig, probe
from wechsel_core.types import Progress

__all__ = ["ProbeConfig", "evaluate_in", "held_out_scores"]

#: Of a longer text only so much is read, in bytes; 50,000 tokens are a hundredth of it.
MOST_TEXT = 20_000_000


def held_out_scores(
    model: Any, tokenizer: Any, kind: str, lines: Sequence[str], block_size: int, tokens: int
) -> dict[str, Any]:
    """Scores of a model in memory on held-out lines, from one pass.

    Parameters
    ----------
    model : transformers.PreTrainedModel
    tokenizer : transformers.PreTrainedTokenizerFast
    kind : {"causal", "masked"}
    lines : sequence of str
        Paragraphs that the model was not trained on.
    block_size : int
        Tokens that the model sees at once. More is more context and a lower loss: compare scores of one size alone.
    tokens : int
        About so many tokens are scored, spread over the lines; all if there are no more.

    Returns
    -------
    dict
        loss (nats a predicted token), perplexity, bits_per_byte, accuracy (of the next tokens, or of the masked ones,
        0 to 1), n_tokens and n_bytes that were predicted.

    Raises
    ------
    TextError
        If the lines are shorter than one block.
    TokenizerError
        If a masked model's tokenizer has no mask.
    ModelError
        If the loss is no number.
    """
    from wechsel_core.evaluation.language_modeling import HeldOutText
    from wechsel_core.tokenizers.load import check_roles
    from wechsel_core.training.data import thinned

    if kind == "masked":
        check_roles(tokenizer, ["mask"])
    held_out = HeldOutText(tokenizer, thinned(tokenizer, lines, tokens), block_size=block_size, masked=kind == "masked")
    score = held_out.score(model)
    if not math.isfinite(score.loss):
        raise ModelError(f"a loss of {score.loss}", "weights that give a number", "choose another model")
    return dataclasses.asdict(score)


def evaluate_in(
    folder: Path,
    text: str,
    *,
    held_out_tokens: int = 50_000,
    block_size: int | None = None,
    nli: tuple[str, str] | None = None,
    ner: tuple[str, str] | None = None,
    probe_config: ProbeConfig | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate the model of a result folder, of a run, or of any other model folder.

    Parameters
    ----------
    folder : Path
        What ``init`` wrote, a run's folder or the ``model`` in it, or a folder of ``save_pretrained``.
    text : str
        Held-out text, as ``training.text.documents`` takes it.
    held_out_tokens : int
        About so many tokens of it are scored.
    block_size : int, optional
        Tokens that the model sees at once; by default its longest, 1,024 at most.
    nli, ner : (train, test), optional
        Data of a probe, as ``read_sides`` takes it.
    probe_config : ProbeConfig, optional
        The defaults if not given.
    progress : callable, optional
        Told the share done; an exception that it raises cancels.

    Returns
    -------
    dict
        path, kind, parameters, weights_sha256; text (name, block_size); held_out, as ``held_out_scores`` gives it, an
        infinite perplexity being None; token_translation of a result (None for any other model): of_stored and
        of_rows, or the reason why there are none; probes, by task.

    Raises
    ------
    InputError
        One of its subclasses, for every input that cannot be used.
    """
    tell = progress or (lambda share, step: None)
    place = _model_place(Path(folder).expanduser())
    tell(0.0, "Reading the text")
    lines = _lines(text, _at(0.0, tell))
    data: dict[Task, tuple[Labelled, Labelled]] = {}
    if nli:
        data["nli"] = read_sides("nli", *nli)
    if ner:
        data["ner"] = read_sides("ner", *ner)
    tell(0.1, "Loading the model")
    import torch

    from wechsel_core.models import load_model
    from wechsel_core.training.worker import longest_block

    loaded = load_model(place)
    loaded.model.to("cuda" if torch.cuda.is_available() else "cpu")
    positions = longest_block(loaded)
    record: dict[str, Any] = {
        "path": str(place),
        "kind": loaded.kind,
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "weights_sha256": loaded.weights_sha256(),
        "text": {"name": text, "block_size": _block_size(block_size, positions)},
    }
    tell(0.2, "Scoring the held-out text")
    scores = held_out_scores(
        loaded.model, loaded.tokenizer, loaded.kind, lines, record["text"]["block_size"], held_out_tokens
    )
    record["held_out"] = scores | {"perplexity": scores["perplexity"] if math.isfinite(scores["perplexity"]) else None}
    tell(0.4, "Looking words up")
    record["token_translation"] = _token_translation(place, loaded.model, _at(0.4, tell))
    record["probes"] = _probes(place, loaded.tokenizer, positions, data, probe_config or ProbeConfig(), tell)
    tell(1.0, "Done")
    return record


def _model_place(folder: Path) -> Path:
    """The folder that holds the model: the given one, or ``model`` in a run's."""
    from wechsel_core.results import MANIFEST
    from wechsel_core.runs import MODEL, RUN

    if (folder / RUN).is_file():
        if not (folder / MODEL).is_dir():
            raise OutputError(
                f"the run {folder.name} keeps no model", "a run that has finished on this machine", "let it finish"
            )
        return folder / MODEL
    if (folder / MANIFEST).is_file() and not (folder / "config.json").is_file():
        raise OutputError(
            f"the result {folder.name} keeps no model, as the examples that come with the lab",
            "a result with its model",
            "run init with its parameters",
        )
    return folder


def _at(share: float, tell: Progress) -> Progress:
    """For parts that count from zero (downloads): their sentences at one place of the whole."""
    return lambda _, step: tell(share, step)


def _lines(text: str, tell: Progress) -> list[str]:
    from wechsel_core.training.text import documents

    lines = [line for document in documents(text, limit=MOST_TEXT, progress=tell) for line in document]
    if not lines:
        raise TextError(f"{text} holds no text", "held-out text", "give another one")
    return lines


def _block_size(given: int | None, positions: int) -> int:
    from wechsel_core.training.recipe import LONGEST_BLOCK

    size = given or min(positions, LONGEST_BLOCK)
    if size > positions:
        raise ConfigError(f"block_size is {size}", f"at most the model's {positions} positions", "make it smaller")
    return size


def _token_translation(folder: Path, model: Any, tell: Progress) -> dict[str, Any] | None:
    """Both token-translation figures of a result; what they need may be gone, and then the reason stands in their place."""
    from wechsel_core.results import MANIFEST, read_manifest

    if not (folder / MANIFEST).is_file():
        return None
    manifest = read_manifest(folder)
    try:
        return _translated(folder, manifest, model, tell)
    except InputError as error:
        return {"of_stored": None, "of_rows": None, "reason": str(error)}


def _translated(folder: Path, manifest: dict[str, Any], model: Any, tell: Progress) -> dict[str, Any]:
    from wechsel_core.evaluation.token_translation import precision_of_rows, precision_of_stored, single_token_pairs
    from wechsel_core.models import input_matrix, open_checkpoint
    from wechsel_core.result_source import open_source
    from wechsel_core.results import read_candidates
    from wechsel_core.services.sentences import open_tokenizers_in

    dictionary = _dictionary(manifest, tell)
    tokenizers = open_tokenizers_in(folder, tell)
    source_table, target_table = tokenizers.source_table, tokenizers.target_table
    pairs = single_token_pairs(dictionary.pairs, source_table, target_table)
    source = open_source(open_checkpoint, manifest, tell).skeleton.rows["input"][: len(source_table)]
    return {
        "dictionary": {"name": dictionary.name, "sha256": dictionary.sha256, "pairs": len(dictionary.pairs)},
        "of_stored": precision_of_stored(pairs, read_candidates(folder).ids),
        "of_rows": precision_of_rows(pairs, source, input_matrix(model), ~source_table.is_special),
    }


def _dictionary(manifest: dict[str, Any], tell: Progress) -> Any:
    """The whole dictionary of a result, whatever part of it the initialisation took; the language's where it took none."""
    from wechsel_core.assets import resolve
    from wechsel_core.dictionaries import read_dictionary, sampled
    from wechsel_core.services.inputs import default_name

    config = InitConfig.from_dict(manifest["config"])
    name = config.dictionary or default_name("dictionary", config.target_language, "dictionary")
    dictionary = read_dictionary(Path(resolve("dictionary", name, tell)))
    recorded = manifest["inputs"].get("dictionary", {}).get("sha256")
    if recorded not in (None, sampled(dictionary, config.dictionary_size, config.seed).sha256):
        raise OutputError(
            f"the dictionary {name} has changed since this result was made",
            "the one whose hash stands in wechsel.json",
            "run init again with --force",
        )
    return dictionary


def _probes(
    folder: Path,
    tokenizer: Any,
    positions: int,
    data: dict[Task, tuple[Labelled, Labelled]],
    config: ProbeConfig,
    tell: Progress,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for task, sides in data.items():
        start, width = 0.5 + 0.5 * len(found) / len(data), 0.5 / len(data)

        def part(share: float, step: str, start: float = start, width: float = width, task: Task = task) -> None:
            tell(start + width * share, f"Probe of {NAMES[task]}: {step}")

        found[task] = probe(task, folder, tokenizer, *sides, config, positions=positions, progress=part)
    return found
