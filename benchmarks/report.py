"""Write docs/performance.md and its picture from raw records. Every figure of the page comes from them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.summary import Records, Spread, growth, growth_exponent, of_case, values, verdicts

PLOTTER = Path(__file__).with_name("plot.py")
SINGLE = (
    ("a", "reference float64", "`wechsel` 0.0.4 as shipped (float64)", "other"),
    ("a", "reference float32", "`wechsel` 0.0.4 fed float32", "other"),
    ("a", "ours as reference", '`transfer_embeddings`, same output (`compat="reference"`, 10 kept)', "ours"),
    ("a", "ours", "`transfer_embeddings` as `init` calls it (50 candidates kept)", "ours"),
    ("d", "numpy", "floor: the bare product, numpy", "floor"),
    ("d", "numpy distinct", "the bare product of distinct rows alone, numpy", "floor"),
    ("d", "torch", "the bare product, torch", "floor"),
)
JOBS = (
    ("b", "reference gpt2", "`wechsel` 0.0.4, README recipe, GPT-2", "other"),
    ("b", "ours gpt2", "`init`, GPT-2", "ours"),
    ("b", "ours roberta", "`init`, RoBERTa-base", "ours"),
    ("c", "focus gpt2", "`deepfocus` 1.0.1, README recipe, GPT-2", "other"),
)
#: Labels of the picture, where there is less room.
SHORT = {
    ("a", "reference float64"): "wechsel 0.0.4\nas shipped",
    ("a", "reference float32"): "wechsel 0.0.4\nfed float32",
    ("a", "ours as reference"): "this project\nsame output",
    ("a", "ours"): "this project\n50 candidates",
    ("d", "numpy"): "bare product\n(the floor)",
    ("b", "reference gpt2"): "wechsel 0.0.4\nGPT-2",
    ("b", "ours gpt2"): "this project\nGPT-2",
    ("b", "ours roberta"): "this project\nRoBERTa-base",
    ("c", "focus gpt2"): "deepfocus 1.0.1\nGPT-2",
}


def summary(results: dict[str, Any]) -> str:
    """The tables as plain text, for the terminal."""
    records = results["records"]
    sections = [_verdict_table(records), _single_table(records), _job_table(records), _growth_table(records)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def write(results: dict[str, Any], page: Path, plot_python: Path) -> None:
    """Write the page, and the picture beside it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    records = results["records"]
    points = page.with_suffix(".points")
    points.write_text(json.dumps(_points(results)))
    subprocess.run([plot_python, PLOTTER, points, page.with_suffix(".svg")], check=True)
    points.unlink()
    profile = results["profile"]
    vocab = f"{profile['vocab']:,}"
    lines = [
        "# Performance",
        "",
        "<!-- Written by `python -m benchmarks.run`; do not edit. -->",
        "",
        f"Measured on {results['machine']['date']} at `{results['commit']}`. Every run is a process of its own, with"
        " the same cores and threads for everybody; the sides take turns. Figures are medians, with the lowest and"
        " highest run where there are several. 1 MB is a million bytes.",
        "",
        f"![Time and memory of this project and its peers]({page.with_suffix('.svg').name})",
        "",
        "## Targets",
        "",
        *_verdict_table(records),
        "",
        f"## One call: {vocab} x {vocab} tokens, {profile['static_dim']} to {profile['width']} dimensions",
        "",
        *_single_table(records),
        "",
        *_single_notes(records),
        "",
        "## The whole job: two `.bin` files to a saved model",
        "",
        *_job_table(records),
        "",
        *_job_notes(profile),
        "",
        "## Growth with the vocabulary",
        "",
        *_growth_table(records),
        "",
        *_growth_notes(records),
        "",
        "## Machine and versions",
        "",
        *_machine(results),
        "",
        "## To repeat it",
        "",
        "`make bench` makes the environments and inputs below `.bench/` (about 11 GB), measures, and writes this page."
        " It goes on where it was interrupted. `python -m benchmarks.run --parts a,d --repeats 5` measures parts alone,"
        " `--quick` tries the harness at small sizes, `--fresh` drops unfinished results.",
        "",
    ]
    page.write_text("\n".join(lines), encoding="utf-8")


