"""What the documentation names is there: files it links to, make targets, commands and their flags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "wechsel_core" / "pocket" / "CARD.md"])
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
#: A command with the lines that a backslash continues, up to a comment, a pipe or the end of the code.
COMMAND = re.compile(r"python -m\s+wechsel_core(?![.\w])((?:[^`\n#|;)]|\\\n)*)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def commands(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Every command of the command line by its words, with its flags."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            flags = {flag for parameter in command.params for flag in parameter.opts}
            yield (*names, name), flags | {"--help"}


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, ...], set[str]]:
    import typer

    from wechsel_core.cli import app

    return dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    files = [link.split("#")[0] for link in targets if not link.startswith("#")]
    assert [file for file in files if not (page.parent / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(MAKE.findall(page.read_text("utf-8"))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_flags_exist(page: Path, known: dict[tuple[str, ...], set[str]]) -> None:
    for found in COMMAND.findall(page.read_text("utf-8")):
        words = found.replace("\\\n", " ").split()
        if not words or not words[0].islower():
            continue
        name = next((words[:n] for n in (2, 1) if tuple(words[:n]) in known), None)
        assert name, f"no command {' '.join(words[:2])}"
        assert set(FLAG.findall(found)) <= known[tuple(name)], found
