"""Initialise a model and look at the result: init, neighbors, report."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from wechsel_core.cli.shared import Json, progress_line, show
from wechsel_core.config import InitConfig, field_help


def init_option(name: str, *flags: str) -> Any:
    """A flag of ``init`` with the help text of its config field."""
    return typer.Option(*flags, help=field_help(InitConfig, name))


class InitCommand(TyperCommand):
    """``init``, whose help names every method: the methods are read when help is asked for, which takes a second."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Add a line for each method to the help of ``--method``."""
        from wechsel_core.services.methods import methods

        option = next(parameter for parameter in self.params if parameter.name == "method")
        lines = "\n\n".join(f"{known['name']}: {known['sentence']}" for known in methods())
        option.help = f"{field_help(InitConfig, 'method')}\n\n{lines}"  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


def init(
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist yet.")],
    source: Annotated[str, init_option("source")] = "pocket-gpt2",
    target_language: Annotated[str, init_option("target_language")] = "fr",
    method: Annotated[str, init_option("method")] = "wechsel",
    neighbors: Annotated[int, init_option("neighbors")] = 10,
    temperature: Annotated[float, init_option("temperature")] = 0.1,
    seed: Annotated[int, init_option("seed")] = 0,
    mode: Annotated[str, init_option("mode")] = "auto",
    source_vectors: Annotated[str | None, init_option("source_vectors")] = None,
    target_vectors: Annotated[str | None, init_option("target_vectors")] = None,
    dictionary: Annotated[str | None, init_option("dictionary")] = None,
    target_tokenizer: Annotated[str | None, init_option("target_tokenizer")] = None,
    tokenizer_corpus: Annotated[str | None, init_option("tokenizer_corpus")] = None,
    vocab_size: Annotated[int | None, init_option("vocab_size")] = None,
    tokenizer_kind: Annotated[str, init_option("tokenizer_kind")] = "bpe",
    reduce_dimension: Annotated[bool, init_option("reduce_dimension", "--reduce-dimension")] = False,
    similarity: Annotated[str, init_option("similarity")] = "cosine",
    weighting: Annotated[str, init_option("weighting")] = "softmax",
    alignment: Annotated[str, init_option("alignment")] = "procrustes",
    dictionary_size: Annotated[int | None, init_option("dictionary_size")] = None,
    vector_words: Annotated[int | None, init_option("vector_words")] = None,
    helper: Annotated[str | None, init_option("helper")] = None,
    auxiliary_text: Annotated[str | None, init_option("auxiliary_text")] = None,
    factors: Annotated[int | None, init_option("factors")] = None,
    anchors: Annotated[int, init_option("anchors")] = 64,
    copy_byte_pieces: Annotated[bool, init_option("copy_byte_pieces", "--copy-byte-pieces")] = False,
    prefer_word_initial: Annotated[bool, init_option("prefer_word_initial", "--prefer-word-initial")] = False,
    distinct_texts: Annotated[bool, init_option("distinct_texts", "--distinct-texts")] = False,
    compat: Annotated[str | None, init_option("compat")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier result in the folder.")] = False,
    as_json: Json = False,
) -> None:
    """Initialise an English model in another language and write it as a Hugging Face folder."""
    given = locals()
    config = InitConfig(**{field.name: given[field.name] for field in dataclasses.fields(InitConfig)})
    from wechsel_core.services.initialise import initialise
    from wechsel_core.services.memory import give_back_large_arrays

    give_back_large_arrays()
    with progress_line() as progress:
        manifest = initialise(config, out, force=force, progress=progress)
    show(manifest, _init_text(manifest), as_json)


def methods(as_json: Json = False) -> None:
    """List the initialisation methods: what each does, needs and where it comes from."""
    from wechsel_core.services.methods import methods as described

    known = described()
    blocks = [
        f"{entry['name']}: {entry['title']}\n  {entry['sentence']}\n"
        f"  Needs: {', '.join(name.replace('_', ' ') for name in entry['needs']) or 'nothing beyond model and tokenizer'}\n"
        f"  Reference: {entry['reference']}"
        for entry in known
    ]
    show({"methods": known}, "\n\n".join(blocks), as_json)


def neighbors(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A result folder.")],
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Text of a target token, or #ID.")],
    top: Annotated[int, typer.Option(min=1, help="Neighbours to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Show the English tokens that a target token is made of."""
    from wechsel_core.services import results

    target_id = results.find_token_in(folder, token)
    row = results.tokens_in(folder).iloc[target_id]
    table = results.neighbors_in(folder, target_id, top)
    record = {
        "target_id": target_id,
        "token": row["token"],
        "text": row["text"],
        "kind": row["kind"],
        "neighbors": table.to_dict("records"),
    }
    lines = [f"{row['text']!r} (token {target_id}, {row['kind']})"]
    lines += [
        f"{entry['rank']:>4}  {entry['similarity']:.3f}  {entry['weight']:.3f}  {entry['source_text']!r}"
        for entry in record["neighbors"]
    ] or ["No English tokens: the row is made of none in particular."]
    show(record, "\n".join(lines), as_json)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A result folder.")],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML file, too.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Judge the health of a result: dictionary, alignment, rows, hubs, norms, coverage."""
    from wechsel_core.services import report as service

    found = service.health_report_in(folder)
    if html is not None:
        service.write_html(found, html, force=force)
    written = "" if html is None else f"\n\nWrote {html}."
    show(found.to_dict(), service.plain_text(found) + written, as_json)


def _init_text(manifest: dict[str, Any]) -> str:
    from wechsel_core.services.methods import described

    counts, alignment = manifest["counts"], manifest["alignment"]
    method = described(InitConfig.from_dict(manifest["config"]))
    lines = [
        f"Wrote {manifest['path']} in {sum(manifest['timings'].values()):.1f} s.",
        f"{method['title']}: {method['sentence']}",
        f"Rows: {counts['mixed']} mixed, {counts['copied']} copied, {counts['fallback']} fallback, "
        f"{counts['byte_pieces_copied']} byte pieces copied"
        f" ({counts['duplicate_rows']} duplicates, {counts['byte_pieces']} byte pieces).",
    ]
    if alignment:
        lines.append(f"Dictionary: {alignment['pairs_usable']} of {alignment['pairs_offered']} pairs usable.")
    for name, shares in (alignment["held_out"]["cosine"] if alignment else {}).items():
        if shares["n"]:
            lines.append(
                f"Held-out translation, {name} words: P@1 {shares['p_at_1']:.0%}, P@5 {shares['p_at_5']:.0%}"
                f" of {shares['n']}."
            )
    lines += [f"Beyond the paper: {text}." for text in manifest["options_beyond_paper"]]
    lines += [f"Warning: {text}" for text in manifest["warnings"]]
    return "\n".join(lines)