def _verdict_table(records: Records) -> list[str]:
    rows = [
        (verdict.part, verdict.target, verdict.found, "yes" if verdict.met else "**no**")
        for verdict in verdicts(records)
    ]
    return _table(("part", "target", "found", "met"), rows)


def _single_table(records: Records) -> list[str]:
    shipped = values(records, "a", "reference float64", "inner", "seconds")
    floor = values(records, "d", "numpy", "inner", "seconds")
    rows = []
    for part, case, label, _ in SINGLE:
        seconds = values(records, part, case, "inner", "seconds")
        peak = values(records, part, case, "inner", "peak_process")
        grown = values(records, part, case, "inner", "peak_growth")
        if seconds and peak and grown:
            rows.append(
                (
                    part,
                    label,
                    _seconds(seconds),
                    _ratio(shipped, seconds),
                    _ratio(seconds, floor),
                    _mb(peak),
                    _mb(grown),
                )
            )
    heads = ("part", "what", "seconds", "times as fast as shipped", "times the floor", "peak, whole process (MB)",
             "growth in the call, outputs included (MB)")  # fmt: skip
    return _table(heads, rows)


def _single_notes(records: Records) -> list[str]:
    notes = [
        "Both sides get the same arrays: seeded, in clusters common to both languages, 12% of the rows equal to"
        " another (tokens that differ in a leading space alone), 2% zero. Before the clock starts each process calls"
        " its function once on 64 tokens, so that neither pays for compiling or lazy imports. The reference gets its"
        " arrays as its own `apply` makes them, and real tokenizers, which its function asks for every neighbour's"
        " name. The floor does nothing with the similarities; its block height is the quickest of five.",
    ]
    for record in of_case(records, "a", "comparison"):
        found = record["inner"]
        notes += [
            "",
            f"Equality, over {found['rows']:,} tokens, {found['rows_with_neighbors']:,} with neighbours:"
            f" {found['same_neighbors']:,} have the same neighbours, {found['swapped_at_ties']:,} others of the same"
            f" similarity to 1e-6 (twins at the last place, where the reference takes whichever its partial sort"
            f" leaves), {found['wrong_neighbors']:,} wrong ones. Largest difference of a similarity"
            f" {found['similarity_difference']:.1e}; of the matrix, where neighbours are the same,"
            f" {found['matrix_difference']:.1e}, and at ties, against the formula in float64 at our neighbours,"
            f" {found['matrix_difference_at_ties']:.1e}.",
        ]
    return notes


def _job_table(records: Records) -> list[str]:
    reference = values(records, "b", "reference gpt2", "process", "seconds")
    rows = []
    for part, case, label, _ in JOBS:
        seconds = values(records, part, case, "process", "seconds")
        peak = values(records, part, case, "process", "peak")
        anonymous = values(records, part, case, "process", "peak_anonymous")
        if seconds and peak and anonymous:
            laps = of_case(records, part, case)[0]["inner"].get("timings") or {}
            steps = ", ".join(f"{name} {value:.1f}" for name, value in laps.items())
            rows.append((part, label, _seconds(seconds), _ratio(reference, seconds), _mb(peak), _mb(anonymous), steps))
    heads = ("part", "what", "seconds", "times as fast as the reference", "peak resident (MB)",
             "peak anonymous (MB)", "seconds by step, first run")  # fmt: skip
    return _table(heads, rows)


def _job_notes(profile: dict[str, Any]) -> list[str]:
    size = 4 * profile["static_dim"] * (profile["words"] + profile["buckets"]) / 1e9
    return [
        "Time and memory of the whole process, from start to exit, imports included. Resident memory counts pages of"
        " mapped files, which the system can drop; anonymous memory is what nothing but swap can take back."
        f" Both `.bin` files hold {profile['words']:,} words and {profile['buckets']:,} buckets of"
        f" {profile['static_dim']} dimensions ({size:.1f} GB each, random rows) and lie in the page cache when a run"
        " starts; `init` has a new home for each run, so it indexes both vocabularies every time. The model is GPT-2's"
        f" architecture with {profile['layers']} layers and random weights, the tokenizers of {profile['vocab']:,}"
        " tokens are trained on generated words. `init` also writes what the pages show: 50 candidates a token, both"
        " static spaces, and the record of the run.",
        "",
        "FOCUS is another method: it copies the tokens that both vocabularies have and makes each other one from those"
        " alone, with the target language's vectors only and no dictionary. It is run in its word-level mode, the one"
        " that takes the same `.bin` file.",
    ]


