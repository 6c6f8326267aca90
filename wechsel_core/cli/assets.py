"""The catalogue and this machine: assets list, fetch, verify; doctor."""

from __future__ import annotations

import typer

from wechsel_core.cli.shared import Json, progress_line, show

app = typer.Typer(no_args_is_help=True, help="Models, vectors and dictionaries of the catalogue.")


@app.command("list")
def assets_list(as_json: Json = False) -> None:
    """List the catalogue and what of it is on this machine."""
    from wechsel_core.services import browse

    entries = browse.assets_listed()
    text = "\n".join(
        f"{'*' if entry['present'] else ' '} {entry['tier']:<7} {entry['kind']:<11} {entry['name']}"
        for entry in entries
    )
    show({"assets": entries}, text + "\n(* = on this machine)", as_json)


@app.command("fetch")
def assets_fetch(name: str, as_json: Json = False) -> None:
    """Fetch an entry of the catalogue into the cache."""
    from wechsel_core.services import browse

    with progress_line() as progress:
        path = browse.fetch_asset(name, progress)
    show({"name": name, "path": path}, path, as_json)


@app.command("verify")
def assets_verify(name: str, as_json: Json = False) -> None:
    """Check a fetched entry against its hashes."""
    from wechsel_core.services import browse

    with progress_line() as progress:
        browse.verify_asset(name, progress)
    show({"name": name, "verified": True}, f"{name} is whole", as_json)


def doctor(as_json: Json = False) -> None:
    """Say what is installed and reachable, which device, how much memory and disk, and what to do about it."""
    from wechsel_core.services.doctor import examine

    entries = examine()
    lines = [
        f"{'ok ' if entry['ok'] else '-- '} {entry['name']:<14} {entry['found']}"
        + (f": {entry['advice']}" if entry["advice"] else "")
        for entry in entries
    ]
    show({"checks": entries}, "\n".join(lines), as_json)
