"""docs/results.md: what the recorded runs say, every figure read from their folders."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from wechsel_core import runs
from wechsel_core.pocket.build import races_page
from wechsel_core.pocket.build.card import fill, table
from wechsel_core.pocket.build.recorded import ARMS
from wechsel_core.pocket.build.tokenizers import FAMILIES, TARGET_LANGUAGES
from wechsel_core.services.curves import SHARES, compare, shown_bound

Group = tuple[str, str]


def write_page(template: Path, out: Path) -> None:
    """Fill ``{{name}}`` places of the hand-written page with tables of the recorded runs."""
    groups = _groups()
    found = {group: compare(ids) for group, ids in groups.items()}
    first = [entry["run"] for entry in runs.list_runs() if entry["recorded"]]
    contents = {
        "scores": _scores(found),
        "effort": _effort(found),
        "text": _texts(groups),
        "budget": _budget(first),
    }
    fill(template, contents | races_page.contents(), out)


def _groups() -> dict[Group, list[str]]:
    """The recorded runs of each model and language, in the order of the tables."""
    recorded = [entry for entry in runs.list_runs() if entry["recorded"]]
    groups = {
        (family, language): [
            entry["id"] for entry in recorded if entry["run"]["result"]["name"] == f"pocket-{family}-{language}"
        ]
        for family in FAMILIES
        for language in TARGET_LANGUAGES
    }
    return {group: sorted(ids) for group, ids in groups.items() if ids}


def _scores(found: dict[Group, dict[str, Any]]) -> str:
    rows = []
    for (family, language), record in found.items():
        for arm in (name for name in ARMS if name in record["arms"]):
            at = {entry["share"]: entry for entry in record["arms"][arm]["shares"]}
            cells = [f"{at[share]['value']:.3f}" for share in SHARES]
            last = at[SHARES[-1]]
            cells.append(f"{last['least']:.3f} to {last['most']:.3f}")
            rows.append([f"{family} {language}", arm, *cells, last["seeds"]])
    head = ["model", "arm", *(f"{share:.0%}" for share in SHARES), "over the seeds, at the end", "seeds"]
    return table(head, rows)


def _effort(found: dict[Group, dict[str, Any]]) -> str:
    rows = []
    for (family, language), record in found.items():
        row: list[Any] = [f"{family} {language}"]
        for arm in ARMS:
            ratio = record["effort_ratio"].get(arm)
            if ratio is None:
                continue
            least, most = (shown_bound(ratio[end], ratio[f"{end}_relation"]) for end in ("least", "most"))
            row += [shown_bound(ratio["ratio"], ratio["relation"]), f"{least} to {most}"]
        rows.append(row)
    arms = [arm for arm in ARMS if arm != "random"]
    return table(["model", *(cell for arm in arms for cell in (arm, "over the seeds"))], rows)


def _texts(groups: dict[Group, list[str]]) -> str:
    rows = []
    for (family, language), ids in groups.items():
        prepared = runs.read_run(runs.run_folder(ids[0]))["prepared"]
        tokens = prepared["train_blocks"] * prepared["block_size"]
        seen = prepared["tokens_per_step"] * prepared["steps"]
        rows.append(
            [
                f"{family} {language}",
                f"{tokens / 1e6:.2f} M",
                f"{seen / tokens:.0%}",
                f"{prepared['held_out_tokens']:,}",
            ]
            + [f"{prepared['unigram_bits_per_byte']:.3f}", f"`{prepared['train_sha256'][:12]}`"]
            + [f"`{prepared['held_out_sha256'][:12]}`"]
        )
    head = ["model", "training tokens there are", "of them seen", "held-out tokens", "unigram, bits per byte",
            "train sha256", "held-out sha256"]  # fmt: skip
    return table(head, rows)


def _budget(recorded: list[dict[str, Any]]) -> str:
    prepared = recorded[0]["prepared"]
    days = sorted({run["created"][:10] for run in recorded})
    seconds = [float(runs.read_metrics(runs.run_folder(run["id"]))["seconds"].max()) for run in recorded]
    return (
        f"{len(recorded)} runs of {prepared['steps']} steps of {prepared['tokens_per_step']:,} tokens"
        f" ({prepared['steps'] * prepared['tokens_per_step']:,} tokens a run), learning rate"
        f" {prepared['learning_rate']:g}, {prepared['warmup_steps']} steps of warm-up and linear decay to zero, AdamW"
        f" {tuple(prepared['betas'])}, weight decay {prepared['weight_decay']:g}, float32, one thread a run; made on"
        f" {' and '.join(days)}, {sum(seconds) / 3600:.1f} hours of training in all, a median of"
        f" {median(seconds):.0f} seconds a run"
    )