def _growth_table(records: Records) -> list[str]:
    rows = [
        (f"{size:,}", _seconds(seconds), f"{1e9 * seconds.median / size / size:.2f}", _mb(extra))
        for size, seconds, extra in growth(records)
    ]
    return _table(
        ("tokens of each vocabulary", "seconds", "ns a pair of tokens", "memory beyond inputs and outputs (MB)"), rows
    )


def _growth_notes(records: Records) -> list[str]:
    table = growth(records)
    if len(table) < 3:
        return []
    exponent = growth_exponent([size * size for size, _, _ in table], [seconds.median for _, seconds, _ in table])
    return [
        f"Least squares through the logarithms: time grows as the product of the vocabularies to the {exponent:.2f}."
        " A growth of up to 1.05 counts as no faster than the product. Memory is the highest resident memory during"
        " the call, less what was resident before it and less the arrays returned."
    ]


def _machine(results: dict[str, Any]) -> list[str]:
    about, records = results["machine"], results["records"]
    lines = [
        f"{about['cpu']}, {about['cores']} cores, {about['memory_bytes'] / 1e9:.0f} GB of memory, {about['system']};"
        f" {about['cores']} threads for every BLAS and thread pool. The sources of `wechsel` and `deepfocus` are as"
        " published; their dependencies are the present versions on which they run, the same as this project's where"
        " both use one.",
        "",
    ]
    environments = {record["environment"]: record["versions"] for record in records}
    names = sorted({name for found in environments.values() for name in found})
    columns = [name for name in ("ours", "reference", "focus") if name in environments]
    rows = [(name, *(environments[column].get(name, "") for column in columns)) for name in names]
    lines += [*_table(("package", *columns), rows), ""]
    lines += _table(("environment", "threads and kernels"), sorted(_kernels(records).items()))
    return lines


def _kernels(records: Records) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for record in records:
        for entry in record["inner"].get("libraries") or ():
            words = (entry["internal_api"], entry["version"], entry["architecture"], f"{entry['num_threads']} threads")
            found.setdefault(record["environment"], set()).add(" ".join(str(word) for word in words if word))
    return {name: "; ".join(sorted(entries)) for name, entries in found.items()}


def _points(results: dict[str, Any]) -> dict[str, Any]:
    records = results["records"]

    def bars(rows: Sequence[tuple[str, str, str, str]], *path: str, unit: float = 1.0) -> list[dict[str, Any]]:
        found = []
        for part, case, _, kind in rows:
            value = values(records, part, case, *path)
            if value and (part, case) in SHORT:
                found.append({"label": SHORT[part, case], "kind": kind, **_scaled(value, unit)})
        return found

    return {
        "vocab": results["profile"]["vocab"],
        "call_seconds": bars(SINGLE, "inner", "seconds"),
        "call_memory": bars(SINGLE[:4], "inner", "peak_process", unit=1e9),
        "job_seconds": bars(JOBS, "process", "seconds"),
        "job_memory": bars(JOBS, "process", "peak", unit=1e9),
        "growth": [
            {"size": size, "seconds": _triple(seconds), "extra": _triple(extra)}
            for size, seconds, extra in growth(records)
        ],
    }


def _scaled(value: Spread, unit: float) -> dict[str, float]:
    return {"median": value.median / unit, "low": value.low / unit, "high": value.high / unit}


def _triple(value: Spread) -> list[float]:
    return [value.median, value.low, value.high]


def _seconds(value: Spread) -> str:
    digits = 1 if value.median >= 10 else 2
    text = f"{value.median:.{digits}f}"
    return text if value.n == 1 else f"{text} ({value.low:.{digits}f}-{value.high:.{digits}f})"


def _mb(value: Spread) -> str:
    text = f"{value.median / 1e6:,.0f}"
    return text if value.n == 1 else f"{text} ({value.low / 1e6:,.0f}-{value.high / 1e6:,.0f})"


def _ratio(above: Spread | None, below: Spread | None) -> str:
    return f"{above.median / below.median:.2f}" if above and below else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    return [f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows)]
