"""What is run: each case is one process of one environment; cases of a group take turns in every round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.profiles import Profile

WORKERS = Path(__file__).parent / "workers"
NEIGHBORS = 10
TIE = 1e-6
#: Large vocabularies of part e, and whatever else takes minutes, are measured once.
REPEATED_UP_TO = 32_768


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    ``worker`` names a script that gets a spec and writes a record, or is None for the command line ``arguments`` of
    the project itself. ``most`` limits the repeats; ``keeps`` is where the first run leaves its outputs.
    """

    part: str
    name: str
    environment: str
    worker: str | None
    spec: dict[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    most: int | None = None
    keeps: Path | None = None


def groups(profile: Profile, parts: str, inputs: Path, outputs: Path) -> Iterator[list[Case]]:
    """The cases of the parts asked for, in groups that take turns: a with d, b with c, then e."""
    for cases in (
        [*_single_call(profile, inputs, outputs), *_floor(profile, inputs)],
        [*_whole_job(inputs, outputs), _focus(inputs, outputs)],
        list(_growth(profile, inputs)),
    ):
        chosen = [case for case in cases if case.part in parts]
        if chosen:
            yield chosen


def comparison(profile: Profile, inputs: Path, outputs: Path) -> Case:
    """Whether the outputs that part a left are the same; not timed."""
    spec = {
        "inputs": str(inputs),
        "rows": profile.vocab,
        "ours": str(outputs / "ours.npz"),
        "reference": str(outputs / "reference.npz"),
        "tie": TIE,
    }
    return Case("a", "comparison", "ours", "compare", spec, most=1)


def _single_call(profile: Profile, inputs: Path, outputs: Path) -> Iterator[Case]:
    common = {"inputs": str(inputs), "rows": profile.vocab}
    tokenizers = {"source": str(inputs / "gpt2-en"), "target": str(inputs / "gpt2-fr")}
    same = {"neighbors": NEIGHBORS, "stored_neighbors": NEIGHBORS, "compat": "reference"}
    reference = {**common, "tokenizers": tokenizers, "neighbors": NEIGHBORS}
    yield Case("a", "ours", "ours", "ours_transfer", {**common, "options": {"neighbors": NEIGHBORS}})
    yield Case(
        "a", "reference float64", "reference", "reference_transfer", {**reference, "dtype": "float64"},
        keeps=outputs / "reference.npz",
    )  # fmt: skip
    yield Case(
        "a", "ours as reference", "ours", "ours_transfer", {**common, "options": same}, keeps=outputs / "ours.npz"
    )
    yield Case("a", "reference float32", "reference", "reference_transfer", {**reference, "dtype": "float32"})


def _floor(profile: Profile, inputs: Path) -> Iterator[Case]:
    common = {"inputs": str(inputs), "rows": profile.vocab}
    yield Case("d", "numpy", "ours", "floor", {**common, "engine": "numpy", "distinct": False})
    yield Case("d", "numpy distinct", "ours", "floor", {**common, "engine": "numpy", "distinct": True})
    yield Case("d", "torch", "ours", "floor", {**common, "engine": "torch", "distinct": False}, most=1)


def _job(inputs: Path, family: str) -> dict[str, str]:
    return {
        "source": str(inputs / family),
        "source_vectors": str(inputs / "en.bin"),
        "target_vectors": str(inputs / "fr.bin"),
        "dictionary": str(inputs / "dictionary.tsv"),
        "target_tokenizer": str(inputs / f"{family}-fr"),
    }


def _whole_job(inputs: Path, outputs: Path) -> Iterator[Case]:
    for name, family, most in (("ours gpt2", "gpt2", None), ("ours roberta", "roberta", 1)):
        options = [
            word for key, value in _job(inputs, family).items() for word in (f"--{key.replace('_', '-')}", value)
        ]
        out = ("--target-language", "fr", "--out", str(outputs / "model"), "--json")
        yield Case("b", name, "ours", None, arguments=("init", *options, *out), most=most)
    spec = {**_job(inputs, "gpt2"), "out": str(outputs / "model")}
    yield Case("b", "reference gpt2", "reference", "reference_job", spec)


def _focus(inputs: Path, outputs: Path) -> Case:
    spec = {**_job(inputs, "gpt2"), "out": str(outputs / "model")}
    return Case("c", "focus gpt2", "focus", "focus_job", spec, most=1)


def _growth(profile: Profile, inputs: Path) -> Iterator[Case]:
    for rows in profile.sizes:
        spec = {"inputs": str(inputs), "rows": rows, "options": {"neighbors": NEIGHBORS}}
        most = None if rows <= REPEATED_UP_TO else 1
        yield Case("e", f"ours {rows}", "ours", "ours_transfer", spec, most=most)
