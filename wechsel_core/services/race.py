"""Run a race: make every contestant's result, score it, train it like all the others, and note what came out.

A race is a folder: ``race.json`` holds its configuration and all its figures, ``status.json`` how it goes, ``results``
and ``runs`` what the contestants were made of. What is noted is not done again, so a race that was cut short goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Hashable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core import processes, runs
from wechsel_core.config import InitConfig, RaceConfig, TrainConfig
from wechsel_core.errors import TrainingError, WechselError
from wechsel_core.evaluation.effort import RANDOM
from wechsel_core.json_files import replace_json
from wechsel_core.results import read_candidates, read_manifest
from wechsel_core.services.initialise import initialise, plan_by_method
from wechsel_core.services.inputs import TransferInputs, open_inputs
from wechsel_core.services.materials import Prepared, prepare
from wechsel_core.services.race_entries import Entry, entries, init_config, needs_helper
from wechsel_core.services.race_sharing import RememberedSearch, drop_weights, shared_key, slug
from wechsel_core.services.races import RACE, read_race
from wechsel_core.services.training import result_record, versions
from wechsel_core.transfer.method import Initialisation, Materials
from wechsel_core.types import Progress

#: Seed of the helper model, beside every seed that a race would use.
HELPER_SEED = 4_000_000_000
#: What of a configuration does not change what a method is prepared with.
_NOT_PREPARED = ("neighbors", "temperature", "similarity", "weighting", "copy_byte_pieces", "prefer_word_initial",
                 "distinct_texts", "factors", "anchors", "seed")  # fmt: skip


class RaceStopped(Exception):  # noqa: N818 - it is no error
    """Somebody asked for a stop."""


class Race:
    """One start of a race.

    Parameters
    ----------
    folder : Path
        Made by ``races.create``.
    progress : callable, optional
        Told the share done and the step.
    keep_models : bool
        Keep the weights of results and runs. Off, only their tables and curves stay: a race makes many models.
    """

    def __init__(self, folder: Path, progress: Progress | None = None, *, keep_models: bool = False) -> None:
        self.folder, self.keep_models = folder, keep_models
        self._tell = progress or (lambda share, step: None)
        self.record = read_race(folder)
        self.config = RaceConfig.from_dict(self.record["config"])
        self.entries = entries(self.config)
        self._opened: dict[Hashable, TransferInputs] = {}
        self._prepared: dict[Hashable, Prepared] = {}
        self._planned: dict[Hashable, Initialisation] = {}
        self._text: Any = None
        self._warm = False

    def run(self, only: Sequence[int] | None = None) -> dict[str, Any]:
        """Make every row that is missing; returns the content of ``race.json``.

        Parameters
        ----------
        only : sequence of int, optional
            Seeds to make rows of now; the others are left for later.

        Raises
        ------
        RaceStopped
            If a stop was asked for; what is done is noted.
        WechselError
            If an input cannot be used. A contestant that fails on its own is noted with its reason instead.
        """
        seeds = [seed for seed in self.config.seed_numbers if only is None or seed in only]
        wanted = [(entry, seed) for seed in seeds for entry in self.entries]
        done = {(row["entry"], row["seed"]) for row in self.record["rows"]}
        for place, (entry, seed) in enumerate(wanted):
            if (entry.name, seed) in done:
                continue
            self._phase(place / len(wanted), f"{entry.label}, seed {seed}")
            row = self._row(entry, seed)
            self.record["rows"].append({"entry": entry.name, "seed": seed, **row})
            replace_json(self.folder / RACE, self.record)
        self._tell(1.0, "Done")
        return self.record

    def _phase(self, share: float, sentence: str) -> None:
        if self.stop_wanted():
            raise RaceStopped
        self._tell(share, sentence)
        runs.heartbeat(self.folder, state="running", phase=sentence, step=len(self.record["rows"]))

    def stop_wanted(self) -> bool:
        """Whether somebody asked for a stop."""
        return runs.stop_requested(self.folder)

    def _row(self, entry: Entry, seed: int) -> dict[str, Any]:
        """Everything about one contestant under one seed; a failure of its own is a figure like any other."""
        try:
            helper = str(self._helper) if needs_helper(entry) else None
            config = init_config(entry, self.config, seed, text=self.record["text"], helper=helper)
            result, made = self._initialised(config, entry, seed)
            row = {"init": made, "start": self._start_scores(result, entry, seed)}
            if self.config.steps:
                row |= self._trained(result, entry, seed)
        except WechselError as error:
            if not self.record["rows"]:
                raise  # the very first: more likely the race's fault than the contestant's
            return {"failed": str(error)}
        if not self.keep_models:
            drop_weights(result)
        return row

    # --- initialisation ----------------------------------------------------------------------------------------------

    def _initialised(self, config: InitConfig, entry: Entry, seed: int) -> tuple[Path, dict[str, Any]]:
        """The result of a contestant, and what it took: seconds and memory of the first seed, which shares nothing."""
        out = self.folder / "results" / f"{slug(entry.name)}-s{seed}"

        def make() -> dict[str, Any]:
            return initialise(config, out, force=out.exists(), **self._keeping)

        if not self._warm:  # the first one imports the libraries for all that follow
            make()
            self._warm = True
        with processes.peak_memory() as peak:
            manifest = make()
        timings = manifest["timings"]
        parts = ("static space", "materials", "neighbours", "model")
        held_out = ((manifest["alignment"] or {}).get("held_out") or {}).get("cosine", {}).get("all", {})
        return out, {
            "seconds": round(sum(timings.get(name, 0.0) for name in parts), 3), "bytes": peak.get("bytes"),
            "shared": self._shared, "counts": manifest["counts"], "config_hash": manifest["config_hash"],
            "pairs": (manifest["alignment"] or {}).get("pairs_usable"), "held_out_p_at_1": None if self._shared else held_out.get("p_at_1"),
        }  # fmt: skip

    @property
    def _keeping(self) -> dict[str, Any]:
        return {"opening": self._opening, "preparing": self._preparing, "planning": self._planning}

    def _planning(self, materials: Materials) -> Initialisation:
        """What an earlier seed planned: plans follow from the materials alone, a seed draws the rows that they leave open."""
        config = materials.config
        key = (config.method, shared_key(config, ("seed",) if "seed" in self._indifferent(config) else ()))
        if key not in self._planned or not self._shared:
            self._planned[key] = plan_by_method(materials)
        return self._planned[key]

    def _opening(self, config: InitConfig, tell: Progress) -> TransferInputs:
        key = shared_key(config, self._indifferent(config))
        if key not in self._opened:
            self._opened[key] = open_inputs(config, tell)
        return self._opened[key]

    def _indifferent(self, config: InitConfig) -> tuple[str, ...]:
        """What of a configuration leaves its inputs and materials as they are."""
        return _NOT_PREPARED if config.dictionary_size is None else _NOT_PREPARED[:-1]  # pairs are drawn by the seed

    def _preparing(self, inputs: TransferInputs, *rest: Any) -> Prepared:
        """What an earlier contestant was prepared with, if it is the same; the first seed's methods prepare themselves."""
        config: InitConfig = rest[2]
        key = shared_key(config, self._indifferent(config))
        measured = self.config.methods.strip() != "ablation" and config.seed == self.config.seed_numbers[0]
        self._shared = key in self._prepared and not measured
        if not self._shared:
            made = prepare(inputs, *rest)
            search = RememberedSearch(made.materials.nearest)
            materials = dataclasses.replace(made.materials, nearest=made.materials.nearest if measured else search)
            self._prepared[key] = dataclasses.replace(made, materials=dataclasses.replace(materials, nearest=search))
            return dataclasses.replace(made, materials=dataclasses.replace(materials, config=config))
        kept = self._prepared[key]
        return dataclasses.replace(kept, materials=dataclasses.replace(kept.materials, config=config))

    @cached_property
    def _helper(self) -> Path:
        """A model of the target tokenizer, trained from scratch on the race's text: what CLP and OMP compare."""
        model = self.folder / "helper" / "model"
        if not model.is_dir():
            config = init_config(self.entries[-1], self.config, HELPER_SEED, text=self.record["text"], helper=None)
            result = self.folder / "results" / "helper"
            initialise(config, result, force=result.exists(), **self._keeping)
            steps = self.config.helper_steps or 4 * self.config.steps or 400
            folder = self._train(self._train_config(result, RANDOM, HELPER_SEED, steps))
            metrics = runs.read_metrics(folder)
            last = metrics[metrics["kind"] == "eval"].iloc[-1]
            self.record["helper"] = {
                "steps": steps, "seconds": float(metrics["seconds"].max()), "bits_per_byte": float(last["bits_per_byte"]),
            }  # fmt: skip
            replace_json(self.folder / RACE, self.record)
            model.parent.mkdir(exist_ok=True)
            (folder / runs.MODEL).rename(model)
            drop_weights(result)
        return model

    # --- scores and training -----------------------------------------------------------------------------------------

    def _start_scores(self, result: Path, entry: Entry, seed: int) -> dict[str, Any]:
        """Held-out loss and token accuracy before any training, and how many dictionary words found their translation."""
        from wechsel_core.evaluation.token_translation import precision_of_rows, precision_of_stored
        from wechsel_core.models import input_matrix
        from wechsel_core.training import arms

        if self.config.threads:
            import torch

            torch.set_num_threads(self.config.threads)
        arm = RANDOM if entry.method == RANDOM else "wechsel"
        start = arms.start_model(result, arm, seed)
        text = self._prepare_text(self._train_config(result, arm, seed, max(1, self.config.steps)), start)
        score = text.held_out.score(start.model)
        scores = {
            "loss": score.loss, "bits_per_byte": score.bits_per_byte, "accuracy": score.accuracy,
            "perplexity": score.perplexity if np.isfinite(score.perplexity) else None,
        }  # fmt: skip
        if entry.method != RANDOM:
            pairs, source, candidates = self._translations
            of_stored = precision_of_stored(pairs, read_candidates(result).ids)
            of_rows = precision_of_rows(pairs, source, input_matrix(start.model), candidates)
            scores |= {"translation_of_stored": of_stored, "translation_of_rows": of_rows}
        return {name: _rounded(value) for name, value in scores.items()}

    @cached_property
    def _translations(self) -> tuple[Any, np.ndarray, np.ndarray]:
        """Dictionary pairs that are one token on both sides, the source rows, and which of them may be found."""
        from wechsel_core.assets import resolve
        from wechsel_core.dictionaries import read_dictionary
        from wechsel_core.evaluation.token_translation import single_token_pairs
        from wechsel_core.services.inputs import default_name
        from wechsel_core.tokenizers.table import token_table

        inputs = next(iter(self._opened.values()))
        source, target = token_table(inputs.source.tokenizer), token_table(inputs.target_tokenizer)
        name = self.config.dictionary or default_name("dictionary", self.config.target_language, "dictionary")
        pairs = single_token_pairs(read_dictionary(Path(resolve("dictionary", name, self._tell))).pairs, source, target)
        return pairs, inputs.source.skeleton.rows["input"][: len(source)], ~source.is_special

    def _trained(self, result: Path, entry: Entry, seed: int) -> dict[str, Any]:
        """The curve of a contestant: [step, loss, bits per byte] of every score."""
        arm = RANDOM if entry.method == RANDOM else "wechsel"
        folder = self._train(self._train_config(result, arm, seed, self.config.steps))
        if not self.keep_models:
            shutil.rmtree(folder / runs.MODEL, ignore_errors=True)
        metrics = runs.read_metrics(folder)
        scored = metrics[metrics["kind"] == "eval"].drop_duplicates("step", keep="last").sort_values("step")
        prepared = runs.read_run(folder)["prepared"]
        self._check_conditions(prepared["group_hash"])
        self.record.setdefault("conditions", {
            name: prepared[name] for name in (
                "train_sha256", "held_out_sha256", "tokenizer_sha256", "tokens_per_step", "block_size", "batch_size",
                "learning_rate", "warmup_steps", "parameters", "unigram_bits_per_byte", "held_out_tokens", "group_hash",
            ) if name in prepared
        })  # fmt: skip
        curve = [[int(row.step), _rounded(row.loss), _rounded(row.bits_per_byte)] for row in scored.itertuples()]
        return {
            "curve": curve, "train_seconds": round(float(metrics["seconds"].max()), 2),
            "group_hash": prepared["group_hash"],
        }  # fmt: skip

    def _check_conditions(self, group_hash: str) -> None:
        """A race that goes on elsewhere must still be the same race."""
        known = (self.record.get("conditions") or {}).get("group_hash", group_hash)
        if known != group_hash:
            raise RaceStopped(
                f"{self.folder.name} was begun under other conditions (text, recipe or library): begin it anew"
            )

    def _train_config(self, result: Path, arm: str, seed: int, steps: int) -> TrainConfig:
        config = self.config
        return TrainConfig(
            result=str(result), arm=arm, text=self.record["text"], held_out=config.held_out, steps=steps, seed=seed,
            batch_size=config.batch_size, block_size=config.block_size, learning_rate=config.learning_rate,
            eval_every=config.eval_every or max(1, steps // 10), held_out_tokens=config.held_out_tokens,
            save_every=steps, device=config.device, threads=config.threads,
        )  # fmt: skip

    def _train(self, config: TrainConfig) -> Path:
        """One run in this process, in the race's folder; it goes on where it was cut short."""
        from wechsel_core.training.worker import Worker

        place = self.folder / "runs"
        folder = place / runs.new_id(config)
        if not folder.exists():
            result = Path(config.result)
            kind = read_manifest(result)["inputs"]["source_model"]["kind"]
            runs.create_run(config, result_record(result, kind), versions(), place)
        if runs.read_status(folder)["state"] != "finished":
            runs.clear_stop(folder)
            with (folder / runs.LOG).open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
                Worker(folder, self.stop_wanted, self._prepare_of_run).main()
        status = runs.read_status(folder)
        if status["state"] == "stopped":
            raise RaceStopped
        if status["state"] != "finished":
            raise TrainingError(str(status.get("reason") or "the run failed"))
        return folder

    def _prepare_of_run(self, config: TrainConfig, start: Any, recipe: Any, tell: Progress) -> Any:
        from wechsel_core.training.prepared_text import prepare_text

        if self._text is None:
            self._text = prepare_text(config, start, recipe, tell)
        return self._text

    def _prepare_text(self, config: TrainConfig, start: Any) -> Any:
        from wechsel_core.training.recipe import resolve
        from wechsel_core.training.worker import longest_block

        parameters = sum(parameter.numel() for parameter in start.model.parameters())
        recipe = resolve(config, kind=start.kind, parameters=parameters, longest=longest_block(start))
        return self._prepare_of_run(config, start, recipe, self._tell)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value
