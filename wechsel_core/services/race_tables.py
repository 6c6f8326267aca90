"""A race as tables and sentences, for pages, command line and documents."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from wechsel_core.evaluation.effort import RANDOM
from wechsel_core.evaluation.race import BUDGETS, Interval, ratio_text, summary, verdict
from wechsel_core.services.race_entries import parse
from wechsel_core.services.races import curves, labels


def table(record: dict[str, Any]) -> pd.DataFrame:
    """One row a contestant, the best at the end first.

    Columns: entry, label, seeds, start, start_low, start_high, then bits_25, bits_50, bits_100 and area with their
    ends where the race trained, effort, effort_low, effort_high (numbers) and effort_text, accuracy, translation
    (P@1 of the rows), stored (P@1 of the stored neighbours), init_seconds, init_megabytes, mixed, copied, drawn.
    """
    named = labels(record)
    rows = []
    for found in summary(curves(record)):
        own = [row for row in record["rows"] if row["entry"] == found["entry"] and not row.get("failed")]
        line: dict[str, Any] = {"entry": found["entry"], "label": named[found["entry"]], "seeds": len(found["seeds"])}
        line |= _ends("start", found["start"])
        for share in BUDGETS:
            if found["at"]:
                line |= _ends(f"bits_{share * 100:.0f}", found["at"][share])
        if found["area"]:
            line |= _ends("area", found["area"])
        if found["at"]:
            line |= _effort(found["effort"])
        rows.append(line | _made(own, found["entry"]))
    return pd.DataFrame(rows)


def _ends(name: str, value: Interval) -> dict[str, float | None]:
    return {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}


def _effort(found: Any) -> dict[str, Any]:
    if found is None:
        return {"effort": None, "effort_low": None, "effort_high": None, "effort_text": "–"}
    spread = f" ({ratio_text(found.least)} to {ratio_text(found.most)})" if len(found.seeds) > 1 else ""
    return {
        "effort": found.median.value, "effort_low": found.least.value, "effort_high": found.most.value,
        "effort_text": ratio_text(found.median) + spread,
    }  # fmt: skip


def _made(rows: list[dict[str, Any]], entry: str) -> dict[str, Any]:
    """What the initialisation itself took and gave; times and memory of runs that shared nothing."""
    alone = [row["init"] for row in rows if not row["init"]["shared"]]
    sizes = [made["bytes"] for made in alone if made["bytes"] is not None]
    counts = rows[0]["init"]["counts"] if rows else {}

    def mean(name: str, inner: str | None = None) -> float | None:
        values = [row["start"].get(name) for row in rows]
        values = [value[inner] for value in values if value] if inner else values
        found = [value for value in values if value is not None]
        return float(np.mean(found)) if found else None

    scratch = entry == RANDOM
    return {
        "accuracy": mean("accuracy"), "translation": mean("translation_of_rows", "p_at_1"),
        "stored": mean("translation_of_stored", "p_at_1"),
        "init_seconds": float(np.median([made["seconds"] for made in alone])) if alone and not scratch else None,
        "init_megabytes": float(np.median(sizes)) / 1e6 if sizes and not scratch else None,
        "mixed": None if scratch else counts.get("mixed"), "copied": None if scratch else counts.get("copied"),
        "drawn": None if scratch else counts.get("fallback"),
    }  # fmt: skip


def with_settings(found: pd.DataFrame) -> pd.DataFrame:
    """The WECHSEL contestants of ``table`` with their options as columns, defaults where an entry leaves them open.

    Adds neighbors, temperature, mode (None where it is left open), alignment, dictionary_size and vector_words (NaN: all).
    """
    rows = []
    for line in found.to_dict("records"):
        entry = parse(line["entry"])
        if entry.method != "wechsel":
            continue
        usual = {"neighbors": 10, "temperature": 0.1, "mode": None, "alignment": "procrustes", "dictionary_size": np.nan,
                 "vector_words": np.nan}  # fmt: skip
        if set(entry.options) <= set(usual):
            rows.append({**line, **usual, **entry.options})
    columns = ["entry", "neighbors", "temperature", "mode", "alignment", "dictionary_size", "vector_words"]
    return pd.DataFrame(rows, columns=None if rows else columns)


def curve_table(record: dict[str, Any]) -> pd.DataFrame:
    """Every score of every contestant and seed: entry, label, seed, step, loss, bits_per_byte."""
    named = labels(record)
    return pd.DataFrame(
        [
            {
                "entry": c.entry,
                "label": named[c.entry],
                "seed": c.seed,
                "step": int(step),
                "loss": loss,
                "bits_per_byte": bits,
            }
            for c in curves(record)
            for step, loss, bits in zip(c.steps, c.losses, c.bits, strict=True)
        ]
    )


def sentences(record: dict[str, Any]) -> list[str]:
    """The verdict, and what failed."""
    found = verdict(summary(curves(record)), labels(record))
    named = labels(record)
    failed = {row["entry"]: row["failed"] for row in record["rows"] if row.get("failed")}
    return found + [f"{named[entry]} did not run: {reason}" for entry, reason in failed.items()]


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A race for a program: config, conditions, helper, table, verdict and every curve."""
    rows = table(record)
    clean = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return {
        "id": record["id"], "config": record["config"], "conditions": record.get("conditions"),
        "helper": record.get("helper"), "table": clean, "verdict": sentences(record),
        "curves": [
            {"entry": c.entry, "seed": c.seed, **{f.name: getattr(c, f.name).tolist() for f in dataclasses.fields(c)[2:]}}
            for c in curves(record)
        ],
    }  # fmt: skip


def text(record: dict[str, Any]) -> str:
    """A race for a terminal."""
    rows = table(record)
    trained = "bits_100" in rows
    lines = [
        f"{'contestant':<34} {'start':>7} {'end':>7} {'area':>7}  effort"
        if trained
        else f"{'contestant':<34} {'start':>7}"
    ]
    for row in rows.to_dict("records"):
        line = f"{row['label'][:34]:<34} {row['start']:7.3f}"
        if trained:
            line += f" {row['bits_100']:7.3f} {row['area']:7.3f}  {row['effort_text']}"
        lines.append(line)
    return "\n".join(["Held-out bits per byte, mean over the seeds:", *lines, "", *sentences(record)])
