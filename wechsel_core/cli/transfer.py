"""Initialise a model and look at the result: init, neighbors, report."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from wechsel_core.cli.shared import Json, progress_line, show
from wechsel_core.config import InitConfig, field_help


def init_option(name: str, *flags: str) -> Any:
    """A flag of ``init`` with the help text of its config field."""
    return typer.Option(*flags, help=field_help(InitConfig, name))


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

    with progress_line() as progress:
        manifest = initialise(config, out, force=force, progress=progress)
    show(manifest, _init_text(manifest), as_json)


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
    ]
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
    counts, alignment = manifest["counts"], manifest["alignment"]
    held_out = alignment["held_out"]["cosine"]
    lines = [
        f"Wrote {manifest['path']} in {sum(manifest['timings'].values()):.1f} s.",
        f"Rows: {counts['mixed']} mixed, {counts['copied']} copied, {counts['fallback']} fallback"
        f" ({counts['duplicate_rows']} duplicates, {counts['byte_pieces']} byte pieces).",
        f"Dictionary: {alignment['pairs_usable']} of {alignment['pairs_offered']} pairs usable.",
    ]
    for name, shares in held_out.items():
        if shares["n"]:
            lines.append(
                f"Held-out translation, {name} words: P@1 {shares['p_at_1']:.0%}, P@5 {shares['p_at_5']:.0%}"
                f" of {shares['n']}."
            )
    lines += [f"Beyond the paper: {text}." for text in manifest["options_beyond_paper"]]
    lines += [f"Warning: {text}" for text in manifest["warnings"]]
    return "\n".join(lines)
