"""Score a model on held-out text, on its dictionary and on tasks: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wechsel_core.cli.shared import Json, progress_line, show
from wechsel_core.config import field_help
from wechsel_core.errors import ConfigError
from wechsel_core.services.evaluate import ProbeConfig, evaluate_in


def _probe_option(name: str) -> Any:
    return typer.Option(help=field_help(ProbeConfig, name))


def _file_option(what: str, hub: str) -> Any:
    return typer.Option(metavar="FILE", help=f"{what}, or {hub}.")


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A result, a run or a model folder.")],
    text: Annotated[
        str, typer.Option(metavar="PATH", help="Held-out text: a file, a folder, or a corpus of the catalogue.")
    ],
    held_out_tokens: Annotated[int, typer.Option(min=1, help="Held-out tokens to score, about.")] = 50_000,
    block_size: Annotated[
        int | None, typer.Option(min=8, help="Tokens that the model sees at once; default: its longest, 1,024 at most.")
    ] = None,
    nli_train: Annotated[str | None, _file_option("Sentence pairs to learn from, JSON lines", "hub:xnli/fr")] = None,
    nli_test: Annotated[str | None, _file_option("Sentence pairs to judge by", "hub:xnli/fr")] = None,
    ner_train: Annotated[str | None, _file_option("Tagged words to learn from, CoNLL", "hub:wikiann/fr")] = None,
    ner_test: Annotated[str | None, _file_option("Tagged words to judge by", "hub:wikiann/fr")] = None,
    epochs: Annotated[int, _probe_option("epochs")] = 3,
    learning_rate: Annotated[float, _probe_option("learning_rate")] = 2e-5,
    probe_seed: Annotated[int, _probe_option("seed")] = 0,
    as_json: Json = False,
) -> None:
    """Score a model on held-out text, on the dictionary, and on labelled tasks that it is fine-tuned for."""
    with progress_line() as progress:
        record = evaluate_in(
            folder,
            text,
            held_out_tokens=held_out_tokens,
            block_size=block_size,
            nli=_sides("nli", nli_train, nli_test),
            ner=_sides("ner", ner_train, ner_test),
            probe_config=ProbeConfig(epochs=epochs, learning_rate=learning_rate, seed=probe_seed),
            progress=progress,
        )
    show(record, _text(record), as_json)


def _sides(task: str, train: str | None, test: str | None) -> tuple[str, str] | None:
    if train is None and test is None:
        return None
    if train is None or test is None:
        given, lacking = ("test", "train") if train is None else ("train", "test")
        raise ConfigError(
            f"--{task}-{given} without --{task}-{lacking}", "data to learn from and data to judge by", "give both"
        )
    return train, test


def _text(record: dict[str, Any]) -> str:
    scores = record["held_out"]
    perplexity = "beyond all bounds" if scores["perplexity"] is None else f"{scores['perplexity']:.4g}"
    judged = "masked" if record["kind"] == "masked" else "next"
    lines = [
        f"{record['path']}: {record['kind']}, {record['parameters']:,} parameters",
        f"Held-out text: {scores['n_tokens']:,} tokens, {scores['n_bytes']:,} bytes,"
        f" in blocks of {record['text']['block_size']}.",
        f"Loss {scores['loss']:.4f} nats a token, perplexity {perplexity}, {scores['bits_per_byte']:.4f} bits a byte,"
        f" {scores['accuracy']:.1%} of the {judged} tokens right.",
    ]
    translation = record["token_translation"]
    if translation:
        lines += _translation_lines(translation)
    for task, found in record["probes"].items():
        lines.append(
            f"{task.upper()}: {found['measure']} {found['score']:.1%} of {found['test']['n']} examples"
            f" ({found['majority']:.1%} without looking at the text); {found['config']['epochs']} epochs over"
            f" {found['train']['n']}, seed {found['config']['seed']}, {found['seconds']:.0f} s."
        )
    return "\n".join(lines)


def _translation_lines(translation: dict[str, Any]) -> list[str]:
    if "reason" in translation:
        return [f"Token translation: not measured ({translation['reason']})."]
    lines = ["Token translation (not held out: the alignment was fitted on the same dictionary):"]
    for name, key in (("stored neighbours", "of_stored"), ("new rows", "of_rows")):
        found = translation[key]
        if found is None:
            told = "the method stores none"
        elif not found["n"]:
            told = "no pair of which both words are one token"
        else:
            told = ", ".join(f"P@{n} {found[f'p_at_{n}']:.1%}" for n in (1, 5, 10)) + f" of {found['n']:,} words"
        lines.append(f"  {name}: {told}")
    return lines
