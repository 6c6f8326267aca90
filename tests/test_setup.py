"""What a fresh clone is set up with: pinned libraries, an app for this machine alone, checks that check."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def toml(*parts: str) -> dict[str, Any]:
    with ROOT.joinpath(*parts).open("rb") as file:
        return tomllib.load(file)


@pytest.mark.parametrize(
    ("library", "pin"),
    [("torch", "==2.13.0"), ("streamlit[performance]", "==1.67.*"), ("plotly", "==7.1.*"), ("transformers", "==5.23.*"),
     ("umap-learn", "==0.5.12"), ("gensim", "==4.4.*"), ("pandas", "==3.1.*")],
)  # fmt: skip
def test_requirements_are_pinned(library: str, pin: str) -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert f"{library}{pin}" in lines
    assert [line for line in lines if line and not line.startswith("#") and not re.search("[=<>]", line)] == []


def test_app_is_for_this_machine_alone() -> None:
    config = toml(".streamlit", "config.toml")
    assert config["server"]["address"] == "127.0.0.1" and "*" not in config["server"]["allowedHosts"]
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none", "a traceback would show paths"


def test_checks_are_strict() -> None:
    tool = toml("pyproject.toml")["tool"]
    assert {"ANN", "D", "T20"} <= set(tool["ruff"]["lint"]["select"])
    assert tool["mypy"]["strict"] is True and tool["mypy"]["files"] == ["wechsel_core"]
    loose = [name for part in tool["mypy"]["overrides"] if part.get("ignore_errors") for name in [part["module"]]]
    assert loose == ["wechsel_core.pocket.build.*"]
    assert tool["pytest"]["ini_options"]["filterwarnings"][0] == "error"
