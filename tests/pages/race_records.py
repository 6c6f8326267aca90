"""Made-up races, as ``race.json`` keeps them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wechsel_core import paths
from wechsel_core.config import RaceConfig, config_hash
from wechsel_core.services.race_entries import entries
from wechsel_core.services.races import SCHEMA_VERSION


def race_record(
    ends: Mapping[str, float], *, steps: int = 20, seeds: str = "0,1,2", failed: str | None = None, **config: Any
) -> dict[str, Any]:
    """A race in which every contestant falls from 4 bits to its end, a hundredth apart from seed to seed."""
    settings = RaceConfig(
        methods=",".join(name for name in ends if name != "random"), seeds=seeds, steps=steps, text="t.txt", **config
    )
    contestants = entries(settings)
    translation = {"p_at_1": 0.4, "p_at_5": 0.5, "p_at_10": 0.6, "n": 100}
    rows: list[dict[str, Any]] = []
    for seed in settings.seed_numbers:
        for entry in contestants:
            if entry.name == failed:
                rows.append({"entry": entry.name, "seed": seed, "failed": "no <b>vectors</b>; some; give them"})
                continue
            end = ends[entry.name] + 0.01 * seed
            points = (
                [
                    [step, 3 * (4 + (end - 4) * step / steps), 4 + (end - 4) * step / steps]
                    for step in range(0, steps + 1, 5)
                ]
                if steps
                else []
            )
            row = {
                "entry": entry.name, "seed": seed,
                "init": {"seconds": 1.5, "bytes": 3_000_000, "shared": False, "counts": {"mixed": 10, "copied": 2, "fallback": 1}},
                "start": {"loss": 12.0, "bits_per_byte": 4.0 if steps else end, "accuracy": 0.1, "perplexity": 9.0,
                          "translation_of_rows": translation, "translation_of_stored": translation},
            }  # fmt: skip
            rows.append(row | ({"curve": points, "train_seconds": 2.0, "group_hash": "g"} if steps else {}))
    return {
        "schema_version": SCHEMA_VERSION, "id": "made", "created": "2026-11-27T06:00:00+00:00", "config": settings.to_dict(),
        "config_hash": config_hash(settings.to_dict()), "text": "t.txt", "versions": {},
        "entries": [dataclasses.asdict(entry) for entry in contestants], "rows": rows, "conditions": {"batch_size": 2},
        "helper": {"steps": 80, "seconds": 9.0, "bits_per_byte": 2.5},
    }  # fmt: skip


def write_recorded(name: str, record: dict[str, Any]) -> Path:
    """Keep a race as one that came with the lab."""
    path = paths.recorded_races_dir() / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), "utf-8")
    return path
