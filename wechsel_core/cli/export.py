"""Take a model home: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wechsel_core.cli.shared import Json, progress_line, show


def export(
    source: Annotated[str, typer.Argument(metavar="DIR", help="A result or a run: its folder or its id.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to write; it must not exist yet.")],
    run: Annotated[str | None, typer.Option(help="A run of the result: export the model that it trained.")] = None,
    push: Annotated[
        str | None, typer.Option(metavar="REPO_ID", help="Put it on the Hugging Face hub as user/name, with HF_TOKEN.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Push where only you can see it.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier export, and go on with a hub repository that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model as a plain Hugging Face folder with its card, and push it if wanted."""
    from wechsel_core.services import export as service

    with progress_line() as progress:
        found = service.export(
            source, out, run=run, push_to=push, private=private, force=force, progress=progress
        )  # fmt: skip
    show(found, _text(found), as_json)


def _text(found: dict[str, Any]) -> str:
    check = found["check"]
    same = "equal to the bit" if check["equal"] else f"at most {check['largest_difference']:.2g} apart"
    lines = [
        f"Wrote {found['path']}: {len(found['files'])} files, {found['bytes'] / 1e6:.1f} MB, licence {found['licence']}.",
        f"Loaded again: the logits of {check['tokens']} tokens are {same}.",
    ]
    if found["pushed"]:
        lines.append(f"Pushed to {found['pushed']}.")
    return "\n".join(lines)
