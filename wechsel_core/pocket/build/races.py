"""The recorded races: every method on every pocket pair, the ablation grid, and a real model, kept as one file each.

Two processes run side by side, one a family, each on one thread and in a home of its own: the first seed of every pair,
the ablations, then the other seeds; last the real model, before any training. Whatever is done is recorded, and a later
start goes on from the records, on another machine too as long as the text is the same to the byte.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wechsel_core.config import RaceConfig
from wechsel_core.json_files import replace_json
from wechsel_core.pocket.build.models import BLOCK_SIZE
from wechsel_core.pocket.build.recorded import ROOT
from wechsel_core.pocket.build.tokenizers import FAMILIES, TARGET_LANGUAGES
from wechsel_core.services.race_entries import ALL, entries, init_config, needs_helper, parse
from wechsel_core.services.races import RACE, WORKER, create, read_race

STEPS, EVAL_EVERY, SEEDS = 30, 6, "0,1,2"
#: Tokens a step: a masked model guesses 15 percent of them, so it takes twice as many for about the same time.
TOKENS_PER_STEP = {"gpt2": 512, "roberta": 1024}
HELD_OUT_TOKENS = {"gpt2": 2_000, "roberta": 4_000}
#: A model of the wheel tier, and the language that it goes to.
REAL_MODEL, REAL_LANGUAGE = "smollm2-135m", "fr"
#: What can be told of it here without training: CLP and OMP would need a helper of its size.
REAL_METHODS = tuple(name for name in ALL if not needs_helper(parse(name)))
#: What a recorded race leaves out: folders of the machine that it ran on.
_PATHS = ("text", "held_out")


def race_configs(corpora: Path, family: str, language: str) -> dict[str, RaceConfig]:
    """The races of a pocket family, or of the real model, in one language, by the name of their file."""
    common: dict[str, Any] = {
        "target_language": language, "text": str(corpora / f"{language}.train.txt"),
        "held_out": str(corpora / f"{language}.heldout.txt"), "device": "cpu", "threads": 1,
    }  # fmt: skip
    if family == REAL_MODEL:
        alone: dict[str, Any] = {"methods": ",".join(REAL_METHODS), "seeds": "0", "steps": 0, "held_out_tokens": 2_000}
        return {f"start-{family}-{language}": RaceConfig(**common, **alone, source=family, batch_size=1)}
    common |= {
        "source": f"pocket-{family}", "held_out_tokens": HELD_OUT_TOKENS[family],
        "batch_size": TOKENS_PER_STEP[family] // BLOCK_SIZE[family],
    }  # fmt: skip
    return {
        f"race-{family}-{language}": RaceConfig(**common, seeds=SEEDS, steps=STEPS, eval_every=EVAL_EVERY),
        f"ablation-{family}-{language}": RaceConfig(**common, methods="ablation", seeds="0", steps=0),
    }


def record(folder: Path, out: Path) -> None:
    """Keep what a race has noted, without the folders of this machine."""
    race = read_race(folder)
    race["id"] = out.stem
    race["text"] = Path(race["text"]).name
    for name in _PATHS:
        race["config"][name] = Path(race["config"][name]).name
    name_hashes(race)
    partial = out.with_name(f".{out.name}")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(json.dumps(race, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    partial.rename(out)


def name_hashes(race: dict[str, Any]) -> None:
    """Let the hashes of a record be those of the settings that it names, not of folders of the machine that ran it."""
    config = RaceConfig.from_dict(race["config"])
    contestants = {entry.name: entry for entry in entries(config)}
    race["config_hash"] = config.hash
    for row in race["rows"]:
        if made := row.get("init"):
            entry = contestants[row["entry"]]
            made["config_hash"] = init_config(entry, config, row["seed"], text=race["text"], helper=None).hash


def main(work: Path, out: Path, report: Callable[[str], object]) -> None:
    """Run every race that is not whole yet, and record all that there is."""
    threads = [threading.Thread(target=_family, args=(family, work, out, report)) for family in FAMILIES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _family(REAL_MODEL, work, out, report, (REAL_LANGUAGE,))


def _family(
    family: str,
    work: Path,
    out: Path,
    report: Callable[[str], object],
    languages: tuple[str, ...] = tuple(TARGET_LANGUAGES),
) -> None:
    home = work / "races" / f"home-{family}"
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"WECHSEL_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    for seed in SEEDS.split(","):
        for language in languages:
            for name, config in race_configs(work / "corpora", family, language).items():
                if int(seed) not in config.seed_numbers:
                    continue
                folder = create(config, work / "races" / name)
                take_up(folder, out / f"{name}.json")
                with (home / "commands.log").open("ab") as log:
                    ended = subprocess.run(
                        [sys.executable, "-m", WORKER, str(folder), seed], stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log, env=environment, check=False,
                    )  # fmt: skip
                record(folder, out / f"{name}.json")
                report(f"{name}, seed {seed}: " + ("done" if not ended.returncode else f"failed, see {home.name}"))


def take_up(folder: Path, recorded: Path) -> None:
    """Put what an earlier start recorded into a race's folder that has nothing yet."""
    race = read_race(folder)
    if race["rows"] or not recorded.is_file():
        return
    kept = read_race(recorded)
    replace_json(folder / RACE, race | {name: kept[name] for name in ("rows", "conditions", "helper") if name in kept})
