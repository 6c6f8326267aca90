"""The command line: a thin layer over ``services``."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from wechsel_core.config import InitConfig, field_help
from wechsel_core.errors import WechselError

app = typer.Typer(
    add_completion=False, help="WECHSEL Lab: cross-lingual vocabulary transfer.",
    pretty_exceptions_enable=False,
)  # fmt: skip
assets_app = typer.Typer(no_args_is_help=True, help="Models, vectors and dictionaries of the catalogue.")
app.add_typer(assets_app, name="assets")

#: typer keeps its usage errors in a private module; their class is the base of one that it shows.
_UsageError: Any = typer.BadParameter.__base__

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


def _option(name: str, *flags: str) -> Any:
    return typer.Option(*flags, help=field_help(InitConfig, name))


@app.command()
def init(
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist yet.")],
    source: Annotated[str, _option("source")] = "pocket-gpt2",
    target_language: Annotated[str, _option("target_language")] = "fr",
    method: Annotated[str, _option("method")] = "wechsel",
    neighbors: Annotated[int, _option("neighbors")] = 10,
    temperature: Annotated[float, _option("temperature")] = 0.1,
    seed: Annotated[int, _option("seed")] = 0,
    mode: Annotated[str, _option("mode")] = "auto",
    source_vectors: Annotated[str | None, _option("source_vectors")] = None,
    target_vectors: Annotated[str | None, _option("target_vectors")] = None,
    dictionary: Annotated[str | None, _option("dictionary")] = None,
    target_tokenizer: Annotated[str | None, _option("target_tokenizer")] = None,
    tokenizer_corpus: Annotated[str | None, _option("tokenizer_corpus")] = None,
    vocab_size: Annotated[int | None, _option("vocab_size")] = None,
    tokenizer_kind: Annotated[str, _option("tokenizer_kind")] = "bpe",
    reduce_dimension: Annotated[bool, _option("reduce_dimension", "--reduce-dimension")] = False,
    copy_byte_pieces: Annotated[bool, _option("copy_byte_pieces", "--copy-byte-pieces")] = False,
    prefer_word_initial: Annotated[bool, _option("prefer_word_initial", "--prefer-word-initial")] = False,
    distinct_texts: Annotated[bool, _option("distinct_texts", "--distinct-texts")] = False,
    compat: Annotated[str | None, _option("compat")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier result in the folder.")] = False,
    as_json: Json = False,
) -> None:
    """Initialise an English model in another language and write it as a Hugging Face folder."""
    given = locals()
    config = InitConfig(**{field.name: given[field.name] for field in dataclasses.fields(InitConfig)})
    from wechsel_core.services.initialise import initialise

    manifest = initialise(config, out, force=force, progress=_tell)
    _print(manifest, _init_text(manifest), as_json)


@app.command()
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
    _print(record, "\n".join(lines), as_json)


@app.command()
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
    _print(found.to_dict(), service.plain_text(found) + written, as_json)


@assets_app.command("list")
def assets_list(as_json: Json = False) -> None:
    """List the catalogue and what of it is on this machine."""
    from wechsel_core.services import browse

    entries = browse.assets_listed()
    text = "\n".join(
        f"{'*' if entry['present'] else ' '} {entry['tier']:<7} {entry['kind']:<11} {entry['name']}"
        for entry in entries
    )
    _print({"assets": entries}, text + "\n(* = on this machine)", as_json)


@assets_app.command("fetch")
def assets_fetch(name: str, as_json: Json = False) -> None:
    """Fetch an entry of the catalogue into the cache."""
    from wechsel_core.services import browse

    with _progress() as progress:
        path = browse.fetch_asset(name, progress)
    _print({"name": name, "path": path}, path, as_json)


@assets_app.command("verify")
def assets_verify(name: str, as_json: Json = False) -> None:
    """Check a fetched entry against its hashes."""
    from wechsel_core.services import browse

    with _progress() as progress:
        browse.verify_asset(name, progress)
    _print({"name": name, "verified": True}, f"{name} is whole", as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed and reachable, which device, how much memory and disk, and what to do about it."""
    from wechsel_core.services.doctor import examine

    entries = examine()
    lines = [
        f"{'ok ' if entry['ok'] else '-- '} {entry['name']:<14} {entry['found']}"
        + (f": {entry['advice']}" if entry["advice"] else "")
        for entry in entries
    ]
    _print({"checks": entries}, "\n".join(lines), as_json)


def _tell(share: float, step: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{share:4.0%} {step}" + ("\n" if share >= 1 else ""))
        sys.stderr.flush()


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[float, str], None]]:
    """``_tell``, with an unfinished line cleared for the error that ends it."""
    try:
        yield _tell
    except BaseException:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        raise


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


def _print(record: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(record, ensure_ascii=False) if as_json else text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; a ``WechselError`` becomes one line on stderr and its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=arguments or ["--help"], prog_name="python -m wechsel_core", standalone_mode=False)
    except WechselError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except _UsageError as error:
        found = " ".join(error.format_message().split()).rstrip(".")
        sys.stderr.write(f"error: {found}; expected what --help lists; correct the command or run it with --help\n")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("cancelled\n")
        return 130
    return code if isinstance(code, int) else 0
