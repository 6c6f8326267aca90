"""The layering of the design, read off the imports: an arrow that points the wrong way fails here.

pages -> ui -> services -> {transfer, vectors, tokenizers, models, ...} -> numerics; config, types, errors and paths
hold no behaviour and anyone may import them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 350

LEAVES = {"config", "types", "errors", "paths"}
#: Layer to the layers that it may import. What is not named under wechsel_core belongs to "core".
ALLOWED = {
    "app": {"pages", "ui", "services", "leaf"},
    "pages": {"ui", "services", "leaf"},
    "ui": {"ui", "services", "leaf"},
    "cli": {"cli", "services", "leaf"},
    "services": {"services", "core", "transfer", "numerics", "leaf"},
    "core": {"core", "transfer", "numerics", "leaf"},
    "pocket build": {"pocket build", "services", "core", "transfer", "numerics", "leaf"},
    "transfer": {"transfer", "numerics", "leaf"},
    "numerics": {"numerics"},
    "leaf": {"leaf"},
}
#: Third-party packages of the layers that are kept free of others.
THIRD_PARTY = {"numerics": {"numpy", "scipy", "numba", "threadpoolctl"}, "transfer": {"numpy"}}
#: Slow to import: never at the top of a module of wechsel_core, where a command that needs none would pay for them.
HEAVY = {
    "torch", "transformers", "tokenizers", "umap", "gensim", "datasets", "accelerate", "spacy", "plotly", "streamlit",
}  # fmt: skip
#: Modules that need a heavy library for their classes, and are as heavy themselves: imported like one.
HEAVY_MODULES = {"wechsel_core.training.loop"}


@dataclass(frozen=True)
class Import:
    """One imported name; ``top`` says that importing the file imports it."""

    file: str
    line: int
    module: str
    top: bool


def layer_of(module: str) -> str | None:
    """The layer of a dotted module name; None for one of another package."""
    first, *rest = module.split(".")
    if first in ("app", "pages", "ui"):
        return first
    if first != "wechsel_core":
        return None
    second = rest[0] if rest else ""
    if second in LEAVES or second in ("", "__init__", "__version__"):
        return "leaf"
    if second in ("cli", "__main__"):
        return "cli"
    if rest[:2] == ["pocket", "build"]:
        return "pocket build"
    return second if second in ("services", "transfer", "numerics") else "core"


def source_files(root: Path) -> list[Path]:
    found = [path for folder in ("pages", "ui", "wechsel_core") for path in sorted((root / folder).rglob("*.py"))]
    return [*(path for path in (root / "app.py",) if path.is_file()), *found]


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, root: Path) -> Iterator[Import]:
    """Every import of a file, wherever it stands, ``importlib.import_module("...")`` included."""
    name = module_name(path, root)
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]

    def visit(node: ast.AST, top: bool) -> Iterator[Import]:
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module or "").split(".")] if node.module else base
            # "from a import b": b may be a module, so a.b is named in full.
            modules = [".".join([*base, alias.name]) for alias in node.names]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            modules = [
                arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            ]
        for module in modules:
            yield Import(str(path.relative_to(root)), node.lineno, module, top)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inside = True  # never run
        for child in ast.iter_child_nodes(node):
            yield from visit(child, top and not inside)

    yield from visit(ast.parse(path.read_text("utf-8")), True)


def broken_arrows(root: Path) -> list[str]:
    """Every import that the design forbids, as "file:line imports module: why"."""
    broken = []
    for path in source_files(root):
        layer = layer_of(module_name(path, root))
        assert layer is not None
        for found in imports_of(path, root):
            reason = _forbidden(layer, found)
            if reason:
                broken.append(f"{found.file}:{found.line} imports {found.module}: {reason}")
    return broken


def _forbidden(layer: str, found: Import) -> str | None:
    package = found.module.split(".")[0]
    imported = layer_of(found.module)
    name = found.file.removesuffix(".py").replace("/", ".")
    if found.top and any(found.module == heavy or found.module.startswith(f"{heavy}.") for heavy in HEAVY_MODULES):
        return "this module imports heavy libraries; import it inside the functions that need it"
    if imported is not None:
        return None if imported in ALLOWED[layer] else f"{layer} may not import {imported}"
    in_core = layer not in ("app", "pages", "ui")
    if package == "streamlit" and in_core:
        return "nothing in wechsel_core knows the app"
    if layer in ("app", "pages") and package in ("torch", "transformers"):
        return "pages call one service and draw"
    if layer in THIRD_PARTY and package not in THIRD_PARTY[layer] | sys.stdlib_module_names:
        return f"{layer} imports {', '.join(sorted(THIRD_PARTY[layer]))} alone"
    if package in HEAVY and in_core and found.top and layer != "pocket build" and name not in HEAVY_MODULES:
        return "heavy libraries are imported inside the functions that need them"
    return None


def test_arrows_point_one_way() -> None:
    broken = broken_arrows(ROOT)
    assert not broken, "\n" + "\n".join(broken)


def test_files_are_short_enough() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path in source_files(ROOT)
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_FILE
    ]
    assert not long, f"split at the second reason to change: {long}"


@pytest.mark.parametrize("layer", ["numerics", "transfer"])
def test_public_names_have_docstrings(layer: str) -> None:
    """Functions, classes and public methods of the layers that are used as a library."""
    missing = []
    for path in sorted((ROOT / "wechsel_core" / layer).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        if not ast.get_docstring(tree):
            missing.append(str(path.relative_to(ROOT)))
        missing += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in public_definitions(tree)
            if not ast.get_docstring(node)
        ]
    assert not missing


def public_definitions(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public_definitions(child)


# --- the reader of imports itself: broken arrows that are planted must be found ----------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("pages/1_start.py", "import torch"),
        ("pages/1_start.py", "def f():\n    from transformers import AutoModel"),
        ("pages/1_start.py", "from wechsel_core.numerics import similarity"),
        ("pages/1_start.py", "from wechsel_core import results"),
        ("pages/1_start.py", "from pages import other"),
        ("ui/pickers.py", "import pages.start"),
        ("ui/pickers.py", "from wechsel_core.transfer.wechsel import transfer_embeddings"),
        ("app.py", "import wechsel_core.models"),
        ("wechsel_core/services/a.py", "import ui.figures"),
        ("wechsel_core/services/a.py", "def f():\n    import streamlit as st"),
        ("wechsel_core/services/a.py", "import wechsel_core.pocket.build.models"),
        ("wechsel_core/services/a.py", "from wechsel_core.pocket import build"),
        ("wechsel_core/training/loop.py", "from wechsel_core.services import runs"),
        ("wechsel_core/training/loop.py", "from ..services import runs"),
        ("wechsel_core/training/loop.py", "from .. import services"),
        ("wechsel_core/training/data.py", "import torch"),
        ("wechsel_core/training/worker.py", "from wechsel_core.training.loop import train"),
        ("wechsel_core/training/data.py", "class A:\n    import torch"),
        ("wechsel_core/training/data.py", "try:\n    import umap\nexcept ImportError:\n    umap = None"),
        ("wechsel_core/reports/a.py", "import plotly.graph_objects as go"),
        ("wechsel_core/cli.py", "from wechsel_core.transfer import wechsel"),
        ("wechsel_core/transfer/focus.py", "def f():\n    import torch"),
        ("wechsel_core/transfer/focus.py", "import scipy"),
        ("wechsel_core/transfer/focus.py", "from wechsel_core.vectors.base import StaticVectors"),
        ("wechsel_core/numerics/a.py", "import pandas"),
        ("wechsel_core/numerics/a.py", "from wechsel_core.types import TokenTable"),
        ("wechsel_core/numerics/__init__.py", "from ..transfer import wechsel"),
        ("wechsel_core/config.py", "from wechsel_core.dictionaries import read_dictionary"),
        ("wechsel_core/vectors/a.py", "import importlib\nimportlib.import_module('wechsel_core.services')"),
    ],
)  # fmt: skip
def test_planted_broken_arrow_is_found(tmp_path: Path, path: str, code: str) -> None:
    planted = tmp_path / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(code)
    assert len(broken_arrows(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("app.py", "import streamlit as st\nfrom ui import state"),
        ("pages/1_start.py", "import streamlit\nfrom wechsel_core.services import results\nfrom ui import figures"),
        ("ui/figures.py", "import plotly.express as px\nfrom wechsel_core.config import InitConfig"),
        ("wechsel_core/services/a.py", "from wechsel_core.numerics import align\nfrom wechsel_core import results"),
        ("wechsel_core/training/loop.py", "def f():\n    import torch\n    from ..models import load"),
        ("wechsel_core/training/loop.py", "from transformers import Trainer"),
        ("wechsel_core/training/worker.py", "def f():\n    from wechsel_core.training import loop"),
        ("wechsel_core/training/loop.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("wechsel_core/transfer/focus.py", "import numpy\nfrom . import result\nimport wechsel_core.types"),
        ("wechsel_core/numerics/a.py", "import math, numba, numpy.linalg\nfrom . import align"),
        ("wechsel_core/pocket/build/a.py", "import torch\nfrom wechsel_core.evaluation import blocks"),
        ("wechsel_core/__main__.py", "from wechsel_core.cli import main"),
        ("wechsel_core/cli.py", "from wechsel_core import __version__\nfrom wechsel_core.services import results"),
    ],
)  # fmt: skip
def test_right_arrow_is_left_alone(tmp_path: Path, path: str, code: str) -> None:
    planted = tmp_path / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(code)
    assert broken_arrows(tmp_path) == []


def test_the_files_are_found() -> None:
    """A moved folder must not leave these tests with nothing to look at."""
    names = {module_name(path, ROOT) for path in source_files(ROOT)}
    assert {"wechsel_core.numerics.similarity", "wechsel_core.transfer.wechsel", "wechsel_core"} <= names
