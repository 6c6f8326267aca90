"""The race part of docs/results.md: what the recorded races say, every figure read from their files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from wechsel_core import paths
from wechsel_core.evaluation.effort import RANDOM
from wechsel_core.pocket.build.card import table
from wechsel_core.pocket.build.races import REAL_LANGUAGE, REAL_MODEL
from wechsel_core.pocket.build.tokenizers import FAMILIES, TARGET_LANGUAGES
from wechsel_core.services import race_tables
from wechsel_core.services.races import labels, read_race

PAIRS = [(family, language) for family in FAMILIES for language in TARGET_LANGUAGES]
Cell = Callable[[pd.Series], str]


def contents() -> dict[str, str]:
    """Tables and sentences by their place in the hand-written page."""
    races = {pair: _read("race", *pair) for pair in PAIRS}
    ablations = {pair: _read("ablation", *pair) for pair in PAIRS}
    tables = {pair: race_tables.table(race) for pair, race in races.items() if race}
    grids = {pair: race_tables.with_settings(race_tables.table(race)) for pair, race in ablations.items() if race}
    names = labels(next(race for race in races.values() if race))
    return {
        "race_budget": _budget(races),
        "race_state": _state(races),
        "race_end": _by_pair(tables, names, lambda row: f"{row['bits_100']:.3f}{_half(row, 'bits_100')}"),
        "race_start": _by_pair(tables, names, lambda row: f"{row['start']:.3f}"),
        "race_area": _by_pair(tables, names, lambda row: f"{row['area']:.3f}"),
        "race_effort": _by_pair(tables, names, lambda row: str(row["effort_text"]), but=(RANDOM,)),
        "race_cost": _cost(tables, names),
        "race_ranks": _ranks(tables, names),
        "race_verdicts": "\n".join(
            f"- **{family} {language}**: {' '.join(race_tables.sentences(race))}"
            for (family, language), race in races.items() if race
        ),
        "race_grid": _grid(grids),
        "race_pairs": _growth(grids, "dictionary_size", "pairs"),
        "race_words": _growth(grids, "vector_words", "words"),
        "race_real": _start(_read("start", REAL_MODEL, REAL_LANGUAGE)),
    }  # fmt: skip


def _read(kind: str, family: str, language: str) -> dict[str, Any] | None:
    path = paths.recorded_races_dir() / f"{kind}-{family}-{language}.json"
    return read_race(path) if path.is_file() else None


def _state(races: dict[tuple[str, str], dict[str, Any] | None]) -> str:
    """Which races are recorded, and how many seeds of each."""
    parts = []
    for (family, language), race in races.items():
        seeds = len({row["seed"] for row in race["rows"]}) if race else 0
        if seeds:
            parts.append(f"{family} {language} ({seeds} seed{'s' * (seeds > 1)})")
    missing = [f"{family} {language}" for (family, language), race in races.items() if not race]
    rest = f" Not run yet: {', '.join(missing)}; the same command goes on." if missing else ""
    return f"Recorded so far: {', '.join(parts)}.{rest}"


def _heads(found: dict[tuple[str, str], pd.DataFrame]) -> list[str]:
    return [f"{family} {language}" for family, language in found]


def _half(row: pd.Series, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if pd.isna(low) else f" ± {(high - low) / 2:.3f}"


def _by_pair(
    tables: dict[tuple[str, str], pd.DataFrame], names: dict[str, str], cell: Cell, but: tuple[str, ...] = ()
) -> str:
    """A line a contestant, a column a pair."""
    rows = []
    for entry, label in names.items():
        if entry in but:
            continue
        cells = []
        for everyone in tables.values():
            found = everyone[everyone["entry"] == entry]
            cells.append(cell(found.iloc[0]) if len(found) else "–")
        rows.append([label, *cells])
    return table(["contestant", *_heads(tables)], rows)


def _ranks(tables: dict[tuple[str, str], pd.DataFrame], names: dict[str, str]) -> str:
    """Mean place over the pairs, at the start and at the end, and mean difference to WECHSEL at the end."""
    rows = []
    for entry, label in names.items():
        places: dict[str, list[float]] = {"start": [], "bits_100": []}
        gaps = []
        for found in tables.values():
            if entry not in set(found["entry"]):
                continue
            for name, values in places.items():
                values.append(float(found.set_index("entry")[name].rank()[entry]))
            ends = found.set_index("entry")["bits_100"]
            gaps.append(float(ends[entry] - ends["wechsel"]))
        rows.append((np.mean(places["bits_100"]), [
            label, f"{np.mean(places['start']):.1f}", f"{np.mean(places['bits_100']):.1f}",
            f"{np.mean(gaps):+.3f}", f"{min(gaps):+.3f} to {max(gaps):+.3f}",
        ]))  # fmt: skip
    head = ["contestant", "mean place before training", "mean place at the end", "bits per byte above WECHSEL at the end",
            "over the pairs"]  # fmt: skip
    return table(head, [row for _, row in sorted(rows, key=lambda pair: pair[0])])


def _cost(tables: dict[tuple[str, str], pd.DataFrame], names: dict[str, str]) -> str:
    """Medians over the pairs of what the initialisation itself took, and how many words found their translation."""
    everything = pd.concat(tables.values())
    rows = []
    for entry, label in names.items():
        own = everything[everything["entry"] == entry]
        if entry == RANDOM or own.empty:
            continue
        middle = own[["init_seconds", "init_megabytes", "stored", "translation", "mixed", "copied", "drawn"]].median()
        rows.append([
            label, f"{middle['init_seconds']:.2f}", f"{middle['init_megabytes']:.0f}", f"{middle['translation']:.1%}",
            f"{middle['stored']:.1%}", *(f"{middle[name]:,.0f}" for name in ("mixed", "copied", "drawn")),
        ])  # fmt: skip
    head = [
        "contestant",
        "seconds",
        "MB",
        "translated, by rows",
        "translated, by neighbours",
        "mixed",
        "copied",
        "drawn",
    ]
    return table(head, rows)


def _start(race: dict[str, Any] | None) -> str:
    """The real model before any training, the best start first."""
    if race is None:
        return "Not run yet."
    names = labels(race)
    rows = [
        [names[row["entry"]], f"{row['start']:.3f}", *_cost_cells(row)]
        for row in race_tables.table(race).sort_values("start").to_dict("records")
    ]
    return table(["contestant", "bits per byte", "seconds", "MB", "translated, by rows"], rows)


def _cost_cells(row: dict[str, Any]) -> list[str]:
    if row["entry"] == RANDOM:
        return ["–"] * 3
    translated = "–" if pd.isna(row["translation"]) else f"{row['translation']:.1%}"
    return [f"{row['init_seconds']:.1f}", f"{row['init_megabytes']:,.0f}", translated]


def _grid(grids: dict[tuple[str, str], pd.DataFrame]) -> str:
    """k, tau, mode and alignment down, pairs across; the best aligned dial of a mode and pair in bold."""
    order: dict[tuple[Any, ...], list[str]] = {}
    keys = ["alignment", "mode", "neighbors", "temperature"]
    for found in grids.values():
        cells = found[found["mode"].notna()].sort_values(keys, ascending=[False, True, True, True])
        cells = cells.assign(least=cells.groupby(["mode", "alignment"])["start"].transform("min"))
        for row in cells.to_dict("records"):
            text = f"{row['start']:.3f}"
            key = (row["mode"], row["alignment"], row["neighbors"], row["temperature"])
            order.setdefault(key, []).append(f"**{text}**" if row["start"] == row["least"] else text)
    rows = [
        [mode, "yes" if alignment == "procrustes" else "no", k, f"{tau:g}", *cells]
        for (mode, alignment, k, tau), cells in order.items()
    ]
    return table(["mode", "aligned", "k", "tau", *_heads(grids)], rows)


def _growth(grids: dict[tuple[str, str], pd.DataFrame], option: str, what: str) -> str:
    order: dict[str, list[str]] = {}
    for found in grids.values():
        own = found[found[option].notna()].sort_values(option)
        for _, row in own.iterrows():
            order.setdefault(f"{row[option]:,.0f}", []).append(f"{row['start']:.3f}")
        paper = found[
            (found["neighbors"] == 10) & (found["temperature"] == 0.1) & (found["mode"] == "subword")
            & (found["alignment"] == "procrustes") & found["dictionary_size"].isna() & found["vector_words"].isna()
        ]  # fmt: skip
        order.setdefault("all", []).append(f"{paper['start'].iloc[0]:.3f}" if len(paper) else "–")
    rows = [[size, *cells] for size, cells in order.items() if size != "all"] + [["all", *order.get("all", [])]]
    return table([what, *_heads(grids)], rows)


def _budget(races: dict[tuple[str, str], dict[str, Any] | None]) -> str:
    parts = []
    for family in FAMILIES:
        race = next((races[pair] for pair in PAIRS if pair[0] == family and races[pair]), None)
        if race is None:
            continue
        conditions, config = race["conditions"], race["config"]
        parts.append(
            f"{family}: {config['steps']} steps of {conditions['tokens_per_step']:,} tokens, learning rate"
            f" {conditions['learning_rate']:g} after {conditions['warmup_steps']} steps, then down to zero, a score every"
            f" {config['eval_every']} steps on {conditions['held_out_tokens']:,} predicted tokens"
        )
    done = [race for race in races.values() if race]
    runs = sum(len(race["rows"]) for race in done)
    seconds = sum(row.get("train_seconds", 0.0) for race in done for row in race["rows"])
    return f"{runs} runs; {'; '.join(parts)}; {seconds / 3600:.1f} hours of training in all, one thread a run"
